// Whether a file is the one that was looked at before, with the same contents as far as its times tell.
#pragma once

#include "coffer/io/disk.h"

namespace coffer {

// Not noticed: a change within one tick of the file system's clock that keeps the size.
inline bool is_unchanged(const FileInfo& before, const FileInfo& now) {
  return before.inode == now.inode && before.device == now.device && before.size == now.size &&
         before.modified_ns == now.modified_ns;
}

}  // namespace coffer
