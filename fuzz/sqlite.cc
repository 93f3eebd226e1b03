// A database of SQLite, a rollback journal or a write-ahead log, damaged in any way, reads as what it was, or it is an
// error or ends earlier. And whatever somebody who has the key puts into headers, records and frames, reading it ends,
// and takes no more memory than the file.
#include <sstream>

#include "coffer/files/body.h"
#include "coffer/files/read_exactly.h"
#include "coffer/format/sqlite_wal.h"
#include "fuzz/input.h"
#include "support/memory_disk.h"

namespace coffer {
namespace {

constexpr const char* kPath = "/file";
constexpr uint32_t kPage = 1024;

// A file of tests/golden, and what it says.
struct Golden {
  OpenedFile opened;
  Bytes bytes;
  Bytes plaintext;
};

Bytes read_range(const OpenSqlite& body, const ReadableFile& file, uint64_t offset, uint64_t size) {
  const BlocksOpener::Range range = body.range(offset, size);
  Bytes sealed(range.size), out(size, 0xcc);
  if (!read_exactly(file, range.offset, sealed).is_ok()) return {};
  if (!body.open(offset, size, sealed, out.data()).is_ok()) return {};
  return out;
}

Result<OpenSqlite> open_body(const OpenedFile& opened, const std::shared_ptr<const ReadableFile>& file, uint64_t size) {
  COFFER_ASSIGN(OpenBody body, body_of(opened.fields.kind).open(opened, file, size, EngineRole::kOther));
  return std::get<OpenSqlite>(std::move(body));
}

std::shared_ptr<const ReadableFile> placed(MemoryDisk& disk, ByteView bytes) {
  fuzz_check(disk.create(kPath, 0600).value()->write_at(0, bytes).is_ok(), "is placed");
  return disk.open_read(kPath).value();
}

Golden load_golden(const std::string& name, const std::string& file_key) {
  Golden out;
  out.bytes = read_file(Disk::posix(), COFFER_GOLDEN "/" + name, 1 << 20).value();
  out.opened.fields = scan_envelope(ByteView(out.bytes).first(kEnvelopeSize)).value().fields;
  out.opened.file_key = FileKey::copy_of(from_hex(file_key).value());
  MemoryDisk disk;
  const auto file = placed(disk, out.bytes);
  const OpenSqlite body = open_body(out.opened, file, out.bytes.size()).value();
  out.plaintext = read_range(body, *file, 0, body.logical_size());
  fuzz_check(!out.plaintext.empty(), "a golden file is read");
  return out;
}

const std::vector<Golden>& golden_files() {
  static const std::vector<Golden> files = [] {
    const Bytes manifest = read_file(Disk::posix(), COFFER_GOLDEN "/manifest", 1 << 20).value();
    std::istringstream in{std::string(as_text(manifest))};
    std::vector<Golden> out;
    std::string size, digest;
    for (std::string name, key; in >> name >> key >> size >> digest;) out.push_back(load_golden(name, key));
    return out;
  }();
  return files;
}

// Somebody with the key of such a file: any value in any field, under a good seal.
class Forger {
 public:
  Forger(FuzzInput& input, const OpenedFile& opened) : input_(input), sealing_(begin(opened)) {}

  Bytes journal() {
    const JournalLife life{};
    while (!input_.finished() && body_.size() < 20 * kPage) {
      JournalHeader header;
      std::ranges::copy(kJournalMagic, header.bytes.begin());
      header.bytes[7] = static_cast<uint8_t>(header.bytes[7] ^ input_.below(16) / 15);
      put_be32(&header.bytes[20], input_.flag() ? 512u << input_.below(24) : value());
      put_be32(&header.bytes[24], input_.flag() ? kPage : value());
      header.durable_count = value();
      const uint64_t offset = body_.size();
      body_.resize(offset + kSqliteSectorSize);
      const std::span<uint8_t, kSqliteSectorSize> out(&body_[offset], kSqliteSectorSize);
      fuzz_check(seal_journal_header(sealing_, life, offset, header, out).is_ok(), "seals");
      for (uint64_t records = input_.below(4); records > 0; --records) {
        const uint64_t at = body_.size();
        body_.resize(at + kPage + kJournalRecordExtra);
        const Bytes record(kPage + kJournalRecordExtra, 0);
        fuzz_check(seal_journal_record(sealing_, life, at, record, &body_[at]).is_ok(), "seals");
      }
      body_.resize(std::max<size_t>(body_.size(), (body_.size() + 511) / 512 * 512) + 512 * input_.below(4));
    }
    return std::move(body_);
  }

