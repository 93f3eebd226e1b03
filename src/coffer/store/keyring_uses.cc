#include "coffer/store/keyring_uses.h"

#include <algorithm>

#include "coffer/base/path.h"
#include "coffer/crypto/random.h"

namespace coffer {
namespace {

constexpr uint32_t kKeyringUsesMode = 0600;
// The file is empty: bytes that are locked need not be there. Of the bytes of one version a program takes one by
// chance, and another where that is taken.
constexpr uint64_t kUsersMax = uint64_t{1} << 20;
constexpr uint64_t kVersionsMax = uint64_t{1} << 42;
constexpr int kTriesMax = 16;

uint64_t first_byte_of(uint64_t version) { return std::min(version, kVersionsMax) * kUsersMax; }

}  // namespace

class KeyringUse {
 public:
  KeyringUse(uint64_t version, std::unique_ptr<WritableFile> lock) : version_(version), lock_(std::move(lock)) {}
  uint64_t version() const { return version_; }

 private:
  const uint64_t version_;
  const std::unique_ptr<WritableFile> lock_;  // gone with the last who holds this
};

Result<std::unique_ptr<WritableFile>> KeyringUses::open() const {
  auto made = disk_.create(path_, kKeyringUsesMode);
  if (made.is_ok()) {
    // It is for all who use the directory, and root may be the first: as far as this user may give it away.
    COFFER_ASSIGN(const FileInfo directory, disk_.info(std::string(parent_of(path_))));
    [[maybe_unused]] const Status given = (*made)->set_owner(directory.owner, directory.group);
  }
  if (made.code() != Code::kAlreadyExists) return made;
  COFFER_ASSIGN(const std::string target, disk_.link_target(path_));
  if (!target.empty()) return {Code::kInvalidArgument, path_ + " is a symbolic link, which is not followed; remove it"};
  return disk_.open_write(path_);
}

KeyringUsePtr KeyringUses::begin() {
  bool is_first = false;
  KeyringUsePtr out = present(&is_first);
  // Who has looked for users before this was one of them has saved what it asks about before.
  if (is_first) [[maybe_unused]]
    const Status looked = keyring_.refresh_unless_just_failed();
  return out;
}

void KeyringUses::keep_up() { present(nullptr); }

void KeyringUses::let_go() {
  std::lock_guard lock(mutex_);
  present_ = nullptr;
}

KeyringUsePtr KeyringUses::present(bool* is_first) {
  std::lock_guard lock(mutex_);
  if (present_ == nullptr && is_first == nullptr) return present_;
  const uint64_t version = keyring_.snapshot()->version();
  if (present_ != nullptr && present_->version() >= version) return present_;
  auto file = open();
  Status held = file.status();
  for (int tries = 0; file.is_ok() && tries < kTriesMax; ++tries) {
    held = (*file)->lock_range(first_byte_of(version) + random_number() % kUsersMax, 1);
    if (held.code() != Code::kBusy) break;
  }
  // Who cannot say what it uses goes on saying what it used: older, or nothing.
  if (!held.is_ok()) return present_;
  if (is_first != nullptr) *is_first = present_ == nullptr;
  present_ = std::make_shared<const KeyringUse>(version, std::move(*file));
  return present_;
}

Status KeyringUses::check_none_before(uint64_t version) {
  keep_up();
  // None has ever begun where there is no such file.
  const auto file = disk_.open_write(path_);
  if (file.code() == Code::kNotFound) return Status::ok();
  COFFER_TRY(file.status());
  const Status alone = (*file)->lock_range(0, first_byte_of(version));
  if (alone.code() != Code::kBusy) return alone;
  return {Code::kBusy, "a program on this machine still makes files by a keyring older than version " +
                           std::to_string(version) + ", or has not written one to the disk that it made so; wait for "
                           "it, or see its log for why it does not take the newer keyring up, and end it"};
}

}  // namespace coffer
