// Reading bytes that must be there.
#pragma once

#include <string>

#include "coffer/io/disk.h"

namespace coffer {

// Bytes that are read at once by whoever reads all of a file.
inline constexpr uint64_t kReadPieceSize = uint64_t{1} << 20;

// Exactly out.size() bytes, or kTruncated: the file shrank since its size was taken.
inline Status read_exactly(const ReadableFile& file, uint64_t offset, MutableBytes out) {
  COFFER_ASSIGN(size_t count, file.read_at(offset, out));
  if (count == out.size()) return Status::ok();
  return {Code::kTruncated, "ends before byte " + std::to_string(offset + out.size())};
}

}  // namespace coffer
