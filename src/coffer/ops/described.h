// Root keys, key groups, runs and ciphers, as machines are told of them.
#pragma once

#include "coffer/base/finding.h"
#include "coffer/crypto/backend.h"
#include "coffer/ops/json.h"
#include "coffer/store/coffer.h"
#include "coffer/store/runs.h"

namespace coffer {

// The coffer's own; nothing configured if it cannot be read. For descriptions only.
ProviderConfig provider_config_of(const Coffer& coffer);

// What the configuration has for a root's name; empty if nothing.
std::string uri_of_root(const std::string& name, const ProviderConfig& config);
// A root key in its provider's own words, or the handle's bytes if the provider cannot be opened here.
std::string describe_root_key(const KeyringSlot& slot, const ProviderConfig& config);
struct RootKind {
  std::string name;  // "kmip", "passphrase", "shares 3/5", "private key"
  bool opens_by_itself = true;
};
// "unknown" for a root that the configuration does not have.
RootKind kind_of_root(const std::string& name, const ProviderConfig& config);
Json slot_json(const KeyringSlot& slot, const ProviderConfig& config);

// Of a domain: its key group's name, or null.
Json group_json(const Keyring& keyring, const Domain& domain);
// The names of the roots of a key group.
Json group_roots_json(const KeyGroup& group);

// Those at work, or else the last one.
std::vector<RunRecord> present_runs(const std::vector<RunRecord>& runs);
Json runs_json(const std::vector<RunRecord>& runs);

// {"wrong":…,"what":…,"why":…,"do":…}, of each.
Json findings_json(const Findings& findings);

Json crypto_json(const CryptoInUse& in_use);  // null for what is not in use

}  // namespace coffer
