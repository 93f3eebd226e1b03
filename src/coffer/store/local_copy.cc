#include "coffer/store/local_copy.h"

#include <algorithm>

#include "coffer/base/clock.h"
#include "coffer/base/path.h"
#include "coffer/base/period.h"
#include "coffer/io/trusted_path.h"
#include "coffer/store/kept_file.h"

namespace coffer {
namespace {

constexpr size_t kCopySizeMax = 16384;
constexpr uint32_t kCopyMode = 0600;
// A clock that is corrected by so much is no clock that is set back.
constexpr uint64_t kCopyClockTolerance = 60;

std::string refusal(const std::string& path, const std::string& why) { return "the local unlock " + path + why; }

// Only its owner chooses what is there, and on a path that nobody else leads elsewhere.
Status check_copy_directory(Disk& disk, const std::string& path) {
  const std::string directory(parent_of(path));
  const Status trusted = check_only_owner_changes(disk, directory);
  if (trusted.code() != Code::kNotFound) return trusted.with_context("policy: local_unlock: directory");
  return {Code::kNotFound, "policy: local_unlock: " + directory +
                               " is not there; make it, for the user who serves alone: install -d -m 700 -o USER " +
                               directory};
}

Result<std::unique_ptr<FileLock>> lock_of(Disk& disk, const std::string& path) {
  return KeptFile(disk, std::string(parent_of(path)), base_name(path)).lock();
}

}  // namespace

Result<uint64_t> LocalCopyFile::keep(const KeyringHeader& header, const KeyringKey& key) const {
  COFFER_TRY(check_copy_directory(disk_, path_));
  COFFER_ASSIGN(const auto local, open_provider_(config_.local_unlock->key, config_.providers));
  COFFER_ASSIGN(const RootKeyHandle handle, local->current());
  COFFER_TRY(check_no_root(*local, handle));
  COFFER_ASSIGN(const auto lock, lock_of(disk_, path_));
  remove_leftovers(disk_, path_);
  const Id& slot = header.slots.front().id;
  LocalCopy next{config_.coffer_id, machine_, slot, header.version, now_seconds(), 0, handle, {}};
  next.seen = next.answered;
  const auto text = load();
  if (text.is_ok() && authenticate_local_copy(*text, path_, key).is_ok()) {
    COFFER_ASSIGN(LocalCopy before, read_local_copy(*text, path_));
    if (check_belongs(before, header).is_ok() && before.handle == handle) next.wrapped = std::move(before.wrapped);
  }
  if (next.wrapped.bytes.empty()) {
    COFFER_ASSIGN(next.wrapped, local->wrap(handle, WrapContext{config_.coffer_id, slot}, key));
  }
  COFFER_TRY(store(next, key));
  return next.answered;
}

Status LocalCopyFile::see(const KeyringKey& key) const {
  const auto absent = disk_.info(path_);
  if (absent.code() == Code::kNotFound) return Status::ok();
  COFFER_TRY(check_copy_directory(disk_, path_));
  COFFER_ASSIGN(const auto lock, lock_of(disk_, path_));
  COFFER_ASSIGN(const std::string text, load());
  // One of another key is not this program's to renew.
  if (!authenticate_local_copy(text, path_, key).is_ok()) return Status::ok();
  COFFER_ASSIGN(LocalCopy copy, read_local_copy(text, path_));
  const uint64_t now = now_seconds();
  if (now <= copy.seen) return Status::ok();
  copy.seen = now;
  return store(copy, key);
}

Result<LocalUnlocking> LocalCopyFile::open(const KeyringHeader& header, uint64_t now) const {
  if (disk_.info(path_).code() == Code::kNotFound) {
    return {Code::kNotFound,
            "no local unlock was kept at " + path_ + ", which a program that serves does while the root key answers"};
  }
  COFFER_TRY(check_only_owner_changes(disk_, path_).with_context("policy: local_unlock"));
  COFFER_ASSIGN(const std::string text, load());
  COFFER_ASSIGN(const LocalCopy copy, read_local_copy(text, path_));
  COFFER_TRY(check_belongs(copy, header));
  COFFER_ASSIGN(const auto local, open_provider_(config_.local_unlock->key, config_.providers));
  auto key = local->unwrap(copy.handle, WrapContext{copy.coffer_id, copy.slot_id}, copy.wrapped);
  if (!key.is_ok()) return key.status().with_context("policy: local_unlock: key");
  COFFER_TRY(authenticate_local_copy(text, path_, *key));
  if (header.version < copy.keyring_version) {
    return {Code::kRolledBack, refusal(path_, " has seen keyring version " + std::to_string(copy.keyring_version) +
                                                  ", and this one is version " + std::to_string(header.version) +
                                                  "; restore the newer keyring")};
  }
  COFFER_TRY(check_time(copy, now));
  return LocalUnlocking{std::move(*key), copy.answered};
}

Status LocalCopyFile::check_belongs(const LocalCopy& copy, const KeyringHeader& header) const {
  if (copy.coffer_id != header.coffer_id) {
    return {Code::kForeign, refusal(path_, " is of coffer " + copy.coffer_id.short_hex() + ", and this is coffer " +
                                               header.coffer_id.short_hex() + "; remove it")};
  }
  if (copy.machine != machine_) {
    return {Code::kForeign,
            refusal(path_, " was kept on another machine, for that one only; bring the root key's provider back")};
  }
  if (copy.slot_id == header.slots.front().id) return Status::ok();
  return {Code::kWrongKey, refusal(path_,
                                   " is of another keyring key, from before the root key was rotated or a slot "
                                   "removed; bring the root key's provider back")};
}

Status LocalCopyFile::check_time(const LocalCopy& copy, uint64_t now) const {
  if (copy.seen > now && copy.seen - now > kCopyClockTolerance) {
    return {Code::kRolledBack, refusal(path_, " was used at " + utc_text(copy.seen) + ", and the clock says " +
                                                  utc_text(now) + "; set the clock right")};
  }
  const uint64_t grace = config_.policy.root.outage_grace;
  const uint64_t ends = grace > UINT64_MAX - copy.answered ? UINT64_MAX : copy.answered + grace;
  if (now < ends) return Status::ok();
  return {Code::kProviderUnavailable,
          refusal(path_, " ended at " + utc_text(ends) + ", outage_grace (" + period_text(grace) +
                             ") after the root key last answered; "
                             "bring the root key's provider back")};
}

Status LocalCopyFile::check_no_root(RootKeyProvider& local, const RootKeyHandle& handle) const {
  const auto fingerprint = local.fingerprint(handle);
  for (const auto& [name, root] : config_.providers.roots) {
    if (!fingerprint || root.fingerprint != *fingerprint) continue;
    return {Code::kInvalidArgument, "policy: local_unlock: key: it is the key of root " + name +
                                        ", which opens the coffer by itself; name another key of this machine"};
  }
  return Status::ok();
}

Result<std::string> LocalCopyFile::load() const {
  COFFER_ASSIGN(const auto file, disk_.open_read_itself(path_));
  Bytes text(kCopySizeMax);
  COFFER_ASSIGN(const size_t size, file->read_at(0, text));
  return std::string(as_text(text).substr(0, size));
}

Status LocalCopyFile::store(const LocalCopy& copy, const KeyringKey& key) const {
  COFFER_ASSIGN(const std::string text, seal_local_copy(copy, key));
  return replace_file(disk_, path_, as_bytes(text), kCopyMode, ReplacedMode::kGiven);
}

Status LocalCopyFile::destroy(Disk& disk, const std::string& path) {
  const Status directory = check_copy_directory(disk, path);
  if (directory.code() == Code::kNotFound) return Status::ok();
  COFFER_TRY(directory);
  COFFER_ASSIGN(const auto lock, lock_of(disk, path));
  remove_leftovers(disk, path);
  // What a link leads to is not ours to overwrite.
  const auto found = disk.open_read_itself(path);
  if (found.code() == Code::kNotFound) return Status::ok();
  if (found.is_ok()) {
    COFFER_ASSIGN(const uint64_t size, (*found)->size());
    COFFER_ASSIGN(const auto file, disk.open_write(path));
    COFFER_TRY(file->write_at(0, Bytes(std::min<uint64_t>(size, kCopySizeMax), 0)));
    COFFER_TRY(file->sync());
    COFFER_TRY(file->close());
  }
  COFFER_TRY(disk.remove(path));
  return disk.sync_directory(std::string(parent_of(path)));
}

}  // namespace coffer
