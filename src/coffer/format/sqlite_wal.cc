#include "coffer/format/sqlite_wal.h"

#include <algorithm>

#include "coffer/base/codec.h"

namespace coffer {
namespace {

constexpr size_t kWalSealOffset = 16;  // behind the database's id
constexpr size_t kWalFieldsOffset = kWalSealOffset + XaesSeal::kSize;

enum class WalPart : uint8_t { kLogHeader = 0, kFrameHeader = 1, kPage = 2 };

// database id ‖ salts ‖ index ‖ part
class WalContext {
 public:
  WalContext(const WalLife& life, uint32_t index, WalPart part) {
    Writer writer(bytes_);
    writer.id(life.database_id);
    writer.bytes(life.salts);
    writer.u32(index);
    writer.u8(static_cast<uint8_t>(part));
  }
  ByteView view() const { return bytes_; }

 private:
  std::array<uint8_t, 29> bytes_{};
};

}  // namespace

uint32_t WalHeader::page_size() const { return load_be32(&bytes[8]); }

std::array<uint8_t, 8> WalHeader::salts() const {
  std::array<uint8_t, 8> out;
  std::copy_n(bytes.begin() + 16, out.size(), out.begin());
  return out;
}

Status seal_wal_header(SqliteSealing& sealing, const Id& database_id, const WalHeader& header,
                       std::span<uint8_t, kSqliteSectorSize> out) {
  std::ranges::fill(out, uint8_t{0});
  std::ranges::copy(database_id.bytes, out.begin());
  return sealing.seal(WalContext({database_id, {}}, 0, WalPart::kLogHeader).view(), header.bytes,
                      &out[kWalFieldsOffset], &out[kWalSealOffset]);
}

Id wal_database_id(std::span<const uint8_t, kSqliteSectorSize> sector) { return Reader(sector).id(); }

std::optional<WalHeader> open_wal_header(const SqliteKey& key, const Id& database_id,
                                         std::span<const uint8_t, kSqliteSectorSize> sector) {
  if (wal_database_id(sector) != database_id) return std::nullopt;
  if (!is_all_zero(sector.subspan(kWalFieldsOffset + kWalHeaderSize))) return std::nullopt;
  WalHeader out;
  if (!key.open(WalContext({database_id, {}}, 0, WalPart::kLogHeader).view(),
                sector.subspan(kWalFieldsOffset, kWalHeaderSize), &sector[kWalSealOffset], out.bytes.data())) {
    return std::nullopt;
  }
  return out;
}

Status seal_wal_frame_header(SqliteSealing& sealing, const WalLife& life, uint32_t index,
                             std::span<const uint8_t, kWalFrameHeaderSize> header, uint8_t* out) {
  return sealing.seal(WalContext(life, index, WalPart::kFrameHeader).view(), header, out, out + kWalFrameHeaderSize);
}

Status seal_wal_page(SqliteSealing& sealing, const WalLife& life, uint32_t index, ByteView page, uint8_t* out) {
  const size_t content = page.size() - kSqliteReserve;
  if (!is_all_zero(page.subspan(content))) {
    return {Code::kInvalidArgument, "a page that goes into the log does not leave its reserved bytes to Coffer"};
  }
  std::fill_n(out + content, kSqliteReserve, uint8_t{0});
  return sealing.seal(WalContext(life, index, WalPart::kPage).view(), page.first(content), out, out + content);
}

bool open_wal_frame_header(const SqliteKey& key, const WalLife& life, uint32_t index,
                           std::span<const uint8_t, kWalSealedHeaderSize> sealed, uint8_t* out) {
  return key.open(WalContext(life, index, WalPart::kFrameHeader).view(), sealed.first<kWalFrameHeaderSize>(),
                  &sealed[kWalFrameHeaderSize], out);
}

bool open_wal_page(const SqliteKey& key, const WalLife& life, uint32_t index, ByteView sealed, uint8_t* out) {
  const size_t content = sealed.size() - kSqliteReserve;
  const bool good = is_all_zero(sealed.subspan(content + XaesSeal::kSize)) &&
                    key.open(WalContext(life, index, WalPart::kPage).view(), sealed.first(content), &sealed[content],
                             out);
  if (!good) std::fill_n(out, content, uint8_t{0});
  std::fill_n(out + content, kSqliteReserve, uint8_t{0});
  return good;
}

bool open_wal_frame(const SqliteKey& key, const WalLife& life, uint32_t index, ByteView sealed, uint8_t* out) {
  const ByteView page = sealed.subspan(kWalSealedHeaderSize);
  if (open_wal_page(key, life, index, page, out + kWalFrameHeaderSize) &&
      open_wal_frame_header(key, life, index, sealed.first<kWalSealedHeaderSize>(), out)) {
    return true;
  }
  std::fill_n(out, kWalFrameHeaderSize + page.size(), uint8_t{0});
  return false;
}

}  // namespace coffer
