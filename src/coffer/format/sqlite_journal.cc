#include "coffer/format/sqlite_journal.h"

#include <algorithm>

#include "coffer/base/codec.h"
#include "coffer/crypto/random.h"

namespace coffer {
namespace {

constexpr size_t kSealOffset = 32;  // behind database id and salt
constexpr size_t kFieldsOffset = kSealOffset + XaesSeal::kSize;
constexpr size_t kFieldsSize = kJournalHeaderSize + 4;
constexpr size_t kSectorSizeOffset = 20;
constexpr size_t kPageSizeOffset = 24;
constexpr size_t kNumberSize = 4;
constexpr size_t kChecksumSize = 4;

enum class Part : uint8_t { kHeader = 1, kRecord = 2, kName = 3 };

// database id ‖ salt ‖ offset ‖ page number ‖ part
class JournalContext {
 public:
  JournalContext(const JournalLife& life, uint64_t offset, Part part, uint32_t number = 0) {
    Writer writer(bytes_);
    writer.id(life.database_id);
    writer.id(life.salt);
    writer.u64(offset);
    writer.u32(number);
    writer.u8(static_cast<uint8_t>(part));
  }
  ByteView view() const { return bytes_; }

 private:
  std::array<uint8_t, 45> bytes_{};
};

ByteView seal_of(ByteView sector) { return sector.subspan(kSealOffset, XaesSeal::kSize); }

}  // namespace

Result<JournalLife> JournalLife::begin(const Id& database_id) {
  COFFER_ASSIGN(const Id salt, random_id());
  return JournalLife{database_id, salt};
}

bool JournalHeader::is_valid() const { return std::ranges::equal(ByteView(bytes).first(8), kJournalMagic); }
uint32_t JournalHeader::sector_size() const { return load_be32(&bytes[kSectorSizeOffset]); }
uint32_t JournalHeader::page_size() const { return load_be32(&bytes[kPageSizeOffset]); }

Status seal_journal_header(SqliteSealing& sealing, const JournalLife& life, uint64_t offset,
                           const JournalHeader& header, std::span<uint8_t, kSqliteSectorSize> out) {
  std::ranges::fill(out, uint8_t{0});
  std::array<uint8_t, kFieldsSize> fields;
  std::ranges::copy(header.bytes, fields.begin());
  store_le32(&fields[kJournalHeaderSize], header.durable_count);
  std::ranges::copy(life.database_id.bytes, out.begin());
  std::ranges::copy(life.salt.bytes, out.begin() + 16);
  return sealing.seal(JournalContext(life, offset, Part::kHeader).view(), fields, &out[kFieldsOffset],
                      &out[kSealOffset]);
}

JournalLife journal_life(std::span<const uint8_t, kSqliteSectorSize> sector) {
  Reader reader(sector);
  JournalLife out;
  out.database_id = reader.id();
  out.salt = reader.id();
  return out;
}

std::optional<JournalHeader> open_journal_header(const SqliteKey& key, const JournalLife& life, uint64_t offset,
                                                 std::span<const uint8_t, kSqliteSectorSize> sector) {
  const JournalLife said = journal_life(sector);
  if (said.database_id != life.database_id || said.salt != life.salt) return std::nullopt;
  if (!is_all_zero(sector.subspan(kFieldsOffset + kFieldsSize))) return std::nullopt;
  std::array<uint8_t, kFieldsSize> fields;
  if (!key.open(JournalContext(life, offset, Part::kHeader).view(), sector.subspan(kFieldsOffset, kFieldsSize),
                seal_of(sector).data(), fields.data())) {
    return std::nullopt;
  }
  JournalHeader out;
  std::copy_n(fields.begin(), kJournalHeaderSize, out.bytes.begin());
  out.durable_count = load_le32(&fields[kJournalHeaderSize]);
  return out;
}

// number ‖ sealed (page without its reserved bytes ‖ checksum) ‖ seal ‖ 4 zeros
Status seal_journal_record(SqliteSealing& sealing, const JournalLife& life, uint64_t offset, ByteView record,
                           uint8_t* out) {
  const size_t page_size = record.size() - kJournalRecordExtra;
  const size_t content = page_size - kSqliteReserve;
  if (!is_all_zero(record.subspan(kNumberSize + content, kSqliteReserve))) {
    return {Code::kInvalidArgument, "a page that goes into the journal does not leave its reserved bytes to Coffer"};
  }
  std::array<uint8_t, kChecksumSize> checksum;
  std::copy_n(record.end() - kChecksumSize, kChecksumSize, checksum.begin());
  if (out != record.data()) std::copy_n(record.begin(), kNumberSize + content, out);
  std::ranges::copy(checksum, out + kNumberSize + content);
  uint8_t* const seal = out + kNumberSize + content + kChecksumSize;
  std::fill(seal, out + record.size(), uint8_t{0});
  return sealing.seal(JournalContext(life, offset, Part::kRecord, load_le32(out)).view(),
                      {out + kNumberSize, content + kChecksumSize}, out + kNumberSize, seal);
}

bool open_journal_record(const SqliteKey& key, const JournalLife& life, uint64_t offset, ByteView sealed,
                         uint8_t* out) {
  const size_t page_size = sealed.size() - kJournalRecordExtra;
  const size_t content = page_size - kSqliteReserve;
  const size_t seal_offset = kNumberSize + content + kChecksumSize;
  std::fill_n(out, sealed.size(), uint8_t{0});
  if (!is_all_zero(sealed.subspan(seal_offset + XaesSeal::kSize))) return false;
  if (!key.open(JournalContext(life, offset, Part::kRecord, load_le32(sealed.data())).view(),
                sealed.subspan(kNumberSize, content + kChecksumSize), &sealed[seal_offset], out + kNumberSize)) {
    return false;
  }
  std::copy_n(sealed.begin(), kNumberSize, out);
  std::copy_n(out + kNumberSize + content, kChecksumSize, out + kNumberSize + page_size);
  std::fill_n(out + kNumberSize + content, kChecksumSize, uint8_t{0});
  return true;
}

Result<Bytes> seal_journal_name(SqliteSealing& sealing, const JournalLife& life, uint64_t offset, ByteView record) {
  const JournalContext context(life, offset, Part::kName);
  Bytes associated(context.view().begin(), context.view().end());
  associated.insert(associated.end(), record.begin(), record.end());
  std::array<uint8_t, XaesSeal::kSize> seal;
  uint8_t nothing = 0;
  COFFER_TRY(sealing.seal(associated, {}, &nothing, seal.data()));
  Bytes out(record.begin(), record.begin() + kNumberSize);
  out.insert(out.end(), seal.begin(), seal.end());
  out.insert(out.end(), record.begin() + kNumberSize, record.end());
  return out;
}

size_t journal_name_record_size(std::span<const uint8_t, 16> end) {
  const uint32_t name_size = load_be32(end.data());
  if (!std::ranges::equal(end.subspan(8), kJournalMagic) || name_size == 0 || name_size > kJournalNameSizeMax) return 0;
  return name_size + kJournalNameExtra;
}

std::optional<Bytes> open_journal_name(const SqliteKey& key, const JournalLife& life, uint64_t offset,
                                       ByteView sealed) {
  Bytes record(sealed.begin(), sealed.begin() + kNumberSize);
  record.insert(record.end(), sealed.begin() + kNumberSize + XaesSeal::kSize, sealed.end());
  const JournalContext context(life, offset, Part::kName);
  Bytes associated(context.view().begin(), context.view().end());
  associated.insert(associated.end(), record.begin(), record.end());
  uint8_t nothing = 0;
  if (!key.open(associated, {}, &sealed[kNumberSize], &nothing)) return std::nullopt;
  return record;
}

}  // namespace coffer
