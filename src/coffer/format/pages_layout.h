// `pages`: where everything of a file lies that is overwritten in place. docs/format.md, "pages"; P1 to P9, which code
// and tests cite, are the invariants of that section. Offsets are physical unless they are called logical.
#pragma once

#include "coffer/format/envelope.h"

namespace coffer {

inline constexpr int kPageLog2Min = 10;
inline constexpr int kPageLog2Max = 16;
inline constexpr uint64_t kPagesSizeMax = uint64_t{1} << 40;  // logical
inline constexpr uint64_t kPagesJournalMax = uint64_t{1} << 42;  // where it begins: far behind all pages
inline constexpr uint64_t kPagesInGroup = 96;
inline constexpr size_t kTagBlockSize = 4096;
inline constexpr size_t kTagSectorSize = 512;
inline constexpr uint64_t kPagesInSector = 12;

// Pure arithmetic.
class PagesLayout {
 public:
  static constexpr uint64_t kRootOffsets[2] = {kEnvelopeSize, kEnvelopeSize + 4096};
  static constexpr uint64_t kBodyOffset = kEnvelopeSize + 2 * 4096;  // of the first group

  // kInvalidArgument when page_log2 is out of bounds.
  static Result<PagesLayout> create(int page_log2);

  uint64_t page_size() const { return uint64_t{1} << page_log2_; }
  // As many pages as hold `logical_size` bytes.
  uint64_t page_count(uint64_t logical_size) const { return (logical_size + page_size() - 1) >> page_log2_; }
  uint64_t page_of(uint64_t logical_offset) const { return logical_offset >> page_log2_; }

  static uint64_t group_of(uint64_t page) { return page / kPagesInGroup; }
  uint64_t group_size() const { return kTagBlockSize + (kPagesInGroup << page_log2_); }
  // Of the group's tag block.
  uint64_t group_offset(uint64_t group) const { return kBodyOffset + group * group_size(); }
  uint64_t page_offset(uint64_t page) const {
    return group_offset(group_of(page)) + kTagBlockSize + (page % kPagesInGroup << page_log2_);
  }
  // Where a file ends whose last page is the one before `page_count`.
  uint64_t end_of(uint64_t page_count) const {
    return page_count == 0 ? kBodyOffset : page_offset(page_count - 1) + page_size();
  }

 private:
  explicit PagesLayout(int page_log2) : page_log2_(page_log2) {}
  int page_log2_;
};

}  // namespace coffer
