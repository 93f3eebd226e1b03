#include "coffer/ops/own_store.h"

#include "coffer/base/clock.h"
#include "coffer/files/plaintext_list.h"
#include "coffer/ops/stores.h"

namespace coffer {
namespace {

Status check_ownable(Coffer& coffer, const StoreEntry& store) {
  if (!store.node.empty()) return {Code::kAlreadyExists, store.path + " is a store of node " + store.node + " already"};
  if (!store.also_at.empty()) return {Code::kBusy, store.path + " is being renamed; try again"};
  if (!coffer.stores().is_present(store)) {
    return {Code::kInvalidArgument, store.path + " is not on this machine; only what is here becomes this node's own"};
  }
  COFFER_ASSIGN(const std::optional<PlaintextFiles> in_clear, read_plaintext_list(coffer, store.id));
  if (!in_clear.has_value()) return Status::ok();
  return {Code::kBusy, store.path + " still has files in clear, which are listed for it; encrypt them first: coffer "
                                    "encrypt COFFER " + store.path};
}

Result<std::string> own_name(const Coffer& coffer, const Keyring& keyring, const std::string& path) {
  COFFER_ASSIGN(std::string node, coffer.places().node_of_new(keyring, path));
  if (!node.empty()) return node;
  return {Code::kInvalidArgument,
          "stores at " + path + " are every node's: " +
              (keyring.find_node(coffer.places().node(keyring)) == nullptr
                   ? "this machine is no node that the keyring lists; coffer node enrol takes it in"
                   : coffer.config_path() + " says that they are shared")};
}

}  // namespace

Result<StoreEntry> own_store(Coffer& coffer, const std::string& path) {
  COFFER_ASSIGN(const StoreEntry shared, find_store(coffer, path));
  COFFER_TRY(check_ownable(coffer, shared));
  StoreEntry out;
  const auto enter = [&](Keyring& next) -> Status {
    const StoreEntry* found = next.find_store(shared.id);
    if (found == nullptr) return {Code::kNotFound, path + " is no store any more"};
    out = *found;
    COFFER_ASSIGN(out.node, own_name(coffer, next, out.path));
    if (next.store_at(out.path, out.node) != found) {
      return {Code::kAlreadyExists, out.path + " is a store of node " + out.node + " already"};
    }
    out.created = now_seconds();
    COFFER_ASSIGN(out.id, next.add_store(out.path, out.created, out.node));
    std::erase_if(out.lineage, [&](const Lineage& each) { return each.store == shared.id; });
    out.lineage.push_back({shared.id, out.created, LineageHow::kAdopted});
    return next.replace_store(out);
  };
  COFFER_TRY(coffer.stores().change(enter));
  return out;
}

}  // namespace coffer
