#include "coffer/store/kept_file.h"

#include <thread>

#include "coffer/base/deadline.h"
#include "coffer/io/replace_like.h"

namespace coffer {
namespace {

constexpr uint32_t kKeptFileMode = 0600;
constexpr std::chrono::milliseconds kLockPause{5};

Status with_advice(const Status& status) {
  if (status.code() != Code::kPermissionDenied) return status;
  return {status.code(),
          std::string(status.message()) +
              "; it has to belong to whom the keyring belongs, with the same mode: run this as that user"};
}

}  // namespace

// The keyring may be kept elsewhere; then its directory shows whose it is.
Result<FileInfo> KeptFile::model() const {
  auto keyring = disk_.info(directory_ + "/keyring");
  if (keyring.code() != Code::kNotFound) return keyring;
  COFFER_ASSIGN(FileInfo out, disk_.info(directory_));
  out.mode = kKeptFileMode;
  return out;
}

// Only one that was just made is given away: what is there by this name may lead elsewhere.
Status KeptFile::make_lock_file(const std::string& lock_path) const {
  COFFER_ASSIGN(const FileInfo like, model());
  auto made = disk_.create(lock_path, like.mode);
  if (made.code() == Code::kAlreadyExists) return Status::ok();
  COFFER_TRY(made.status());
  Status given = (*made)->set_owner(like.owner, like.group);
  if (given.is_ok()) given = (*made)->close();
  if (given.is_ok()) return given;
  const Status removed = disk_.remove(lock_path);
  return with_advice(removed.is_ok() ? given : given.with_context("left " + lock_path + " behind"));
}

Result<std::unique_ptr<FileLock>> KeptFile::lock() const {
  const std::string lock_path = path_ + ".lock";
  if (disk_.info(lock_path).code() == Code::kNotFound) COFFER_TRY(make_lock_file(lock_path));
  const Deadline deadline = deadline_in(kPatience);
  while (true) {
    auto lock = disk_.lock(lock_path, /*wait=*/false);
    if (lock.is_ok()) return lock;
    if (lock.code() != Code::kBusy) return with_advice(lock.status());
    if (left_until(deadline).count() == 0) {
      return {Code::kBusy, std::string(lock.status().message()) + " for " + std::to_string(kPatience.count()) +
                               " ms; find out with fuser or lsof which one stands still"};
    }
    std::this_thread::sleep_for(kLockPause);
  }
}

Status KeptFile::replace(ByteView contents) const {
  COFFER_ASSIGN(const FileInfo like, model());
  return with_advice(replace_file_like(disk_, path_, contents, like));
}

// `value`: as it stands in the file, with its names in order.
Result<std::string> AuthenticFile::mac_of(std::string_view value) const {
  COFFER_ASSIGN(const Sha256 mac, keyring_.snapshot()->authenticate(label_, value));
  return to_hex(mac);
}

Status AuthenticFile::not_ours() const {
  return {Code::kTampered, file_.path() + ": was changed by something other than Coffer; remove it to count anew"};
}

Result<std::optional<std::string>> AuthenticFile::load() const {
  auto read = read_file(file_.disk(), file_.path(), size_max_);
  if (read.code() == Code::kNotFound) return std::optional<std::string>();
  COFFER_TRY(read.status());
  std::string_view value = as_text(*read);
  const std::string before = "{\"" + name_ + "\":", between = ",\"mac\":\"", after = "\"}";
  const size_t mac_size = 2 * sizeof(Sha256);
  while (value.ends_with('\n')) value.remove_suffix(1);
  if (!value.starts_with(before) || !value.ends_with(after)) return not_ours();
  if (value.size() < before.size() + between.size() + mac_size + after.size()) return not_ours();
  value = value.substr(before.size(), value.size() - before.size() - after.size());
  const std::string_view mac = value.substr(value.size() - mac_size);
  value.remove_suffix(mac_size);
  if (!value.ends_with(between)) return not_ours();
  value.remove_suffix(between.size());
  COFFER_ASSIGN(const std::string expected, mac_of(value));
  if (!equal_constant_time(as_bytes(expected), as_bytes(mac))) return not_ours();
  return std::optional<std::string>(value);
}

Status AuthenticFile::replace(const std::string& value) const {
  COFFER_ASSIGN(const std::string mac, mac_of(value));
  return file_.replace(as_bytes("{\"" + name_ + "\":" + value + ",\"mac\":\"" + mac + "\"}\n"));
}

}  // namespace coffer
