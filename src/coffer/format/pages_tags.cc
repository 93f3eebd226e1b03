#include "coffer/format/pages_tags.h"

#include "coffer/base/codec.h"

namespace coffer {

TagBlock::State TagBlock::state(size_t index) const {
  const uint8_t* at = bytes_.data() + seal_offset(index);
  if (std::all_of(at, at + XaesSeal::kSize, [](uint8_t byte) { return byte == 0; })) return State::kNothing;
  const bool is_hole = load_le16(bytes_.data() + holes_offset(index)) >> index % kPagesInSector & 1;
  return is_hole ? State::kHole : State::kPage;
}

XaesSeal TagBlock::seal(size_t index) const {
  XaesSeal out;
  std::memcpy(&out, bytes_.data() + seal_offset(index), sizeof out);
  return out;
}

void TagBlock::set(size_t index, State state, const XaesSeal& seal) {
  std::memcpy(bytes_.data() + seal_offset(index), &seal, sizeof seal);
  uint8_t* holes = bytes_.data() + holes_offset(index);
  const auto bit = static_cast<uint16_t>(1u << index % kPagesInSector);
  const uint16_t others = load_le16(holes) & static_cast<uint16_t>(~bit);
  store_le16(holes, state == State::kHole ? others | bit : others);
}

}  // namespace coffer
