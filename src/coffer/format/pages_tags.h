// `pages`: the tag block of a group, in which the seals of its pages stand. docs/format.md, "pages".
#pragma once

#include "coffer/format/pages_cipher.h"

namespace coffer {

class TagBlock {
 public:
  enum class State : uint8_t { kNothing, kPage, kHole };

  // `index`: of the page within its group.
  State state(size_t index) const;
  XaesSeal seal(size_t index) const;
  void set(size_t index, State state, const XaesSeal& seal);
  // The same of some that stand behind each other.
  void set(size_t index, State state, std::span<const XaesSeal> seals) {
    for (const XaesSeal& seal : seals) set(index++, state, seal);
  }

  static size_t sector_of(size_t index) { return index / kPagesInSector; }
  ByteView sectors(size_t first, size_t count) const {
    return ByteView(bytes_).subspan(first * kTagSectorSize, count * kTagSectorSize);
  }
  // As they stand in the file.
  MutableBytes bytes() { return bytes_; }

 private:
  static size_t seal_offset(size_t index) {
    return sector_of(index) * kTagSectorSize + index % kPagesInSector * XaesSeal::kSize;
  }
  static size_t holes_offset(size_t index) {
    return sector_of(index) * kTagSectorSize + kPagesInSector * XaesSeal::kSize;
  }

  std::array<uint8_t, kTagBlockSize> bytes_{};
};

}  // namespace coffer
