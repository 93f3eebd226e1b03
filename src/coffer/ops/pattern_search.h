// Many patterns looked for in one pass: how long it takes hardly depends on how many there are. The patterns are
// secrets, and lie in secret memory, with all that is made of them.
//
// Of every pattern the first few windows of 8 bytes are known, as many as make it enough to look at every stride-th
// place of what is searched: a filter of bits says of nearly all places that no window is there.
#pragma once

#include <functional>

#include "coffer/base/secret_buffer.h"

namespace coffer {

class PatternSearch {
 public:
  static constexpr size_t kPatternSizeMin = 8;

  // Found again by `tag`. REQUIRES: kPatternSizeMin bytes or more; before prepare().
  void add(ByteView pattern, uint32_t tag);
  // Once, when all are there. Fails only without randomness.
  Status prepare();

  size_t longest() const { return longest_; }
  // `start` is where in the searched bytes a pattern of this tag is.
  using Found = std::function<void(size_t start, uint32_t tag)>;
  // Each place of each pattern that does not end within the first `known` bytes, about in the order of places.
  void find(ByteView bytes, size_t known, const Found& found) const;

 private:
  static constexpr size_t kStrideMax = 8;
  static constexpr size_t kFilterBitsPerWindow = 32;

  struct Pattern {
    size_t begin = 0;  // in bytes_
    size_t size = 0;
    uint32_t tag = 0;
  };
  struct Window {
    uint64_t word = 0;
    uint32_t pattern = 0;
    uint32_t at = 0;  // in the pattern
  };

  std::span<const Window> windows() const;
  size_t filter_bit(uint64_t word) const { return static_cast<size_t>(word * multiplier_ >> filter_shift_); }
  void look(ByteView bytes, size_t known, size_t at, uint64_t word, const Found& found) const;

  SecretBuffer bytes_;
  std::vector<Pattern> patterns_;
  size_t shortest_ = SIZE_MAX;
  size_t longest_ = 0;
  // Made by prepare().
  size_t stride_ = 1;
  uint64_t multiplier_ = 1;  // at random, so that nobody can prepare bytes that are slow to search
  int filter_shift_ = 0;
  SecretBytes windows_;  // sorted by word
  SecretBytes filter_;
};

}  // namespace coffer
