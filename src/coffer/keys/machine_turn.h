// A turn that is one machine's among several whose file locks do not know of each other, as on some network file
// systems: whoever makes the file has it, since making it succeeds for one only. Between the processes of one machine
// Disk::lock() comes first.
#pragma once

#include <chrono>

#include "coffer/io/disk.h"

namespace coffer {

// Of the running system: the same for all processes that share file locks; another one after a restart.
const std::string& this_machine();

class MachineTurn {
 public:
  // A turn of another machine that does not end counts as left by a crash after this time.
  static constexpr std::chrono::milliseconds kPatience{30'000};
  // One that does not say yet whose it is: this is written right after it was made. A machine that takes longer is told
  // by check().
  static constexpr std::chrono::milliseconds kUnsaidPatience{100};

  // Makes the file `path`, which says whose turn it is. Waits for another machine. REQUIRES: this machine's lock is
  // held, so that a turn of its own is one that a crash has left.
  static Result<MachineTurn> take(Disk& disk, const std::string& path, const std::string& machine,
                                  std::chrono::milliseconds patience = kPatience);
  // Best effort: what stays behind is taken for left by a crash.
  ~MachineTurn();
  MachineTurn(MachineTurn&& other) noexcept : disk_(other.disk_), path_(std::move(other.path_)), owner_(other.owner_) {
    other.path_.clear();
  }
  MachineTurn& operator=(MachineTurn&&) = delete;

  // kConflict when another machine has taken it over: this one was too slow.
  Status check() const;

 private:
  MachineTurn(Disk& disk, std::string path, std::string owner)
      : disk_(disk), path_(std::move(path)), owner_(std::move(owner)) {}

  Disk& disk_;
  std::string path_;   // empty: moved from
  std::string owner_;  // the machine, and this turn of it
};

}  // namespace coffer
