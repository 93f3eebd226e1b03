// Memory for the sealed bytes of one read. Each thread keeps two pieces and reuses them, so that reads allocate
// nothing, even on a mount, where what is read is opened into a second one. They hold plaintext, which wipe_all()
// takes from all threads at once.
#pragma once

#include <cstddef>
#include <cstdint>

#include "coffer/base/bytes.h"

namespace coffer {

// Aligned for direct I/O. Borrowed from the thread while it lives; a third one on the same thread at the same time owns
// memory of its own.
class Scratch {
 public:
  static constexpr size_t kAlignment = 4096;
  struct Kept;

  explicit Scratch(size_t size);
  ~Scratch();
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;

  uint8_t* data() { return data_; }
  MutableBytes bytes() { return {data_, size_}; }

  // On return nothing is left of what any thread read through one: but for those that are in use, which are wiped at
  // their end.
  static void wipe_all();

 private:
  uint8_t* data_;
  size_t size_;
  Kept* const kept_;  // null: of its own
};

}  // namespace coffer
