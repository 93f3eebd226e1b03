// Whether a file is the one that was looked at before, with the same contents as far as its times tell.
#pragma once

#include "coffer/io/disk.h"

namespace coffer {

// Not noticed: a change within one tick of the file system's clock that keeps the size.
inline bool is_unchanged(const FileInfo& before, const FileInfo& now) {
  return before.inode == now.inode && before.device == now.device && before.size == now.size &&
         before.modified_ns == now.modified_ns;
}

// The same, whatever times a program has set.
inline bool is_same_state(const FileInfo& before, const FileInfo& now) {
  return is_unchanged(before, now) && before.changed_ns == now.changed_ns;
}

// Whether a later change has another time: what the file's clock counts in, seconds at worst, is over since the last.
inline bool is_settled(const FileInfo& info, int64_t now_ns) {
  constexpr int64_t kClockStepMax = 2'000'000'000;
  return info.changed_ns <= now_ns - kClockStepMax;
}

}  // namespace coffer
