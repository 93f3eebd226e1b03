// The small files that programs keep beside a keyring, for all of them together: what was counted, and which runs there
// were. They belong to whom the keyring belongs, with its mode, whoever makes them first: else the first command that
// root runs would keep the database's user from them.
#pragma once

#include <chrono>
#include <optional>

#include "coffer/keys/live_keyring.h"

namespace coffer {

// Thread-safe, as its disk is.
class KeptFile {
 public:
  // Nobody holds the lock for longer than it takes to write a file, but for a process that was stopped; and no program
  // is to stand still for that.
  static constexpr std::chrono::milliseconds kPatience{1000};

  // `directory`: the keyring's.
  KeptFile(Disk& disk, std::string directory, std::string_view name)
      : disk_(disk), directory_(std::move(directory)), path_(directory_ + "/" + std::string(name)) {}

  Disk& disk() const { return disk_; }
  const std::string& path() const { return path_; }
  // Of the file beside it, `path`.lock. kBusy: somebody has it for longer than kPatience.
  Result<std::unique_ptr<FileLock>> lock() const;
  // As replace_file(). kPermissionDenied where this user may not give a file to whom the keyring belongs.
  Status replace(ByteView contents) const;

 private:
  Result<FileInfo> model() const;
  Status make_lock_file(const std::string& lock_path) const;

  Disk& disk_;
  const std::string directory_;
  const std::string path_;
};

// One that holds a value of JSON which nobody without the keyring can make up: {"NAME":VALUE,"mac":"…"}. The MAC covers
// the value as it stands there.
class AuthenticFile {
 public:
  // `label` keeps apart what is kept for different purposes. `keyring` outlives this.
  AuthenticFile(KeptFile file, std::string_view name, std::string_view label, size_t size_max,
                const LiveKeyring& keyring)
      : file_(std::move(file)), name_(name), label_(label), size_max_(size_max), keyring_(keyring) {}

  const KeptFile& file() const { return file_; }
  // The value; nullopt where there is no file. kTampered for what nobody with the keyring wrote.
  Result<std::optional<std::string>> load() const;
  Status replace(const std::string& value) const;
  Status not_ours() const;  // kTampered

 private:
  Result<std::string> mac_of(std::string_view value) const;

  const KeptFile file_;
  const std::string name_;
  const std::string label_;
  const size_t size_max_;
  const LiveKeyring& keyring_;
};

}  // namespace coffer
