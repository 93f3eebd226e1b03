// The nodes that share a coffer: how one joins, goes, and gets fresh keys. docs/cluster.md, "Nodes".
#pragma once

#include "coffer/keys/join_request.h"
#include "coffer/keys/node_standing.h"
#include "coffer/ops/slots.h"
#include "coffer/store/node_key.h"

namespace coffer {

// For this node, which has its keys (store/node_key.h): what it shows one that is of the coffer already. Its root key
// is asked for once more. Errors as open_node_identity(), and those of the root.
Result<std::string> make_join_request(const Coffer& coffer, ProviderOpener opener);

struct Enrolment {
  NodePublic node;
  bool was_there = false;  // with these very keys: nothing has changed
};
// Puts the node that made the request into the keyring. kInvalidArgument, kTampered, kForeign, kRolledBack: as
// parse_join_request() and check_join_request(); kWrongKey also where its root key is another than this node's: says
// the digests of both. kAlreadyExists: there is another node of this name, or with these keys. kPermissionDenied:
// LiveKeyring::check_shared().
Result<Enrolment> enrol_node(Coffer& coffer, std::string_view request, ProviderOpener opener);

struct NodeRemoval {
  RootRotation root;
  size_t domains = 0;                // that have fresh keys
  std::vector<std::string> closed;  // key groups whose domains have not, as the groups do not open here
};
// Takes a node out, and renews what it knew: the keyring key first, by the root `to` as rotate_root() has it; then, in
// one save, the member key and each domain's active key. Interrupted in between the node is still in the list; to be
// repeated. kNotFound: it is not there.
Result<NodeRemoval> remove_node(Coffer& coffer, const std::string& name, const std::string& to, ProviderOpener opener);

// Fresh keys for this node under its name, sealed as before, in the keyring if it was there. An attempt that was
// interrupted is finished by the next one.
Result<NodePublic> rotate_node(Coffer& coffer, ProviderOpener opener);

}  // namespace coffer
