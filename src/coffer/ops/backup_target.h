// Where backups are kept: a directory, or whatever a command of the operator's reaches. Nothing a target says is
// believed; it only keeps bytes under names. docs/backup-targets.md, "Targets"; docs/format.md, section 26, "Target".
//
// Names are components of [A-Za-z0-9._-] that begin with no dot, with slashes between them; kInvalidArgument for
// others, so none leads out of the target. Errors name the target and the name. Thread-safe; not for two writers of one
// name at a time.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "coffer/store/coffer.h"

namespace coffer {

inline constexpr size_t kBackupNameSizeMax = 255;
bool valid_backup_name(std::string_view name);

class BackupTarget {
 public:
  // Takes the next piece of what is read.
  using Sink = std::function<Status(ByteView)>;
  // Fills the beginning of a buffer with the next bytes and says how many; 0 at the end.
  using Source = std::function<Result<size_t>(MutableBytes)>;

  virtual ~BackupTarget() = default;
  // How many bytes stand under a name; nothing: there is none.
  virtual Result<std::optional<uint64_t>> size_of(const std::string& name) = 0;
  // Hands over all bytes in order, before any of which may turn out to be the last: only ok says that they were all.
  // kNotFound; else the error of `sink`, which ends it, or of the target.
  virtual Status get(const std::string& name, const Sink& sink) = 0;
  // Whole and durable under its name when this returns ok, in place of what was there; else what was there is there
  // still, or, of a command that was killed or does not keep its contract, less than all: size_of() tells.
  virtual Status put(const std::string& name, const Source& source) = 0;
  // Whole names, sorted, without those that no name may be. `prefix` is empty or ends with a slash.
  virtual Result<std::vector<std::string>> list(const std::string& prefix) = 0;
  // Durably; ok if it is gone already.
  virtual Status remove(const std::string& name) = 0;
  // For reading at random: the directory's own file, or one without a name that was fetched into the scratch directory.
  // kLimitExceeded where it has more bytes than `size_max`.
  virtual Result<std::shared_ptr<ReadableFile>> open(const std::string& name, uint64_t size_max) = 0;
  // Removes what interrupted puts left, as far as the target has such. REQUIRES: nobody puts anything meanwhile.
  virtual Status remove_leftovers() { return Status::ok(); }
  // For messages: "backup target /srv/backups".
  virtual std::string describe() const = 0;

  Result<bool> has(const std::string& name);
  // The whole; kLimitExceeded beyond `size_max`.
  Result<Bytes> get_small(const std::string& name, size_t size_max);
  Status put_small(const std::string& name, ByteView bytes);

 protected:
  Status check_name(const std::string& name) const;
  Status too_large(const std::string& name, uint64_t size_max) const;
};

// `directory` need not be there yet, what it is in has to be. Links below it are refused, but one that somebody else
// makes meanwhile may be missed: it has to be a directory that nobody else may write to. Files have the mode 0600,
// directories 0700. `disk` outlives it.
std::unique_ptr<BackupTarget> directory_target(Disk& disk, std::string directory);

// Runs `command`, a program by its absolute path and its first arguments, without a shell, with one of these behind it:
//   size NAME     prints the size in bytes, decimal
//   get NAME      prints the bytes
//   put NAME      takes the bytes from standard input, all of them, before it keeps any of them under the name
//   list PREFIX   prints names, a line each; PREFIX as list() has it
//   remove NAME   is content if there is nothing
// It exits with 0 when that is done, with 3 (size, get) where nothing is under the name, with anything else where it
// failed: the first line of its standard error is the reason then. One that moves no byte for `stall_max` is ended.
std::unique_ptr<BackupTarget> command_target(std::vector<std::string> command, std::string scratch_directory,
                                             std::chrono::milliseconds stall_max = std::chrono::hours(1));

// `given`: a name in coffer.yaml (backup_targets), or, where it has a slash, a directory. kInvalidArgument.
struct NamedBackupTarget {
  // What the keyring's list of backups calls it: the name in coffer.yaml, also where its directory was given; else the
  // directory, absolute and without links. So one place has one name.
  std::string name;
  std::unique_ptr<BackupTarget> target;
};
Result<NamedBackupTarget> open_backup_target(Coffer& coffer, const std::string& given);

}  // namespace coffer
