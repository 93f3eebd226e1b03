// What the keyring knows of a store: its place, and which files may be there besides its own. docs/format.md,
// "Keyring".
#pragma once

#include <functional>
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
  std::string node;     // whose store it is: of this one alone, by its name; empty: every node's
  // A database was seen there. Else files were made there, and it may be gone tomorrow: a backup, a staging directory.
  bool confirmed = false;
  // Names in it are encrypted (docs/format.md, section 22): decided before there is any, and for ever.
  bool names_encrypted = false;
  std::vector<Lineage> lineage;      // stores whose files may be here; none twice, and itself only as kOlder
  std::vector<std::string> domains;  // whose data files may be here, whatever coffer.yaml has for their paths

  // Whether it is that of a node of this name, or every node's. Keyring::stores_of_node() has more.
  bool is_of(std::string_view node_name) const { return node.empty() || node == node_name; }
  bool descends_from(const Id& store) const;
  bool holds_domain(std::string_view domain) const;
  bool add_domain(std::string_view domain);  // says whether that was new
  bool operator==(const StoreEntry&) const = default;
};

// Ok, or the rule that an entry breaks: "its path must be …".
Status check_store(const StoreEntry& entry);

// In their order in a keyring, which outlives it.
using StoreRefs = std::vector<std::reference_wrapper<const StoreEntry>>;

// A path on one node, or (empty) on every one. Lookups by StorePlaceView, without a copy.
struct StorePlaceKey {
  std::string node;
  std::string path;
};
struct StorePlaceView {
  StorePlaceView(std::string_view of, std::string_view at) : node(of), path(at) {}
  StorePlaceView(const StorePlaceKey& key) : node(key.node), path(key.path) {}
  std::string_view node;
  std::string_view path;
};
struct StorePlaceHash {
  using is_transparent = void;
  size_t operator()(StorePlaceView place) const {
    const std::hash<std::string_view> hash;
    return place.node.empty() ? hash(place.path) : hash(place.path) ^ (hash(place.node) * 31);
  }
};
struct StorePlaceEqual {
  using is_transparent = void;
  bool operator()(StorePlaceView a, StorePlaceView b) const { return a.path == b.path && a.node == b.node; }
};
using StorePlaceMap = std::unordered_map<StorePlaceKey, size_t, StorePlaceHash, StorePlaceEqual>;

}  // namespace coffer
