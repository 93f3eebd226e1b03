#include "coffer/ops/arrival.h"

#include <unistd.h>

#include "coffer/base/path.h"

namespace coffer {
namespace {

constexpr std::string_view kArrivalLock = ".coffer-lock";
constexpr uint32_t kArrivalMode = 0700;
constexpr uint32_t kOwnersMode = 0600;
constexpr uint32_t kOthersWrite = 022;

Status check_is_free(Disk& disk, const std::string& directory) {
  const auto entries = disk.list(directory);
  if (entries.code() == Code::kNotFound || (entries.is_ok() && entries->empty())) return Status::ok();
  if (!entries.is_ok()) return entries.status();
  return {Code::kAlreadyExists, directory + ": is not empty; files are received into a new directory only"};
}

// Nobody else has put anything there that is to be gone on with.
Status check_is_ours(Disk& disk, const std::string& place) {
  COFFER_ASSIGN(const std::string link, disk.link_target(place));
  COFFER_ASSIGN(const FileInfo info, disk.info(place));
  if (link.empty() && info.is_directory && info.owner == ::geteuid() && (info.mode & kOthersWrite) == 0) {
    return Status::ok();
  }
  return {Code::kPermissionDenied, place + ": expected a directory of this user's that nobody else may write to; "
                                           "remove it, and begin anew"};
}

}  // namespace

std::string Arrival::lock_path() const { return place_ + "/" + std::string(kArrivalLock); }

Result<Arrival> Arrival::begin(Disk& disk, std::string directory) {
  COFFER_TRY(check_is_free(disk, directory));
  std::string place = arrival_of(directory);
  const Status made = disk.make_directory(place, kArrivalMode);
  if (!made.is_ok() && made.code() != Code::kAlreadyExists) return made;
  COFFER_TRY(check_is_ours(disk, place));
  Arrival out(disk, std::move(directory), std::move(place), nullptr);
  auto lock = disk.lock(out.lock_path(), false);
  if (lock.code() == Code::kBusy) return {Code::kBusy, out.place_ + ": something else is just arriving there"};
  if (!lock.is_ok()) return lock.status();
  out.lock_ = std::move(*lock);
  return out;
}

Status Arrival::check_had(const std::vector<StreamedFile>& files) const {
  for (const StreamedFile& file : files) {
    if (file.from == 0) continue;
    const std::string path = place_ + "/" + file.name;
    const auto opened = disk_.open_read_itself(path);
    const auto digest = opened.is_ok() ? digest_of_body(**opened, file.from) : opened.status();
    if (digest.is_ok() && *digest == file.had) continue;
    if (!digest.is_ok() && digest.code() != Code::kNotFound && digest.code() != Code::kTruncated) {
      return digest.status();
    }
    return {Code::kConflict, path + ": the stream leaves out what it takes to be here, and is not; send it again, " +
                                 "whole or with the list that --have makes now"};
  }
  return Status::ok();
}

bool Arrival::has_body(const StreamedFile& file) const {
  const auto opened = disk_.open_read_itself(place_ + "/" + file.name);
  if (!opened.is_ok()) return false;
  const auto size = (*opened)->size();
  if (!size.is_ok() || *size != kEnvelopeSize + file.body_size) return false;
  const auto digest = digest_of_body(**opened, file.body_size);
  return digest.is_ok() && *digest == file.had;
}

Status Arrival::remove_others(const std::string& below, const std::set<std::string_view>& names) {
  const std::string directory = below.empty() ? place_ : place_ + "/" + below;
  COFFER_ASSIGN(const std::vector<DirectoryEntry> entries, disk_.list(directory));
  for (const DirectoryEntry& entry : entries) {
    const std::string name = below.empty() ? entry.name : below + "/" + entry.name;
    if (names.contains(name) && !entry.is_directory && !entry.is_link) continue;
    if (below.empty() && entry.name == kArrivalLock) continue;
    if (entry.is_directory && !entry.is_link) {
      COFFER_TRY(remove_others(name, names));
      COFFER_ASSIGN(const auto left, disk_.list(place_ + "/" + name));
      if (!left.empty()) continue;
    }
    COFFER_TRY(disk_.remove(place_ + "/" + name));
  }
  return Status::ok();
}

Status Arrival::keep_only(const std::vector<StreamedFile>& files) {
  std::set<std::string_view> names;
  for (const StreamedFile& file : files) names.insert(file.name);
  return remove_others("", names);
}

Status Arrival::make_parents(const std::string& name) {
  const size_t end = name.rfind('/');
  if (end == std::string::npos || name.substr(0, end) == last_parent_) return Status::ok();
  for (size_t slash = name.find('/'); slash != std::string::npos; slash = name.find('/', slash + 1)) {
    const Status made = disk_.make_directory(place_ + "/" + name.substr(0, slash), kArrivalMode);
    if (!made.is_ok() && made.code() != Code::kAlreadyExists) return made;
  }
  last_parent_ = name.substr(0, end);
  return Status::ok();
}

Result<std::unique_ptr<WritableFile>> Arrival::open(const StreamedFile& file) {
  const std::string path = place_ + "/" + file.name;
  if (file.from > 0) {
    COFFER_ASSIGN(auto out, disk_.open_write(path));
    COFFER_TRY(out->truncate(kEnvelopeSize + file.from));
    return out;
  }
  COFFER_TRY(make_parents(file.name));
  const Status removed = disk_.remove(path);
  if (!removed.is_ok() && removed.code() != Code::kNotFound) return removed;
  return disk_.create(path, file.mode | kOwnersMode);
}

Status Arrival::finish() {
  COFFER_TRY(disk_.sync_all(place_));
  COFFER_TRY(disk_.remove(lock_path()));
  COFFER_TRY(disk_.rename(place_, directory_));
  return disk_.sync_directory(std::string(parent_of(directory_)));
}

}  // namespace coffer
