#include "coffer/format/sqlite_wal.h"

#include <algorithm>

#include "coffer/base/codec.h"

namespace coffer {
namespace {

constexpr size_t kWalSealOffset = 16;  // behind the database's id
constexpr size_t kWalFieldsOffset = kWalSealOffset + kSqliteSealSize;
constexpr uint32_t kIndexOfHeader = UINT32_MAX;

// database id ‖ salts ‖ index
class WalContext {
 public:
  WalContext(const WalLife& life, uint32_t index) {
    Writer writer(bytes_);
    writer.id(life.database_id);
    writer.bytes(life.salts);
    writer.u32(index);
  }
  ByteView view() const { return bytes_; }

 private:
  std::array<uint8_t, 28> bytes_{};
};

size_t frame_content(ByteView frame) { return frame.size() - kSqliteReserve; }

}  // namespace

uint32_t WalHeader::page_size() const { return __builtin_bswap32(load_le32(&bytes[8])); }

std::array<uint8_t, 8> WalHeader::salts() const {
  std::array<uint8_t, 8> out;
  std::copy_n(bytes.begin() + 16, out.size(), out.begin());
  return out;
}

Status seal_wal_header(SqliteSealing& sealing, const Id& database_id, const WalHeader& header,
                       std::span<uint8_t, kSqliteSectorSize> out) {
  std::ranges::fill(out, uint8_t{0});
  std::ranges::copy(database_id.bytes, out.begin());
  return sealing.seal(WalContext({database_id, {}}, kIndexOfHeader).view(), header.bytes, &out[kWalFieldsOffset],
                  &out[kWalSealOffset]);
}

Id wal_database_id(std::span<const uint8_t, kSqliteSectorSize> sector) { return Reader(sector).id(); }

std::optional<WalHeader> open_wal_header(const SqliteKey& key, const Id& database_id,
                                         std::span<const uint8_t, kSqliteSectorSize> sector) {
  if (wal_database_id(sector) != database_id) return std::nullopt;
  if (!is_all_zero(sector.subspan(kWalFieldsOffset + kWalHeaderSize))) return std::nullopt;
  WalHeader out;
  if (!key.open(WalContext({database_id, {}}, kIndexOfHeader).view(), sector.subspan(kWalFieldsOffset, kWalHeaderSize),
                &sector[kWalSealOffset], out.bytes.data())) {
    return std::nullopt;
  }
  return out;
}

Status seal_wal_frame(SqliteSealing& sealing, const WalLife& life, uint32_t index, ByteView frame, uint8_t* out) {
  const size_t content = frame_content(frame);
  if (!is_all_zero(frame.subspan(content))) {
    return {Code::kInvalidArgument, "a page that goes into the log does not leave its reserved bytes to Coffer"};
  }
  std::fill_n(out + content, kSqliteReserve, uint8_t{0});
  return sealing.seal(WalContext(life, index).view(), frame.first(content), out, out + content);
}

bool open_wal_frame(const SqliteKey& key, const WalLife& life, uint32_t index, ByteView sealed, uint8_t* out) {
  const size_t content = frame_content(sealed);
  const bool good = is_all_zero(sealed.subspan(content + kSqliteSealSize)) &&
                    key.open(WalContext(life, index).view(), sealed.first(content), &sealed[content], out);
  if (!good) std::fill_n(out, content, uint8_t{0});
  std::fill_n(out + content, kSqliteReserve, uint8_t{0});
  return good;
}

}  // namespace coffer
