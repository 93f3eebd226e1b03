// What a directory's names, and the targets of symbolic links in it, are in a store whose names are encrypted: stored
// names are text of base32. docs/format.md, section 22; D1 to D6, which code and tests cite, are the invariants of that
// section.
#pragma once

#include <string>
#include <string_view>

#include "coffer/crypto/resting_key.h"
#include "coffer/crypto/siv.h"
#include "coffer/format/envelope.h"

namespace coffer {

// Of each directory: the file, of kind `directory`, that has its key.
inline constexpr std::string_view kDirectoryFileName = ".coffer-names";
// Behind its envelope.
inline constexpr size_t kDirectoryBodySize = 80;
// What begins like this is being made or removed, and nobody's.
inline constexpr std::string_view kUnfinishedPrefix = ".coffer-new.";

inline constexpr size_t kNameSizeMax = 255;
// Longer ones are stored as a part of them, and a link that has the rest.
inline constexpr size_t kShortNameSizeMax = 128;
// Of the target of a symbolic link: what fits into one below.
inline constexpr size_t kTargetSizeMax = 2512;

// What an entry below is, as far as its name tells.
enum class StoredForm : uint8_t {
  kName,
  kLongName,       // its rest is beside it, as long_name_link() says
  kLongNameLink,   // the rest of a long one
  kDirectoryFile,
  kUnfinished,
  kForeign,        // nothing that Coffer has put there
};
StoredForm stored_form(std::string_view stored);

struct StoredName {
  std::string name;
  std::string rest;  // of a long name: the target of the symbolic link long_name_link(name); else empty
};
std::string long_name_link(std::string_view stored);
// The long name that such a link belongs to. REQUIRES: stored_form(link) is kLongNameLink
std::string_view name_of_link(std::string_view link);

struct LinksRole {};
using LinksKey = Key<LinksRole>;  // 64 bytes: seals the targets of links in directories that share it

// The key of one directory. Thread-safe.
class DirectoryKey {
 public:
  // `body`: what stands behind the envelope. kTampered if it does not open.
  static Result<DirectoryKey> create(const FileKey& file_key, const Id& file_id, ByteView body);
  // The body of a new directory. REQUIRES: links has 64 bytes
  static Result<Bytes> seal_body(const FileKey& file_key, const Id& file_id, const LinksKey& links);

  // REQUIRES: 1 to kNameSizeMax bytes
  Result<StoredName> seal_name(std::string_view name) const;
  // kTampered for what this directory's key did not seal. `rest`: as StoredName has it.
  Result<std::string> open_name(std::string_view stored, std::string_view rest) const;

  // kLimitExceeded above kTargetSizeMax.
  Result<std::string> seal_target(std::string_view target) const;
  // kTampered for what none of the directories with these links has sealed.
  Result<std::string> open_target(std::string_view stored) const;
  // For a directory that is to share it.
  Result<LinksKey> links() const { return links_.open(); }
  // Whether links of a directory that has this key can be links of this one.
  Result<bool> has_links(const LinksKey& key) const;

  // As AesSiv.
  void drop_key();
  void take_key(DirectoryKey&& same) { *this = std::move(same); }

 private:
  DirectoryKey(AesSiv names, RestingKey<LinksRole> links) : names_(std::move(names)), links_(std::move(links)) {}

  AesSiv names_;
  RestingKey<LinksRole> links_;  // used now and then
};

}  // namespace coffer
