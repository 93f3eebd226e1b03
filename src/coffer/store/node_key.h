// COFFER/node.key: what this node is, with its private keys sealed. docs/format.md, "Nodes".
#pragma once

#include "coffer/keys/node_identity.h"
#include "coffer/store/coffer.h"

namespace coffer {

inline constexpr std::string_view kNodeKeyName = "node.key";

// Beside the keyring, for the user alone whom the directory belongs to. Sealed by the coffer, or (not empty) by the
// root of this name in its configuration: then it opens where that root answers, and nowhere else. Old or new after a
// crash.
// kAlreadyExists: this node has its keys; kForeign on a copy of the coffer.
Status keep_node_identity(const Coffer& coffer, const NodeIdentity& identity, const std::string& root,
                          ProviderOpener opener);
// Waits for the provider of its root, if it has one. kNotFound: this node has none yet; says what to do. kForeign: on a
// copy of the coffer, or of another coffer; kDamaged; kTampered; kWrongKey, kKeyUnavailable and the provider's.
Result<NodeIdentity> open_node_identity(const Coffer& coffer, ProviderOpener opener);
// By what it says in clear: of that nothing is proved. Empty: this node has none, or it cannot be read.
std::string node_key_name(const Coffer& coffer);
// The same of a coffer's directory, copy or not. Errors as open_node_identity()'s of the file.
Result<std::string> node_name_at(Disk& disk, const std::string& directory, const Id& coffer_id);
// The same of all that it says so; nothing: this node has none, or it cannot be read.
std::optional<NodePublic> node_key_public(const Coffer& coffer);
// Without any key of the coffer's, of which `config` is. kUnsupported: they are not sealed by a key of this machine;
// says what to do. Else as open_node_identity().
Result<NodeIdentity> open_local_node_identity(Disk& disk, const std::string& directory, const Config& config,
                                              ProviderOpener opener);
// Which root it is sealed by; empty: by the coffer. Else as open_node_identity(), and of that nothing is proved.
Result<std::string> root_of_node_key(const Coffer& coffer);

// The keys that are to take the place of these, while others are told of them: in node.key.next. Errors as above.
inline constexpr std::string_view kNextNodeKeyName = "node.key.next";
Status keep_next_node_identity(const Coffer& coffer, const NodeIdentity& identity, const std::string& root,
                               ProviderOpener opener);
Result<NodeIdentity> open_next_node_identity(const Coffer& coffer, ProviderOpener opener);
Status take_next_node_identity(const Coffer& coffer);

}  // namespace coffer
