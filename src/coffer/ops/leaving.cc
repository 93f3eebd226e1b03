#include "coffer/ops/leaving.h"

#include "coffer/base/clock.h"
#include "coffer/base/path.h"
#include "coffer/files/successor.h"
#include "coffer/io/unchanged.h"

namespace coffer {
namespace {

constexpr uint32_t kLeavingModeMask = 0777;

// SQLite has no lock file.
Status check_alone(Disk& disk, const std::string& path) {
  COFFER_ASSIGN(const auto file, disk.open_write(path));
  const Status alone = file->check_alone();
  return alone.code() == Code::kBusy ? alone.with_context(path) : Status::ok();
}

}  // namespace

Status changed_meanwhile(const std::string& path) {
  return {Code::kConflict, path + ": has changed while it was read, so that nothing of all this counts; begin anew, " +
                               "at rest"};
}

LeavingFiles::LeavingFiles(Coffer& coffer, const EngineRecords* records, const Id& id, LeavingKeyOf key_of,
                           const StoreFreezer* freezer)
    : coffer_(coffer),
      id_(id),
      key_of_(std::move(key_of)),
      keys_(coffer.keyring()),
      compromised_(CondemnedKeys::due(*keys_, Policy{}, now_seconds())),
      at_rest_(coffer, records, freezer) {}

Status LeavingFiles::check(const EnvelopeFields& fields, const Domain& domain) const {
  if (fields.kind == Kind::kDirectory) {
    return {Code::kUnsupported, "names in this store are encrypted, and go with their store only; copy it through "
                                "its mount"};
  }
  if (fields.kind == Kind::kCtr && !fields.body_sealed) {
    return {Code::kUnsupported, "this ctr file was not closed, so nothing proves its contents; open the store once "
                                "with its engine"};
  }
  if (compromised_.ever_protected(fields, domain)) {
    return {Code::kKeyUnavailable, "a key that was compromised has protected this file, and who has it then could not "
                                   "know; coffer reencrypt gives it another key"};
  }
  return Status::ok();
}

Result<LeavingFile> LeavingFiles::look_at(const std::string& path, const EnvelopeScan& scan, const FileInfo& info) {
  COFFER_ASSIGN(const OpenedFile opened, coffer_.open_file(scan, path));
  // By a keyring newer than the one in hand, maybe.
  const auto keys = coffer_.keyring();
  const Domain* domain = keys->find_key(opened.fields.domain_key_id).domain;
  if (domain == nullptr) return {Code::kKeyUnavailable, path + ": its domain is not in the keyring any more"};
  COFFER_TRY(check(opened.fields, *domain).with_context(path));
  LeavingFile out{path, info, opened.fields, domain->name, {}};
  COFFER_ASSIGN(const FileStreamKey* key, key_of_(domain->name));
  COFFER_ASSIGN(out.file.envelope, key->wrap(id_, opened.fields, opened.file_key));
  out.file.mode = static_cast<uint16_t>(info.mode & kLeavingModeMask);
  out.file.body_size = info.size - kEnvelopeSize;
  return out;
}

LeavingFile* LeavingFiles::known(const FileInfo& info) {
  const auto found = before_.find({info.device, info.inode});
  return found != before_.end() && is_same_state(found->second.info, info) ? &found->second : nullptr;
}

Result<LeavingFile> LeavingFiles::take(const InventoryFile& seen) {
  COFFER_TRY(seen.status);
  COFFER_TRY(at_rest_.keep_out(seen.path));
  if (seen.is_known) {
    LeavingFile out = std::move(*known(seen.info));
    before_.erase({seen.info.device, seen.info.inode});
    out.path = seen.path;
    return out;
  }
  LeavingFile out{seen.path, seen.info, {}, {}, {}};
  if (seen.empty) {
    out.file.empty = true;
    out.file.mode = static_cast<uint16_t>(seen.info.mode & kLeavingModeMask);
  } else {
    COFFER_ASSIGN(out, look_at(seen.path, seen.scan, seen.info));
    if (is_of_sqlite(out.fields.kind)) COFFER_TRY(check_alone(coffer_.disk(), seen.path));
  }
  out.settled = is_settled(seen.info, begun_ns_);
  return out;
}

bool LeavingFiles::is_changing(const InventoryFile& seen) {
  if (stores_ == Stores::kStill || !at_rest_.keep_out(seen.path).is_ok()) return false;
  if (!at_rest_.is_served(seen.path)) return false;
  const auto now = coffer_.disk().info(seen.path);
  return !now.is_ok() || !is_same_state(seen.info, *now) || !is_settled(seen.info, now_nanoseconds());
}

Status LeavingFiles::add(const InventoryFile& seen, std::string name) {
  if (seen.leads_outside) {
    return {Code::kUnsupported, seen.path + ": is a link that leads out of this directory; name what it leads to"};
  }
  if (is_successor(seen.path)) return Status::ok();  // a crash left it: nobody's
  auto leaving = take(seen);
  if (!leaving.is_ok()) return is_changing(seen) ? Status::ok() : leaving.status();
  if (name.starts_with('/')) name.erase(0, 1);
  leaving->file.name = name;
  if (files_.emplace(name, std::move(*leaving)).second) return Status::ok();
  return {Code::kInvalidArgument, seen.path + ": another of the paths has a file of the same name, " + name};
}

Status LeavingFiles::collect(const std::vector<std::string>& paths, Stores served) {
  stores_ = served;
  begun_ns_ = now_nanoseconds();
  before_.clear();
  const bool times_tell = !clock_.happened();
  for (auto& [name, leaving] : files_) {
    if (!leaving.settled || !times_tell) continue;
    const std::pair file(leaving.info.device, leaving.info.inode);
    before_.emplace(file, std::move(leaving));
  }
  files_.clear();
  for (std::string path : paths) {
    while (path.size() > 1 && path.back() == '/') path.pop_back();
    COFFER_ASSIGN(const FileInfo info, coffer_.disk().info(path));
    const std::string name = paths.size() == 1 && info.is_directory ? "" : std::string(base_name(path));
    const auto visit = [&](const InventoryFile& file) { return add(file, name + file.path.substr(path.size())); };
    COFFER_TRY(visit_files(coffer_, {path}, visit, [&](const FileInfo& each) { return known(each) != nullptr; }));
  }
  before_.clear();
  if (!files_.empty()) return Status::ok();
  return {Code::kNotFound, (paths.empty() ? "no path: there are no files" : paths[0] + ": there are no files")};
}

Status LeavingFiles::check_unchanged() const {
  for (const auto& [name, leaving] : files_) {
    COFFER_ASSIGN(const FileInfo now, coffer_.disk().info(leaving.path));
    if (!is_unchanged(leaving.info, now)) return changed_meanwhile(leaving.path);
  }
  return Status::ok();
}

}  // namespace coffer
