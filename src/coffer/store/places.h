// Where files stand: which store a path belongs to, and whether a file may be there. docs/format.md, section 3,
// "Place"; docs/adr/0019.
#pragma once

#include <string>
#include <vector>

#include "coffer/config/config.h"
#include "coffer/format/envelope.h"
#include "coffer/io/disk.h"
#include "coffer/keys/keyring.h"
#include "coffer/store/node_name.h"

namespace coffer {

// A path's store in some keyring.
struct Place {
  std::string path;                   // as the keyring knows it, or would
  const StoreEntry* store = nullptr;  // that has this path, or the nearest parent of it; null: none does
  bool exact = false;                 // the path is the store's own
};

// Thread-safe. What it is made of outlives it.
class Places {
 public:
  // `more`: besides those of the configuration, and before them.
  Places(Disk& disk, const Config& config, std::string coffer_directory, std::vector<StorePlace> more);

  // Of a directory. Its text decides where the keyring has a store for that; else where symbolic links lead to. So
  // nobody makes one known store of another by putting a link in its place, and an alias of a store is that store.
  Place of_directory(const Keyring& keyring, const std::string& directory) const;
  // Where a path of the keyring's is on this machine.
  std::string here(const std::string& known) const;

  // The stores that are this node's, and at other places those that are every node's: what this machine has to do with.
  StoreRefs stores(const Keyring& keyring) const { return keyring.stores_of_node(node_.name(keyring)); }
  // Whose a new store at a path of the keyring's is: this node's, if the keyring lists it and coffer.yaml does not say
  // that stores there are shared; else (empty) every node's. Where nodes are listed, errors of reading node.key.
  Result<std::string> node_of_new(const Keyring& keyring, const std::string& known) const;
  // This one's name; empty: no node.
  std::string node(const Keyring& keyring) const { return node_.name(keyring); }

  // The domain that coffer.yaml has for a file, by its text, else by where symbolic links lead to; "system" if none.
  std::string domain_of(const std::string& path) const;

  // Whether a file whose header says this, and was authenticated, may be opened at `path`: kForeign, naming both
  // places, if not. `shown`: the same in a store whose names are encrypted, as its mount shows it. Without that nothing
  // can be said of the domain there.
  Status check(const Keyring& keyring, const EnvelopeFields& fields, std::string_view domain, const std::string& path,
               const std::string& shown = {}) const;

 private:
  // Absolute, without "." and "..", by its text.
  static std::string plain(const std::string& path);
  // What stands at `at` is known by `path`.
  std::string known(std::string_view path) const;
  std::string without_links(const std::string& directory) const;
  Status foreign_store(const Keyring& keyring, const Place& place, const Id& store, const std::string& path) const;
  Status foreign_domain(std::string_view domain, std::string_view expected, const std::string& path) const;

  Disk& disk_;
  const Config& config_;
  const std::string coffer_directory_;
  const NodeName node_;
  std::vector<StorePlace> elsewhere_;
};

}  // namespace coffer
