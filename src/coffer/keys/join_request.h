// What a node shows that wants to be one of a coffer's: that it has its private keys, that it opens the coffer now, and
// which root key it has. One line of text. docs/format.md, "Nodes".
#pragma once

#include "coffer/keys/keyring.h"

namespace coffer {

inline constexpr std::string_view kJoinRequestPrefix = "coffer-join:v1:";
inline constexpr uint64_t kJoinRequestAgeMax = 24 * 3600;  // seconds
inline constexpr uint64_t kJoinRequestFutureMax = 300;     // by which clocks may differ

struct JoinRequest {
  NodePublic node;
  uint64_t made = 0;     // Unix seconds
  Sha256 root_digest{};  // root_digest_of() what the node asks
  Sha256 mac{};          // of all the above, by the keyring
  Signature signature{};  // of all the above, by the node
};

// Of what tells a root key from all others: shows nothing of that to who does not open this keyring.
Result<Sha256> root_digest_of(const Keyring& keyring, std::string_view root_name, ByteView evidence);

Result<std::string> make_join_request(const NodeIdentity& node, const Keyring& keyring, const Sha256& root_digest,
                                      uint64_t now);
// Blanks around it are left out. kInvalidArgument for what is none; kTampered where it was altered, or its keys are not
// those of who made it.
Result<JoinRequest> parse_join_request(std::string_view text);
// Whether who made it opens this keyring, lately and not before a node was removed last. kForeign: it is for another
// coffer; kWrongKey; kRolledBack: too old, or from the future.
Status check_join_request(const JoinRequest& request, const Keyring& keyring, uint64_t now);

}  // namespace coffer