  Bytes log() {
    WalHeader header;
    put_be32(&header.bytes[8], input_.flag() ? kPage : value());
    const WalLife life{{}, header.salts()};
    body_.resize(kSqliteSectorSize);
    const std::span<uint8_t, kSqliteSectorSize> out(body_.data(), kSqliteSectorSize);
    fuzz_check(seal_wal_header(sealing_, {}, header, out).is_ok(), "seals");
    for (uint32_t index = 0; !input_.finished() && index < 20; ++index) {
      std::array<uint8_t, kWalFrameHeaderSize> fields;
      std::ranges::fill(fields, static_cast<uint8_t>(input_.below(256)));
      const size_t at = body_.size();
      body_.resize(at + kWalSealedHeaderSize + kPage);
      const auto number = static_cast<uint32_t>(index + input_.below(8) / 7);
      uint8_t* const frame = &body_[at];
      fuzz_check(seal_wal_frame_header(sealing_, life, number, fields, frame).is_ok(), "seals");
      const Bytes page(kPage, 0);
      fuzz_check(seal_wal_page(sealing_, life, index, page, frame + kWalSealedHeaderSize).is_ok(), "seals");
    }
    return std::move(body_);
  }

  // Its page 1 says in clear how large its pages are.
  Bytes database() {
    const uint32_t page_size = kPage << input_.below(7);
    Bytes page(page_size, 0);
    const std::string_view magic("SQLite format 3", 16);
    std::ranges::copy(as_bytes(magic), page.begin());
    page[16] = static_cast<uint8_t>(page_size >> 8);
    page[17] = static_cast<uint8_t>(page_size >> 16);
    page[20] = kSqliteReserve;
    for (uint32_t number = 1; number == 1 || (!input_.finished() && number < 9); ++number) {
      const size_t at = body_.size();
      body_.resize(at + page_size);
      fuzz_check(seal_sqlite_page(sealing_, {{}, number}, page, &body_[at]).is_ok(), "seals");
      page[page.size() / 2] = static_cast<uint8_t>(input_.below(256));
    }
    put_be16(&body_[16], static_cast<uint16_t>(input_.flag() ? page_size : input_.below(65536)));
    return std::move(body_);
  }

 private:
  static SqliteSealing begin(const OpenedFile& opened) {
    const SqliteKey key = SqliteKey::create(opened.file_key, opened.fields.file_id).value();
    return SqliteSealing::begin(key).value();
  }
  static void put_be32(uint8_t* to, uint32_t value) { store_le32(to, __builtin_bswap32(value)); }
  static void put_be16(uint8_t* to, uint16_t value) { store_le16(to, __builtin_bswap16(value)); }
  uint32_t value() { return static_cast<uint32_t>(input_.below(65536) << input_.below(17)) - 1; }

  FuzzInput& input_;
  SqliteSealing sealing_;
  Bytes body_;
};

Bytes forged(FuzzInput& input, const OpenedFile& opened) {
  Forger forger(input, opened);
  const Bytes body = opened.fields.kind == Kind::kSqlite          ? forger.database()
                     : opened.fields.kind == Kind::kSqliteJournal ? forger.journal()
                                                                  : forger.log();
  Bytes out(kEnvelopeSize, 0);
  out.insert(out.end(), body.begin(), body.end());
  return out;
}

// In pieces that fit nothing. `plaintext`: what it was.
void read_all(const OpenSqlite& body, const ReadableFile& file, uint64_t physical_size, const Bytes* plaintext) {
  constexpr uint64_t kPiece = 777, kSectorMax = 65536;  // the last header of a journal takes a sector
  fuzz_check(body.logical_size() <= physical_size + kSectorMax, "it says no more than is there");
  for (uint64_t at = 0; at < body.logical_size(); at += kPiece) {
    const uint64_t size = std::min(kPiece, body.logical_size() - at);
    const Bytes piece = read_range(body, file, at, size);
    if (piece.empty() || plaintext == nullptr) continue;
    fuzz_check(at + size <= plaintext->size() &&
                   std::equal(piece.begin(), piece.end(), plaintext->begin() + static_cast<ptrdiff_t>(at)),
               "nothing is altered");
  }
}

}  // namespace
}  // namespace coffer

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace coffer;
  FuzzInput input(data, size);
  const Golden& golden = golden_files()[input.below(golden_files().size())];
  OpenedFile opened{golden.opened.fields, golden.opened.file_key.clone()};
  const bool forges = input.flag();
  Bytes bytes = golden.bytes;
  if (forges) {
    opened.fields.file_id = {};
    bytes = forged(input, opened);
  } else {
    input.damage(bytes, kEnvelopeSize);
  }
  MemoryDisk disk;
  const auto file = placed(disk, bytes);
  const auto body = open_body(opened, file, bytes.size());
  if (body.is_ok()) read_all(*body, *file, bytes.size(), forges ? nullptr : &golden.plaintext);
  return 0;
}
