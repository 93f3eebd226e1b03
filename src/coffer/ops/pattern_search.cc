#include "coffer/ops/pattern_search.h"

#include <bit>

#include "coffer/base/codec.h"
#include "coffer/crypto/random.h"

namespace coffer {
namespace {

constexpr size_t kWordSize = sizeof(uint64_t);

}  // namespace

void PatternSearch::add(ByteView pattern, uint32_t tag) {
  COFFER_REQUIRE(pattern.size() >= kPatternSizeMin, "a pattern has a window to look for");
  patterns_.push_back({bytes_.size(), pattern.size(), tag});
  bytes_.append(pattern);
  shortest_ = std::min(shortest_, pattern.size());
  longest_ = std::max(longest_, pattern.size());
}

std::span<const PatternSearch::Window> PatternSearch::windows() const {
  return {reinterpret_cast<const Window*>(windows_.reveal().data()), windows_.size() / sizeof(Window)};
}

Status PatternSearch::prepare() {
  if (patterns_.empty()) return Status::ok();
  COFFER_TRY(random_bytes({reinterpret_cast<uint8_t*>(&multiplier_), sizeof multiplier_}));
  multiplier_ |= 1;
  // Wherever a pattern begins, a window of it is at a place that find() looks at.
  stride_ = std::min(shortest_ - kWordSize + 1, kStrideMax);
  const size_t count = patterns_.size() * stride_;
  windows_ = SecretBytes(count * sizeof(Window));
  const std::span<Window> windows(reinterpret_cast<Window*>(windows_.reveal_mutable().data()), count);
  const size_t filter_bits = std::bit_ceil(std::max<size_t>(count * kFilterBitsPerWindow, 64));
  filter_ = SecretBytes(filter_bits / 8);
  filter_shift_ = 64 - std::countr_zero(filter_bits);
  uint8_t* filter = filter_.reveal_mutable().data();
  for (size_t i = 0; i < count; ++i) {
    const size_t pattern = i / stride_, at = i % stride_;
    const uint64_t word = load_le64(bytes_.view().data() + patterns_[pattern].begin + at);
    windows[i] = {word, static_cast<uint32_t>(pattern), static_cast<uint32_t>(at)};
    const size_t bit = filter_bit(word);
    filter[bit / 8] = static_cast<uint8_t>(filter[bit / 8] | 1u << bit % 8);
  }
  std::sort(windows.begin(), windows.end(), [](const Window& a, const Window& b) { return a.word < b.word; });
  return Status::ok();
}

void PatternSearch::find(ByteView bytes, size_t known, const Found& found) const {
  if (patterns_.empty()) return;
  const uint8_t* filter = filter_.reveal().data();
  for (size_t at = 0; at + kWordSize <= bytes.size(); at += stride_) {
    const uint64_t word = load_le64(bytes.data() + at);
    const size_t bit = filter_bit(word);
    if ((filter[bit / 8] >> bit % 8 & 1) != 0) [[unlikely]]
      look(bytes, known, at, word, found);
  }
}

void PatternSearch::look(ByteView bytes, size_t known, size_t at, uint64_t word, const Found& found) const {
  const std::span<const Window> all = windows();
  auto window =
      std::lower_bound(all.begin(), all.end(), word, [](const Window& w, uint64_t wanted) { return w.word < wanted; });
  for (; window != all.end() && window->word == word; ++window) {
    const Pattern& pattern = patterns_[window->pattern];
    if (at < window->at) continue;
    const size_t start = at - window->at;
    if (bytes.size() - start < pattern.size || start + pattern.size <= known) continue;
    if (std::memcmp(bytes.data() + start, bytes_.view().data() + pattern.begin, pattern.size) != 0) continue;
    found(start, pattern.tag);
  }
}

}  // namespace coffer
