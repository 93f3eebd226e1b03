// The first look at stores at rest of which files are to be written anew: which names a file has, and what a crash left
// of earlier runs. Engines are kept out from then on.
#pragma once

#include "coffer/files/successor.h"
#include "coffer/ops/at_rest.h"
#include "coffer/ops/inventory.h"

namespace coffer {

// Not thread-safe. What it is made of outlives it.
class Survey {
 public:
  using Inode = std::pair<uint64_t, uint64_t>;
  static Inode inode_of(const InventoryFile& file) { return {file.info.device, file.info.inode}; }

  // `doing`: what is done to the files, for errors: "re-encrypted".
  Survey(Coffer& coffer, const std::vector<std::string>& paths, std::string_view doing, AtRest& at_rest,
         Successors& successors)
      : coffer_(coffer), paths_(paths), doing_(doing), at_rest_(at_rest), successors_(successors) {}

  struct Steps {
    std::function<void()> begin;  // before each look
    // Of every file by each of its names, and of links that lead outside; of no leftover.
    InventoryVisitor look;
    // Of a leftover that cannot be settled, and stays. After the last look.
    std::function<void(const std::string& path, Status status)> trouble;
  };
  // Looks at all files, and once more where that found leftovers, which are settled by then. kBusy where an engine has
  // one of the databases open.
  Status take(const Steps& steps);

  // Whether this file was seen under a name before, in the look that is at work.
  bool is_further_name(const InventoryFile& file) const;
  // Of a file with so many names: all of them, the one at hand first. kUnsupported where the last look has not found
  // them all, or some that are none of these: it would become two files.
  Result<std::vector<std::string>> names_of(const std::string& path, const Inode& inode, uint64_t link_count,
                                            const std::function<bool(const std::string& name)>& counts = {}) const;

 private:
  Status look(const Steps& steps);

  Coffer& coffer_;
  const std::vector<std::string>& paths_;
  const std::string_view doing_;
  AtRest& at_rest_;
  Successors& successors_;
  std::map<Inode, std::vector<std::string>> names_;  // of files that have several
  std::vector<std::pair<std::string, Inode>> leftovers_;
};

}  // namespace coffer
