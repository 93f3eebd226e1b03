// `pages`: the root, which says how long the file is, where it has holes, and where its journal begins. docs/format.md,
// "pages".
#pragma once

#include <optional>

#include "coffer/format/pages_cipher.h"

namespace coffer {

// Groups without a tag block, because nothing of them was ever written.
struct GroupRange {
  uint64_t first = 0;
  uint64_t count = 0;

  uint64_t end() const { return first + count; }
  bool operator==(const GroupRange&) const = default;
};

struct PagesRoot {
  static constexpr size_t kSlotSize = 4096;
  static constexpr size_t kRangesMax = 240;

  uint64_t sequence = 0;
  uint64_t size = 0;     // logical
  uint64_t proven = 0;   // pages before this one are durable wherever this root is
  uint64_t epoch = 0;    // of the journal
  uint64_t journal = 0;  // where it begins; 0: there is none
  uint64_t records = 0;  // how many of its records are older than this root
  uint64_t durable = 0;  // so many bytes of it were durable when this root was made
  std::vector<GroupRange> holes = {};  // in order, apart from each other

  bool operator==(const PagesRoot&) const = default;

  // The bytes of a slot, a multiple of 512; what stands behind them does not matter.
  Result<Bytes> seal(XaesSealing& sealing) const;
  // nullopt for what was torn, never written, or made by nobody with the key.
  static std::optional<PagesRoot> open(ByteView slot, XaesOpening& opening);
  // The same without a key: for what is shown to people.
  static std::optional<PagesRoot> look_at(ByteView slot);
};

}  // namespace coffer
