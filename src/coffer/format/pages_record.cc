#include "coffer/format/pages_record.h"

#include "coffer/base/codec.h"

namespace coffer {
namespace {

constexpr std::array<uint8_t, 4> kRecordMagic = {'C', 'F', 'P', 'J'};
constexpr size_t kRecordSealOffset = PagesRecord::kHeaderSize - XaesSeal::kSize;

}  // namespace

Status PagesRecord::seal(XaesSealing& sealing, uint8_t* out) const {
  std::memset(out, 0, kRecordSealOffset);
  std::ranges::copy(kRecordMagic, out);
  out[4] = static_cast<uint8_t>(what);
  const uint64_t fields[] = {epoch, number, page, count, size, durable};
  for (size_t i = 0; i < std::size(fields); ++i) store_le64(out + 8 + 8 * i, fields[i]);
  if (what == What::kPage) std::memcpy(out + 56, &page_seal, XaesSeal::kSize);
  XaesSeal seal;
  COFFER_TRY(PagesCipher::seal_clear(sealing, PagesSealed::kRecord, {out, kRecordSealOffset}, seal));
  std::memcpy(out + kRecordSealOffset, &seal, XaesSeal::kSize);
  return Status::ok();
}

std::optional<PagesRecord> PagesRecord::look_at(ByteView header) {
  Reader reader(header);
  const ByteView magic = reader.bytes(kRecordMagic.size());
  const uint8_t what = reader.u8();
  if (!std::ranges::equal(magic, kRecordMagic) || what < 1 || what > 2) return std::nullopt;
  if (!std::ranges::all_of(reader.bytes(3), [](uint8_t byte) { return byte == 0; })) return std::nullopt;
  PagesRecord out;
  out.what = static_cast<What>(what);
  for (uint64_t* field : {&out.epoch, &out.number, &out.page, &out.count, &out.size, &out.durable}) {
    *field = reader.u64();
  }
  const ByteView seal = reader.bytes(XaesSeal::kSize);
  if (reader.remaining() < XaesSeal::kSize || out.size > kPagesSizeMax || out.page > kPagesSizeMax) return std::nullopt;
  std::memcpy(&out.page_seal, seal.data(), XaesSeal::kSize);
  return out;
}

std::optional<PagesRecord> PagesRecord::open(ByteView header, XaesOpening& opening) {
  auto out = look_at(header);
  if (!out) return std::nullopt;
  XaesSeal seal;
  std::memcpy(&seal, header.data() + kRecordSealOffset, XaesSeal::kSize);
  const ByteView clear = header.first(kRecordSealOffset);
  if (!PagesCipher::is_sealed(opening, PagesSealed::kRecord, clear, seal)) return std::nullopt;
  return out;
}

}  // namespace coffer
