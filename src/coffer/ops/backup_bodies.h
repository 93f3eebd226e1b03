// Bodies of files on their way into a backup's target, under the names that their contents give them (B5).
#pragma once

#include <map>
#include <set>

#include "coffer/base/clock_jump.h"
#include "coffer/ops/backup_target.h"
#include "coffer/ops/had_files.h"
#include "coffer/ops/send.h"

namespace coffer {

// Not thread-safe. What it is made of outlives it.
class BackupBodies {
 public:
  BackupBodies(Disk& disk, BackupTarget& target, StreamProgress progress)
      : disk_(disk), target_(target), progress_(std::move(progress)) {}

  // What there is to do from now on: bytes of bodies. Those that are there already, or were put before, are counted
  // anew.
  void begin_round(uint64_t to_do);
  // The digest of the body at `path`, which the target has when this returns. kConflict: the file has changed while it
  // was read, or since it was looked at, as `info` says; kNotFound: it is gone. A file that is as it was when it was
  // put is not read again.
  Result<Sha256> put(const std::string& path, const FileInfo& info);
  // Whether put() would not read it.
  bool has(const FileInfo& info) const;
  // Whether the last error was that the file has changed or is gone: nothing is wrong with the target.
  bool has_lost_file() const { return lost_file_; }

  // `bytes`: put by this, in all rounds; `left_out`: what else there was in this one.
  const StreamCounts& counts() const { return counts_; }

 private:
  struct Body {
    FileInfo info;  // of the file, before it was read
    Sha256 digest{};
  };
  Result<Sha256> read(const std::string& path, const FileInfo& info);
  Status put_as(const Sha256& digest, const ReadableFile& from, const std::string& path, uint64_t size);
  void count(const Sha256& digest, uint64_t size);
  Status lost(const std::string& path);

  Disk& disk_;
  BackupTarget& target_;
  const StreamProgress progress_;
  StreamCounts counts_;
  std::map<std::pair<uint64_t, uint64_t>, Body> known_;  // by device and inode
  std::set<Sha256> put_, counted_;                       // by this; those of them in this round
  ClockJump clock_;
  bool lost_file_ = false;
};

}  // namespace coffer
