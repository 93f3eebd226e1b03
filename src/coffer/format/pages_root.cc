#include "coffer/format/pages_root.h"

#include "coffer/base/codec.h"

namespace coffer {
namespace {

constexpr std::array<uint8_t, 4> kRootMagic = {'C', 'F', 'P', 'R'};
constexpr size_t kFixedSize = 64;
constexpr size_t kRangeSize = 16;

size_t clear_size(size_t ranges) { return kFixedSize + ranges * kRangeSize; }

// Sizes and places that a file can have; ranges in order and apart from each other.
bool can_be(const PagesRoot& root) {
  uint64_t least = 0;
  for (const GroupRange& range : root.holes) {
    if (range.count == 0 || range.first < least || range.first > kPagesSizeMax) return false;
    if (range.count > kPagesSizeMax - range.first) return false;
    least = range.end() + 1;
  }
  if (root.size > kPagesSizeMax || root.journal % 512 != 0) return false;
  return root.journal == 0 || (root.journal >= PagesLayout::kBodyOffset && root.journal <= kPagesJournalMax);
}

}  // namespace

Result<Bytes> PagesRoot::seal(XaesSealing& sealing) const {
  if (holes.size() > kRangesMax) return {Code::kInternal, "a root has room for 240 holes"};
  const size_t clear = clear_size(holes.size());
  Bytes out((clear + XaesSeal::kSize + 511) / 512 * 512);
  uint8_t* at = out.data();
  std::ranges::copy(kRootMagic, at);
  store_le32(at + 4, static_cast<uint32_t>(holes.size()));
  const uint64_t fields[] = {sequence, size, proven, epoch, journal, records, durable};
  for (size_t i = 0; i < std::size(fields); ++i) store_le64(at + 8 + 8 * i, fields[i]);
  for (size_t i = 0; i < holes.size(); ++i) {
    store_le64_pair(at + kFixedSize + i * kRangeSize, holes[i].first, holes[i].count);
  }
  XaesSeal seal;
  COFFER_TRY(PagesCipher::seal_clear(sealing, PagesSealed::kRoot, ByteView(out).first(clear), seal));
  std::memcpy(at + clear, &seal, XaesSeal::kSize);
  return out;
}

std::optional<PagesRoot> PagesRoot::look_at(ByteView slot) {
  Reader reader(slot);
  const ByteView magic = reader.bytes(kRootMagic.size());
  const uint32_t ranges = reader.u32();
  if (!std::ranges::equal(magic, kRootMagic) || ranges > kRangesMax) return std::nullopt;
  PagesRoot out;
  for (uint64_t* field :
       {&out.sequence, &out.size, &out.proven, &out.epoch, &out.journal, &out.records, &out.durable}) {
    *field = reader.u64();
  }
  out.holes.resize(ranges);
  for (GroupRange& range : out.holes) {
    range.first = reader.u64();
    range.count = reader.u64();
  }
  if (reader.remaining() < XaesSeal::kSize || !reader.ok() || !can_be(out)) return std::nullopt;
  return out;
}

std::optional<PagesRoot> PagesRoot::open(ByteView slot, XaesOpening& opening) {
  auto out = look_at(slot);
  if (!out) return std::nullopt;
  const size_t clear = clear_size(out->holes.size());
  XaesSeal seal;
  std::memcpy(&seal, slot.data() + clear, XaesSeal::kSize);
  if (!PagesCipher::is_sealed(opening, PagesSealed::kRoot, slot.first(clear), seal)) return std::nullopt;
  return out;
}

}  // namespace coffer
