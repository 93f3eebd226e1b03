// `pages`: what is sealed in such a file, and under which associated data. docs/format.md, "pages".
#pragma once

#include "coffer/crypto/xaes.h"
#include "coffer/format/pages_layout.h"

namespace coffer {

// What a seal stands for: the first byte of its associated data.
enum class PagesSealed : uint8_t { kPage = 1, kHole = 2, kRoot = 3, kRecord = 4 };

// Thread-safe.
class PagesCipher {
 public:
  static Result<PagesCipher> create(const FileKey& file_key, const Id& file_id, int page_log2);

  // All that is written at once is sealed by one of them: XaesSealing.
  Result<XaesSealing> sealing() const { return XaesSealing::begin(key_); }
  static Status seal_page(XaesSealing& sealing, uint64_t page, ByteView plaintext, uint8_t* ciphertext, XaesSeal& seal);
  static Status seal_hole(XaesSealing& sealing, uint64_t page, XaesSeal& seal);
  // Of what stands in clear.
  static Status seal_clear(XaesSealing& sealing, PagesSealed what, ByteView clear, XaesSeal& seal);

  // kTampered when it does not fit, kKeyUnavailable in a child of fork(): `out` is all zeros then.
  Status open_page(XaesOpening& opening, uint64_t page, ByteView ciphertext, const XaesSeal& seal, uint8_t* out) const;
  Status check_hole(XaesOpening& opening, uint64_t page, const XaesSeal& seal) const;
  static bool is_sealed(XaesOpening& opening, PagesSealed what, ByteView clear, const XaesSeal& seal);

  XaesOpening opening() const { return XaesOpening(key_); }
  uint64_t page_size() const { return page_size_; }

  // XaesGcm's.
  void drop_key() { key_.drop_key(); }
  void take_key(PagesCipher&& same) { key_.take_key(std::move(same.key_)); }

 private:
  PagesCipher(XaesGcm key, uint64_t page_size) : key_(std::move(key)), page_size_(page_size) {}

  XaesGcm key_;
  uint64_t page_size_;
};

}  // namespace coffer
