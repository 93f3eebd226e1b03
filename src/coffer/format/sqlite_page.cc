#include "coffer/format/sqlite_page.h"

#include <algorithm>

#include "coffer/base/codec.h"

namespace coffer {
namespace {

constexpr std::string_view kSqliteMagic("SQLite format 3\0", 16);
constexpr size_t kAboutOffset = 16;    // page size, versions, reserved bytes, fractions
constexpr size_t kReserveOffset = 20;  // the byte that says how many are reserved

// file id ‖ page number ‖ page size ‖ bytes 16 to 23 of page 1
class PageContext {
 public:
  PageContext(const SqlitePagePlace& place, ByteView page) {
    Writer writer(bytes_);
    writer.id(place.file_id);
    writer.u32(place.number);
    writer.u32(static_cast<uint32_t>(page.size()));
    if (place.number == 1) writer.bytes(page.subspan(kAboutOffset, kSqliteClearSize - kAboutOffset));
    size_ = writer.written();
  }
  ByteView view() const { return ByteView(bytes_).first(size_); }

 private:
  std::array<uint8_t, 32> bytes_{};
  size_t size_ = 0;
};

size_t clear_size(const SqlitePagePlace& place) { return place.number == 1 ? kSqliteClearSize : 0; }

bool is_first_page(ByteView page) {
  return as_text(page).starts_with(kSqliteMagic) && page[kReserveOffset] == kSqliteReserve &&
         sqlite_page_size(page) == page.size();
}

}  // namespace

uint32_t sqlite_page_size(ByteView start) {
  if (start.size() < kSqliteClearSize || !as_text(start).starts_with(kSqliteMagic)) return 0;
  const uint32_t named = static_cast<uint32_t>(start[16]) << 8 | start[17];
  const uint32_t size = named == 1 ? kSqlitePageSizeMax : named;
  return is_sqlite_page_size(size) ? size : 0;
}

Status check_sqlite_page(const SqlitePagePlace& place, ByteView page) {
  const bool is_free = is_all_zero(page.subspan(page.size() - kSqliteReserve));
  if (is_free && (place.number != 1 || is_first_page(page))) return Status::ok();
  return {Code::kInvalidArgument,
          "page " + std::to_string(place.number) + " does not leave its last " + std::to_string(kSqliteReserve) +
              " bytes to Coffer, as a copy page by page of another database does not: copy it with VACUUM INTO"};
}

Status seal_sqlite_page(SqliteSealing& sealing, const SqlitePagePlace& place, ByteView page, uint8_t* out) {
  COFFER_TRY(check_sqlite_page(place, page));
  const size_t content = page.size() - kSqliteReserve;
  const PageContext context(place, page);
  const size_t clear = clear_size(place);
  if (out != page.data()) std::copy_n(page.begin(), clear, out);
  std::fill_n(out + content, kSqliteReserve, uint8_t{0});
  return sealing.seal(context.view(), page.subspan(clear, content - clear), out + clear, out + content);
}

Status open_sqlite_page(const SqliteKey& key, const SqlitePagePlace& place, ByteView sealed, uint8_t* out) {
  const size_t content = sealed.size() - kSqliteReserve;
  const size_t clear = clear_size(place);
  const bool empty = is_all_zero(sealed);
  const bool well_formed = is_all_zero(sealed.subspan(content + XaesSeal::kSize)) &&
                           (place.number != 1 || is_first_page(sealed));
  const PageContext context(place, sealed);
  if (!empty && well_formed &&
      key.open(context.view(), sealed.subspan(clear, content - clear), &sealed[content], out + clear)) {
    if (out != sealed.data()) std::copy_n(sealed.begin(), clear, out);
    std::fill_n(out + content, kSqliteReserve, uint8_t{0});
    return Status::ok();
  }
  std::fill_n(out, sealed.size(), uint8_t{0});
  const std::string page = "page " + std::to_string(place.number);
  if (empty) return {Code::kDamaged, page + " is all zeros: it was never written, or the disk lost it"};
  return {Code::kTampered, page + " is not as it was written: damaged, altered, or of another place"};
}

}  // namespace coffer
