// A VFS below Coffer's that remembers what was written, cut and synced, and makes of it what a disk may hold after the
// power failed: of each sector that was not synced an older or a newer state, whatever others have. The disk can
// be full as well.
#pragma once

#include <cstdint>
#include <map>
#include <random>
#include <string>
#include <vector>

namespace coffer::sqlite {

class Recorder {
 public:
  // The one below the extension's VFS; made before that is loaded. Passes everything through until it records.
  static Recorder& get();

  void start();
  void stop() { recording_ = false; }
  // How much has happened: an instant at which the power may fail.
  size_t now() const { return events_.size(); }
  // The files after a failure at `instant`, by path. Those that are deleted are not in it.
  std::map<std::string, std::string> after_failure(size_t instant, std::mt19937& chance) const;

  // The disk is full: the changes number `first` to `last`, from 1, fail.
  void fill_disk(uint64_t first, uint64_t last) {
    changes_ = 0;
    full_from_ = first;
    full_to_ = last;
  }
  // There is room again. Whether anything has failed.
  bool make_room() {
    const bool has_failed = full_from_ != 0 && changes_ >= full_from_;
    full_from_ = full_to_ = 0;
    return has_failed;
  }
  // Counts a change that would take place now.
  bool has_room() {
    ++changes_;
    return changes_ < full_from_ || changes_ > full_to_;
  }

  struct Event {
    enum class What : uint8_t { kWrite, kTruncate, kSync, kDelete } what = What::kWrite;
    std::string path;
    uint64_t offset = 0;  // or size
    std::string bytes;
  };
  void add(Event event) {
    if (recording_) events_.push_back(std::move(event));
  }

 private:
  Recorder();

  bool recording_ = false;
  uint64_t changes_ = 0;
  uint64_t full_from_ = 0, full_to_ = 0;
  std::vector<Event> events_;
};

}  // namespace coffer::sqlite
