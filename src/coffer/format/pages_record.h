// `pages`: a record of the journal, by which what was durable is changed. docs/format.md, "pages".
#pragma once

#include <optional>

#include "coffer/format/pages_cipher.h"

namespace coffer {

struct PagesRecord {
  static constexpr size_t kHeaderSize = 136;
  // Those that a reader looks at, in a journal that it searches for evidence, stand at multiples of this.
  static constexpr size_t kAlignment = 8;

  enum class What : uint8_t {
    kPage = 1,   // `page`, whose ciphertext follows the header
    kHoles = 2,  // nothing in the `count` pages from `page` on, and, where that is ~0, in all behind
  };

  What what = What::kPage;
  uint64_t epoch = 0;
  uint64_t number = 0;  // within its epoch, from 1
  uint64_t page = 0;
  uint64_t count = 0;
  uint64_t size = 0;        // logical, of the file after it
  uint64_t durable = 0;     // so many bytes of the journal were durable when this record was made
  XaesSeal page_seal = {};  // of kPage

  // With its ciphertext.
  size_t total_size(uint64_t page_size) const { return kHeaderSize + (what == What::kPage ? page_size : 0); }

  // Writes kHeaderSize bytes.
  Status seal(XaesSealing& sealing, uint8_t* out) const;
  // nullopt for what is not such a header, or made by nobody with the key.
  static std::optional<PagesRecord> open(ByteView header, XaesOpening& opening);
  // The same without a key.
  static std::optional<PagesRecord> look_at(ByteView header);
};

}  // namespace coffer
