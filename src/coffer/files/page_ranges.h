// Sets of page numbers, as ranges.
#pragma once

#include <algorithm>
#include <cstdint>
#include <iterator>
#include <map>

namespace coffer {

class PageRanges {
 public:
  static constexpr uint64_t kEnd = ~uint64_t{0};  // of a range without an end

  bool empty() const { return ranges_.empty(); }
  bool contains(uint64_t page) const {
    const auto next = ranges_.upper_bound(page);
    return next != ranges_.begin() && page < std::prev(next)->second;
  }
  // Where the range with this page ends; `page` where there is none.
  uint64_t end_of(uint64_t page) const {
    const auto next = ranges_.upper_bound(page);
    return next == ranges_.begin() ? page : std::max(page, std::prev(next)->second);
  }
  // [first, end)
  void add(uint64_t first, uint64_t end) {
    if (first >= end) return;
    auto at = ranges_.upper_bound(first);
    if (at != ranges_.begin() && std::prev(at)->second >= first) {
      --at;
      first = at->first;
    }
    while (at != ranges_.end() && at->first <= end) {
      end = std::max(end, at->second);
      at = ranges_.erase(at);
    }
    ranges_.emplace(first, end);
  }
  void clear() { ranges_.clear(); }

  // By their beginnings: where each ends.
  const std::map<uint64_t, uint64_t>& all() const { return ranges_; }

 private:
  std::map<uint64_t, uint64_t> ranges_;
};

}  // namespace coffer
