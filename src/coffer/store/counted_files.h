// How many files there are of which kind and under which keys: the result of a count. docs/format.md, section 12.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include "coffer/format/envelope.h"

namespace coffer {

struct Usage {
  uint64_t files = 0;
  uint64_t bytes = 0;  // on disk

  bool operator==(const Usage&) const = default;
};

// What files have in common that count together.
struct FileClass {
  enum class What : uint8_t {
    kEncrypted,
    kEmpty,  // zero bytes, a header that never reached the disk, or a beginning that nobody relies upon
    kPlaintext,
    kUnreadable,  // damaged, truncated or unsupported header, or an error of the operating system
  };
  What what = What::kEmpty;
  Id key{};    // of kEncrypted: that of the slot in force
  Id other{};  // of the other slot, where that needs another one; else zero

  auto operator<=>(const FileClass&) const = default;
};
FileClass class_of(const EnvelopeScan& scan);  // of a header that was read

struct StoreCounts {
  std::map<FileClass, Usage> by_class;
  uint64_t links_outside = 0;  // symbolic links that lead out of what was visited

  bool operator==(const StoreCounts&) const = default;
};

struct CountedFiles {
  uint64_t begun = 0, ended = 0;          // when the files were counted, in milliseconds since the Unix epoch
  std::map<Id, StoreCounts> stores = {};  // by where the files are; zero: in no store

  uint64_t files() const;
};

uint64_t now_milliseconds();  // since the Unix epoch

// A value of JSON.
std::string counted_text(const CountedFiles& counted);
std::optional<CountedFiles> parse_counted(const std::string& text);

}  // namespace coffer
