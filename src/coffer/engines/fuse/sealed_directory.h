// A directory of a store whose names are encrypted, and what its entries are called. docs/format.md, section 22.
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>

#include "coffer/files/directory_body.h"

namespace coffer::fusefs {

// Thread-safe. Below: as it stands in the backing directory, of which `directory` is a descriptor, with O_PATH or
// without. Errors name where the directory was when it was opened, and are those of keys (with_key()) besides what is
// said.
class SealedDirectory {
 public:
  SealedDirectory(OpenDirectory key, std::string domain, std::string path)
      : key_(std::move(key)), domain_(std::move(domain)), path_(std::move(path)) {}

  // Of the domain's keys.
  Status usable() const { return key_.usable().with_context(path_); }
  // REQUIRES: 1 to kNameSizeMax bytes
  Result<StoredName> name_below(std::string_view name) const;
  // kTampered for what was not sealed for this directory.
  Result<std::string> name_of(int directory, const std::string& below) const;

  Result<std::string> seal_target(std::string_view target) const;
  Result<std::string> open_target(std::string_view below) const;
  // Whether symbolic links can go from one of them to the other.
  Result<bool> shares_links_with(const SealedDirectory& other) const;

  const std::string& domain() const { return domain_; }
  const std::string& path() const { return path_; }
  // For a directory in it.
  Result<LinksKey> links() const;

 private:
  // What `use` makes of the key.
  template <class T, class Use>
  Result<T> by_key(const Use& use) const;

  const OpenDirectory key_;
  const std::string domain_;
  const std::string path_;
};

// The file of the directory that is called `below`.
inline std::string directory_file(const std::string& below) { return below + "/" + std::string(kDirectoryFileName); }

// The rest of a long name stands beside what has it: made before, taken away after. 0, or an error number.
int make_name_link(int directory, const StoredName& name);
void drop_name_link(int directory, const std::string& below);

// Whether nothing is in it but what Coffer has put there itself.
Result<bool> is_empty_but_for_own(int directory);
// Removes it: at once from its place, then what Coffer has put there. 0, or an error number. What a crash leaves is
// taken away by tidy_entry(). REQUIRES: is_empty_but_for_own()
int remove_sealed_directory(int parent, const std::string& below);
// Of an entry of this directory that is none of its names: takes it away if a crash has left it.
void tidy_entry(int directory, const std::string& below);

}  // namespace coffer::fusefs
