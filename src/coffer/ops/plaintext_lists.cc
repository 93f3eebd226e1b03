#include "coffer/ops/plaintext_lists.h"

#include <algorithm>

#include "coffer/base/path.h"
#include "coffer/files/plaintext_list.h"

namespace coffer {
namespace {

Status shorten(Coffer& coffer, const std::vector<std::string>& paths, bool to_nothing) {
  for (const StoreInTransition& store : stores_in_transition(coffer)) {
    const bool is_here = std::ranges::any_of(
        paths, [&](const std::string& path) { return is_within(store.directory, absolute_path(path)); });
    if (!is_here) continue;
    COFFER_TRY(shorten_plaintext_list(coffer, store.store, to_nothing ? PlaintextFiles() : store.left));
  }
  return Status::ok();
}

}  // namespace

Status begin_lists(Coffer& coffer, const std::vector<std::string>& paths, const EngineFiles& files,
                   const std::function<void(const InventoryFile&)>& listed) {
  std::map<std::string, PlaintextFiles> stores;
  COFFER_TRY(visit_files(coffer, paths, [&](const InventoryFile& file) {
    if (file.leads_outside || file.status.code() != Code::kPlaintext || !files.is_of_engine(file.path)) {
      return Status::ok();
    }
    const std::string path = absolute_path(file.path);
    const std::string directory = files.place_of(path).store_directory;
    stores[directory].emplace(path.substr(directory.size() + 1), file.size);
    listed(file);
    return Status::ok();
  }));
  for (const auto& [directory, left] : stores) {
    COFFER_ASSIGN(const Id store, coffer.stores().store_for({.directory = directory, .confirms = true}));
    COFFER_TRY(begin_plaintext_list(coffer, store, left));
  }
  return Status::ok();
}

Status shorten_lists(Coffer& coffer, const std::vector<std::string>& paths) { return shorten(coffer, paths, false); }

Status end_lists(Coffer& coffer, const std::vector<std::string>& paths) { return shorten(coffer, paths, true); }

}  // namespace coffer
