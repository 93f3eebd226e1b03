// Memory for the sealed bytes of one read: each thread keeps one piece and reuses it, so that reads allocate nothing.
#pragma once

#include <cstddef>
#include <cstdint>

#include "coffer/base/bytes.h"

namespace coffer {

// Aligned for direct I/O. Borrowed from the thread while it lives; a second one on the same thread at the same time
// (one Coffer file system upon another) owns memory of its own.
class Scratch {
 public:
  static constexpr size_t kAlignment = 4096;

  explicit Scratch(size_t size);
  ~Scratch();
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;

  uint8_t* data() { return data_; }
  MutableBytes bytes() { return {data_, size_}; }

 private:
  uint8_t* data_;
  size_t size_;
  bool borrowed_;
};

}  // namespace coffer
