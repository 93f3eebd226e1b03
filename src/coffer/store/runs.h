// What rewraps and re-encryptions did, and how far one at work has come: the file `runs` of a coffer's directory, for
// people. Nothing of it is authenticated, and nothing is decided by it: which keys are still needed the files say.
// docs/operating.md, "Runs".
#pragma once

#include <chrono>
#include <string>
#include <vector>

#include "coffer/store/kept_file.h"

namespace coffer {

inline constexpr std::string_view kRunsFileName = "runs";
inline constexpr size_t kRunsMax = 100;

struct RunRecord {
  enum class State : uint8_t {
    kRunning,
    kDone,
    kLeft,     // it ended, and something is left
    kStopped,  // as somebody asked
    kFailed,
    kInterrupted,  // its process, or the machine, is gone
  };
  std::string id;
  std::string what;   // "rewrap", "reencrypt", "reencrypt served"
  std::string about;  // "all", "domain system", "key system:3", a database's path
  State state = State::kRunning;
  uint64_t begun = 0, updated = 0;  // Unix seconds; of one that ended, when it did
  uint64_t files_to_do = 0, files = 0, files_left = 0;
  uint64_t bytes_to_do = 0, bytes = 0;
  uint64_t process = 0, process_begun = 0;
  std::string machine;  // which boot of which, and which space of process numbers
  std::string said;     // of one that failed: why

  // 0 where it cannot be told.
  uint64_t bytes_per_second() const;
  uint64_t seconds_left() const;
};
std::string_view run_state_name(RunRecord::State state);

// Oldest first. Of one that was running and whose process is gone it is told that it was interrupted. What cannot be
// read as a record is none: this never fails but as the disk does.
Result<std::vector<RunRecord>> read_runs(Disk& disk, const std::string& directory);

// One that is at work. There is a record of it from the first tell() or end() on: what is refused leaves none. Keeping
// one is no reason to fail: where it cannot be written, the work goes on without. Not thread-safe.
class Run {
 public:
  Run(Disk& disk, std::string directory, std::string what, std::string about);
  // One that did not come to end() failed, or was given up.
  ~Run();
  Run(const Run&) = delete;
  Run& operator=(const Run&) = delete;

  struct Progress {
    uint64_t files_to_do = 0, files = 0, bytes_to_do = 0, bytes = 0;
  };
  // Goes to the disk every few seconds.
  void tell(const Progress& so_far);
  void end(const Progress& at_last, uint64_t files_left, bool stopped);
  void fail(const Status& why);

 private:
  static constexpr std::chrono::seconds kTellInterval{2};
  void take(const Progress& progress);
  void end_as(RunRecord::State state);
  void write();

  const std::string directory_;
  const KeptFile kept_;
  RunRecord record_;
  bool is_written_ = false;
  std::chrono::steady_clock::time_point written_;
};

}  // namespace coffer
