// How a successor that is made takes the places of its file.
#include "coffer/base/codec.h"
#include "coffer/base/crc32c.h"
#include "coffer/base/path.h"
#include "coffer/files/counted_file.h"
#include "coffer/files/marked_files.h"
#include "coffer/files/successor.h"

namespace coffer {
namespace {

std::string in_directory_of(std::string_view path, std::string_view name) {
  const std::string_view directory = path.substr(0, path.size() - base_name(path).size());
  return std::string(directory) + std::string(name);
}

}  // namespace

bool is_successor(std::string_view path) {
  const std::string_view name = base_name(path);
  return name.starts_with(kSuccessorPrefix) || name.starts_with(kLongSuccessorPrefix);
}

std::string successor_of(std::string_view path) {
  constexpr size_t kNameMax = 255, kShown = 200;
  const std::string_view name = base_name(path);
  if (kSuccessorPrefix.size() + name.size() <= kNameMax) {
    return in_directory_of(path, std::string(kSuccessorPrefix) + std::string(name));
  }
  std::array<uint8_t, 4> which;
  store_le32(which.data(), crc32c(as_bytes(name)));
  return in_directory_of(path, std::string(kLongSuccessorPrefix) + to_hex(which) + "." +
                                   std::string(name.substr(0, kShown)));
}

Result<std::string> Successors::place_of(const std::string& successor) const {
  const std::string_view name = base_name(successor);
  if (name.starts_with(kSuccessorPrefix)) return in_directory_of(successor, name.substr(kSuccessorPrefix.size()));
  std::string out;
  COFFER_ASSIGN(const auto entries, coffer_.disk().list(std::string(parent_of(successor))));
  for (const DirectoryEntry& entry : entries) {
    const std::string path = in_directory_of(successor, entry.name);
    if (is_successor(path) || successor_of(path) != successor) continue;
    if (!out.empty()) return {Code::kConflict, successor + ": may be of " + out + " or of " + path + "; rename one"};
    out = path;
  }
  if (!out.empty()) return out;
  return {Code::kNotFound, successor + ": the file that it is of is gone"};
}

Status Successors::let_in(const std::vector<std::string>& names, const NewFilePlace& place, const Made& made) {
  const Domain* domain = coffer_.keyring()->find_key(made.fields.domain_key_id).domain;
  for (const std::string& name : names) {
    const std::string directory(parent_of(name));
    if (directory == parent_of(names.front())) continue;
    const bool configured =
        domain == nullptr || place.role != EngineRole::kData || coffer_.places().domain_of(name) == domain->name;
    COFFER_TRY(coffer_.stores().allow(directory, made.fields.store_id,
                                      configured ? kSystemDomain : std::string_view(domain->name),
                                      LineageHow::kLinked));
  }
  return Status::ok();
}

Status Successors::replace_by(const std::vector<std::string>& names, EngineRole role, const FileInfo& info,
                              const Make& make) {
  has_begun_ = false;
  auto made = make();
  Status outcome = made.is_ok() ? take_places(names, info, role, *made) : made.status();
  // S2: what is left of its names then is for settle().
  if (outcome.is_ok() || has_begun_) return outcome;
  for (const std::string& name : names) {
    const Status removed = coffer_.disk().remove(successor_of(name));
    if (!removed.is_ok() && removed.code() != Code::kNotFound) return outcome.with_context(removed.to_string());
  }
  return outcome;
}

// Under the lock of envelopes, so that a rewrap beside us finds the file it looked at, or this one.
Status Successors::take_places(const std::vector<std::string>& names, const FileInfo& info, EngineRole role,
                               const Made& made) {
  COFFER_TRY(link_all(names));
  COFFER_ASSIGN(auto lock, coffer_.lock_envelopes());
  const auto taking = [&] { return take_unchanged(names, info, role, made); };
  return around_.while_taking ? around_.while_taking(taking) : taking();
}

Status Successors::take_unchanged(const std::vector<std::string>& names, const FileInfo& info, EngineRole role,
                                  const Made& made) {
  COFFER_TRY(check_unchanged(names, info, made));
  COFFER_TRY(remove_dead(made.dead));
  for (size_t i = 0; i < names.size(); ++i) {
    Status taken = take_place(names[i], role, made);
    if (taken.is_ok()) continue;
    if (!has_begun_) return taken;
    return {taken.code(),
            std::string(taken.message()) + "; it was replaced at some of its names: repeat to finish that"};
  }
  return made.source == nullptr ? Status::ok() : spoil(names, made);
}

// Whoever opened it since the last look has a file that has no name any more. Once no crash brings its name back, its
// beginning goes: so that nobody takes it for one that is still there.
Status Successors::spoil(const std::vector<std::string>& names, const Made& made) {
  for (const std::string& name : names) COFFER_TRY(coffer_.disk().sync_directory(std::string(parent_of(name))));
  return made.source->write_at(0, Bytes(made.spoiled_size));
}

// All of its names are durable before it takes the first place, so that a crash after that shows which are left.
Status Successors::link_all(const std::vector<std::string>& names) {
  const std::string first = successor_of(names.front());
  for (size_t i = 1; i < names.size(); ++i) {
    const std::string beside = successor_of(names[i]);
    if (Status gone = coffer_.disk().remove(beside); gone.code() != Code::kNotFound) COFFER_TRY(gone);
    COFFER_TRY(coffer_.disk().link(first, beside));
  }
  if (names.size() == 1) return Status::ok();
  std::set<std::string> directories;
  for (const std::string& name : names) directories.insert(std::string(parent_of(name)));
  for (const std::string& directory : directories) COFFER_TRY(coffer_.disk().sync_directory(directory));
  return Status::ok();
}

Status Successors::check_unchanged(const std::vector<std::string>& names, const FileInfo& info,
                                   const Made& made) const {
  coffer_.live_keyring().refresh_without_waiting();
  const std::shared_ptr<const Keyring> keys = coffer_.keyring();
  const Domain* domain = keys->find_key(made.fields.domain_key_id).domain;
  const DomainKeyEntry* active = domain != nullptr ? coffer_.rollouts().present_key(*keys, *domain) : nullptr;
  if (made.is_encrypted && (active == nullptr || active->id != made.fields.domain_key_id)) {
    return {Code::kConflict, names.front() + ": its domain's key was rotated meanwhile; repeat"};
  }
  for (const std::string& name : names) {
    COFFER_ASSIGN(const FileInfo now, coffer_.disk().info(name));
    if (now.inode != info.inode || now.device != info.device || now.size != info.size ||
        now.modified_ns != info.modified_ns || now.link_count != info.link_count) {
      return {Code::kConflict, name + ": was changed meanwhile; repeat"};
    }
  }
  return made.source == nullptr ? Status::ok() : made.source->check_alone();
}

Status Successors::take_place(const std::string& name, EngineRole role, const Made& made) {
  const std::string directory(parent_of(name));
  const auto rename = [&] {
    const auto before = counted_at(coffer_, name);
    COFFER_TRY(coffer_.disk().rename(successor_of(name), name));
    has_begun_ = true;
    coffer_.file_counts().changed(before, counted_at(coffer_, name));
    return Status::ok();
  };
  directories_.insert(directory);
  // No mark names a data file.
  if (!made.is_marked || coffer_.freshness() == nullptr || role == EngineRole::kData) return rename();
  return replace_at_rest(coffer_, name, made.fields.file_id, made.size, [&] {
    COFFER_TRY(rename());
    return coffer_.disk().sync_directory(directory);
  });
}

Status Successors::settle(const std::string& path, bool has_a_place) {
  directories_.insert(std::string(parent_of(path)));
  if (!has_a_place) return coffer_.disk().remove(path);  // S3
  const auto place = place_of(path);
  auto there = place.is_ok() ? coffer_.disk().info(*place) : Result<FileInfo>(place.status());
  COFFER_ASSIGN(const FileInfo left, coffer_.disk().info(path));
  const bool is_it = there.is_ok() && there->inode == left.inode && there->device == left.device;
  if (is_it || there.code() == Code::kNotFound) return coffer_.disk().remove(path);
  COFFER_TRY(there.status());
  return coffer_.disk().rename(path, *place);
}

Status Successors::sync_names() {
  for (const std::string& directory : directories_) COFFER_TRY(coffer_.disk().sync_directory(directory));
  directories_.clear();
  return Status::ok();
}

}  // namespace coffer
