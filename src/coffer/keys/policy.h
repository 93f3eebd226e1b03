// When domain keys and files are due for a change, as the operator wants it. Pure functions of keyring, wishes and
// time. docs/keys.md, "Policy".
#pragma once

#include <functional>
#include <map>
#include <optional>

#include "coffer/keys/keyring.h"

namespace coffer {

// What was done with a domain key so far.
struct KeyCounts {
  uint64_t seals = 0;  // headers of files that it sealed
  uint64_t bytes = 0;  // of plaintext, under the keys of those files

  bool operator==(const KeyCounts&) const = default;
};
using CountsByKey = std::unordered_map<Id, KeyCounts, IdHash>;

// What becomes of the files of a domain key that is not active any more. Those of a compromised key are rewrapped and
// re-encrypted whatever it says.
enum class OldFiles : uint8_t {
  kLazy,       // nothing: they are as they are until their engine replaces them
  kRewrap,     // those that need it have their file keys wrapped anew
  kReencrypt,  // all that it ever protected get other file keys: they are written anew
};
std::string_view old_files_name(OldFiles old_files);  // "lazy", "rewrap", "reencrypt"

// Times in seconds.
struct KeyPolicy {
  // A key that has been active for so long is succeeded by a fresh one; nothing: never.
  std::optional<uint64_t> rotation_period = uint64_t{7} * 86400;
  OldFiles old_files = OldFiles::kLazy;
  uint64_t old_files_after = uint64_t{30} * 86400;  // from when the key was deactivated
  // Keys that no file needs so long after they were deactivated are destroyed; nothing: never.
  std::optional<uint64_t> destroy_after = {};
  // A key that has sealed so many headers, or so many bytes, is succeeded by a fresh one; nothing: no limit.
  std::optional<uint64_t> max_seals = {};
  std::optional<uint64_t> max_bytes = {};

  bool operator==(const KeyPolicy&) const = default;
};

// What a process that writes files does when its root key may not go on protecting.
enum class Reaction : uint8_t {
  kWarn,      // says so, and goes on
  kReadOnly,  // makes no new files, until the key is back
  kFence,     // reads and writes no file, and has no keys in memory, until the key is back
};

// Unreachable is not revoked: a server that does not answer may be back in a minute.
struct RootPolicy {
  Reaction on_revoked = Reaction::kWarn;        // at once
  Reaction on_outage = Reaction::kWarn;         // after:
  uint64_t outage_grace = uint64_t{72} * 3600;  // seconds that it may be unreachable

  bool operator==(const RootPolicy&) const = default;
};

struct Policy {
  KeyPolicy all;
  RootPolicy root;
  // Of re-encryptions that nobody gave another, in bytes a second; nothing: as fast as they go.
  std::optional<uint64_t> reencrypt_rate = {};
  // How many seconds a node's copy of a keyring in etcd opens after etcd last answered; nothing: none is kept.
  std::optional<uint64_t> keyring_copy = {};
  // Over how many seconds programs that serve spread their first request for the root key; nothing: they do not wait.
  std::optional<uint64_t> unlock_spread = {};
  // How many seconds some nodes use a new key, and are well, before more do, and then all; nothing: rotations by this
  // policy are for all nodes at once, and a rollout goes on when somebody says so.
  std::optional<uint64_t> canary_pause = {};
  // For how many seconds after a root key was last seen well nodes start by their own slots; nothing: they have none.
  std::optional<uint64_t> node_slots = {};
  std::map<std::string, KeyPolicy, std::less<>> domains;  // what is another there; whole

  const KeyPolicy& of(std::string_view domain) const;
  bool operator==(const Policy&) const = default;
};

struct DueAction {
  enum class What : uint8_t { kRotate, kRewrap, kDestroy };
  What what = What::kRotate;
  std::string domain;
  std::string why;
  Id key = {};          // to destroy
  Status refused = {};  // ok, or why it cannot be done: the domain's key group is closed
};

enum class RootTrouble : uint8_t { kNone, kUnreachable, kRevoked };
std::string_view trouble_name(RootTrouble trouble);  // "none", "unreachable", "revoked"
// What operators call it: "warn", "read_only", and "fence", which at an outage is "stop".
std::string_view reaction_name(Reaction reaction, RootTrouble trouble);
// By what a look at the root key found. Revoked: gone, disabled, forbidden, or another key in its place.
RootTrouble root_trouble(const Status& found);

// What becomes of a process whose root key is found so.
struct RootOutlook {
  RootTrouble trouble = RootTrouble::kNone;
  uint64_t since = 0;  // Unix seconds
  Reaction reaction = Reaction::kWarn;
  uint64_t from = 0;  // Unix seconds from which on it reacts so
};
// `since`: from when on it is found so.
RootOutlook root_outlook(const Status& found, uint64_t since, const RootPolicy& policy);
// One sentence for a log; empty where there is no trouble.
std::string outlook_text(const RootOutlook& outlook);
// What is to be done now.
Reaction reaction_at(const RootOutlook& outlook, uint64_t now);
// Ok, or why no file may be made now: kKeyUnavailable, kProviderUnavailable.
Status may_protect(const Status& found, uint64_t since, const RootPolicy& policy, uint64_t now);

// Domains whose active key has been that for as long as it may, has sealed as much as it may, or has expired; or became
// active more than a day in the future. A domain without an active key has no rotation due: somebody took it away; nor
// has one by its age while a rollout brings it the next key.
std::vector<DueAction> due_rotations(const Keyring& keyring, const Policy& policy, const CountsByKey& counts,
                                     uint64_t now);
// Domains with files that need a key which is compromised, or, where old files are rewrapped, which was deactivated as
// long ago as the policy has it.
// `is_needed`: whether a file needs the key.
std::vector<DueAction> due_rewraps(const Keyring& keyring, const Policy& policy,
                                   const std::function<bool(const Id& key)>& is_needed, uint64_t now);
// Whether the files that the key ever protected are to get other file keys; and why, as what is to be said of it:
// "which was compromised".
bool is_reencryption_due(const Domain& domain, const DomainKeyEntry& key, const KeyPolicy& policy, uint64_t now);
std::string why_reencrypt(const DomainKeyEntry& key, const KeyPolicy& policy, uint64_t now);
// Keys that are deactivated or compromised for as long as the policy has it, and that nothing needs.
std::vector<DueAction> due_destructions(const Keyring& keyring, const Policy& policy,
                                        const std::function<bool(const Id& key)>& is_needed, uint64_t now);
// Rotates what is due, and says what that was: with a `canary_pause` and nodes, what is due by its age is begun as a
// rollout. One key group that is closed keeps no other domain from being rotated.
Result<std::vector<DueAction>> apply_rotations(Keyring& keyring, const Policy& policy, const CountsByKey& counts,
                                               uint64_t now);
// Seconds until the next rotation is due by time, 0 if one is; at most `most`.
uint64_t until_next_rotation(const Keyring& keyring, const Policy& policy, uint64_t now, uint64_t most);

}  // namespace coffer
