// The note in the place of a part whose domain was shredded.
#include <algorithm>

#include "coffer/base/codec.h"
#include "coffer/format/backup.h"

namespace coffer {
namespace {

constexpr std::array<uint8_t, 8> kNoteMagic{0x43, 0x4F, 0x46, 0x42, 0x4B, 0x53, 0x0D, 0x0A};  // "COFBKS", CR, LF
constexpr uint16_t kNoteVersion = 1;
constexpr size_t kNoteSignedSize = 56;
constexpr std::string_view kNoteSignedAs = "coffer/v1 backup shredded";

}  // namespace

Result<Bytes> seal_shredded_note(const Id& backup, const Id& part, uint64_t now, const BackupSigner& sign) {
  Bytes out(kShreddedNoteSize);
  Writer writer(out);
  writer.bytes(kNoteMagic);
  writer.u16(kNoteVersion);
  writer.zeros(6);
  writer.id(backup);
  writer.id(part);
  writer.u64(now);
  COFFER_ASSIGN(const Signed by, sign(labelled(kNoteSignedAs, ByteView(out).first(kNoteSignedSize))));
  writer.bytes(by.signature);
  return out;
}

Result<uint64_t> read_shredded_note(ByteView note, const BackupIndex& index, const Id& part) {
  const Status none = {Code::kTampered, "the note that this part of the backup was shredded is none of its coffer's"};
  if (note.size() != kShreddedNoteSize || !std::ranges::equal(note.first(kNoteMagic.size()), kNoteMagic)) return none;
  Reader reader(note.subspan(kNoteMagic.size()));
  const uint16_t version = reader.u16();
  if (version != kNoteVersion) {
    return {Code::kUnsupported, "the note of a shredding is of version " + std::to_string(version) +
                                    ", which this Coffer does not know: use a newer one"};
  }
  const bool zero = is_all_zero(reader.bytes(6));
  const Id backup = reader.id(), of = reader.id();
  const uint64_t when = reader.u64();
  Signed by{index.signer, {}};
  reader.copy_to(by.signature);
  if (!zero || backup != index.id || of != part) return none;
  if (!check_signature(by, labelled(kNoteSignedAs, note.first(kNoteSignedSize))).is_ok()) return none;
  return when;
}

}  // namespace coffer
