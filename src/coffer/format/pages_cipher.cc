#include "coffer/format/pages_cipher.h"

#include "coffer/base/codec.h"
#include "coffer/format/key_schedule.h"

namespace coffer {
namespace {

// Of a page or hole: what it is ‖ its number.
class Associated {
 public:
  Associated(PagesSealed what, uint64_t page) {
    bytes_[0] = static_cast<uint8_t>(what);
    store_le64(bytes_.data() + 1, page);
  }
  operator ByteView() const { return bytes_; }

 private:
  std::array<uint8_t, 9> bytes_;
};

// Of a root or record: what it is ‖ all that it says.
Bytes associated_with(PagesSealed what, ByteView clear) {
  Bytes out = {static_cast<uint8_t>(what)};
  out.insert(out.end(), clear.begin(), clear.end());
  return out;
}

}  // namespace

Result<PagesCipher> PagesCipher::create(const FileKey& file_key, const Id& file_id, int page_log2) {
  COFFER_ASSIGN(const PagesLayout layout, PagesLayout::create(page_log2));
  COFFER_ASSIGN(const XaesKey key, pages_key(file_key, file_id, page_log2));
  COFFER_ASSIGN(XaesGcm cipher, XaesGcm::create(key));
  return PagesCipher(std::move(cipher), layout.page_size());
}

Status PagesCipher::seal_page(XaesSealing& sealing, uint64_t page, ByteView plaintext, uint8_t* ciphertext,
                              XaesSeal& seal) {
  return sealing.seal(Associated(PagesSealed::kPage, page), plaintext, ciphertext, seal);
}

Status PagesCipher::seal_hole(XaesSealing& sealing, uint64_t page, XaesSeal& seal) {
  return sealing.seal(Associated(PagesSealed::kHole, page), {}, nullptr, seal);
}

Status PagesCipher::seal_clear(XaesSealing& sealing, PagesSealed what, ByteView clear, XaesSeal& seal) {
  return sealing.seal(associated_with(what, clear), {}, nullptr, seal);
}

Status PagesCipher::open_page(XaesOpening& opening, uint64_t page, ByteView ciphertext, const XaesSeal& seal,
                              uint8_t* out) const {
  if (opening.open(Associated(PagesSealed::kPage, page), ciphertext, seal, out)) return Status::ok();
  COFFER_TRY(key_.usable());
  return {Code::kTampered, "page " + std::to_string(page) + " is damaged or was altered"};
}

Status PagesCipher::check_hole(XaesOpening& opening, uint64_t page, const XaesSeal& seal) const {
  uint8_t nothing = 0;
  if (opening.open(Associated(PagesSealed::kHole, page), {}, seal, &nothing)) return Status::ok();
  COFFER_TRY(key_.usable());
  return {Code::kTampered, "page " + std::to_string(page) + " is missing: nobody left a hole there"};
}

bool PagesCipher::is_sealed(XaesOpening& opening, PagesSealed what, ByteView clear, const XaesSeal& seal) {
  uint8_t nothing = 0;
  return opening.open(associated_with(what, clear), {}, seal, &nothing);
}

}  // namespace coffer
