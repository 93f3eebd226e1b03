// Which keyring the programs of this machine make headers by, so that another one can tell that none of them can wrap
// under a key that was deactivated. Each program holds a lock on one byte of a file in the coffer's directory, at an
// offset that says which version of the keyring is the oldest that it has in use: docs/format.md, section 29.
#pragma once

#include <memory>
#include <mutex>

#include "coffer/keys/live_keyring.h"

namespace coffer {

// Held by whoever has wrapped a key, until what is wrapped is on the disk. Null: nobody can be told.
class KeyringUse;
using KeyringUsePtr = std::shared_ptr<const KeyringUse>;

// Thread-safe. A child of fork() that keeps the file counts as using what its parent used then.
class KeyringUses {
 public:
  KeyringUses(Disk& disk, const std::string& directory, LiveKeyring& keyring)
      : disk_(disk), path_(directory + "/" + std::string(kKeyringUsesName)), keyring_(keyring) {}

  static constexpr std::string_view kKeyringUsesName = "keyring.uses";

  // Before the keyring is asked for the key: that is then of this version or a newer one. The first time it waits for
  // where the keyring is kept.
  KeyringUsePtr begin();
  // Lets go of an older one, once nobody has it any more; nothing where none was begun. For who looks now and then.
  void keep_up();
  // For who makes no files for a while: until the next begin() it uses none, but for what is not on the disk yet.
  void let_go();
  // Ok, or kBusy: a program of this machine, perhaps this one, may wrap by a keyring older than this version.
  Status check_none_before(uint64_t version);

 private:
  // `is_first`: null where none is to be begun.
  KeyringUsePtr present(bool* is_first);
  Result<std::unique_ptr<WritableFile>> open() const;

  Disk& disk_;
  const std::string path_;
  LiveKeyring& keyring_;
  std::mutex mutex_;
  KeyringUsePtr present_;
};

}  // namespace coffer
