// What the keyring knows of a store: its place, and which files may be there besides its own. docs/format.md,
// "Keyring".
#pragma once

#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "coffer/base/bytes.h"
#include "coffer/base/status.h"

namespace coffer {

inline constexpr size_t kStorePathSizeMax = 4096;
inline constexpr size_t kStoreLineageMax = 4096;
inline constexpr size_t kStoreDomainsMax = 4096;
// Instead of names, where there would be more of them: any domain's files may be there.
inline constexpr std::string_view kAnyDomain = "*";

// How files of another store came to be allowed in a store.
enum class LineageHow : uint8_t {
  kLinked = 1,   // an engine linked or moved one there
  kAdopted = 2,  // an operator said so
  kOlder = 3,    // an operator took an older state of the store itself back
};
std::string_view lineage_name(LineageHow how);  // "linked", "adopted", "older"
bool is_lineage(uint8_t how);

struct Lineage {
  Id store;
  uint64_t since = 0;  // Unix seconds
  LineageHow how = LineageHow::kLinked;

  bool operator==(const Lineage&) const = default;
};

struct StoreEntry {
  Id id;
  uint64_t created = 0;
  std::string path;     // absolute, without trailing slash, empty components, "." and "..", control characters
  std::string also_at;  // while its directory is being renamed: where it is going; else empty
  // A database was seen there. Else files were made there, and it may be gone tomorrow: a backup, a staging directory.
  bool confirmed = false;
  // Names in it are encrypted (docs/format.md, section 22): decided before there is any, and for ever.
  bool names_encrypted = false;
  std::vector<Lineage> lineage;      // stores whose files may be here; none twice, and itself only as kOlder
  std::vector<std::string> domains;  // whose data files may be here, whatever coffer.yaml has for their paths

  bool descends_from(const Id& store) const;
  bool holds_domain(std::string_view domain) const;
  bool add_domain(std::string_view domain);  // says whether that was new
  bool operator==(const StoreEntry&) const = default;
};

// Ok, or the rule that an entry breaks: "its path must be …".
Status check_store(const StoreEntry& entry);

// Lookups by string_view.
struct PathHash {
  using is_transparent = void;
  size_t operator()(std::string_view path) const { return std::hash<std::string_view>()(path); }
};
using PathMap = std::unordered_map<std::string, size_t, PathHash, std::equal_to<>>;

}  // namespace coffer
