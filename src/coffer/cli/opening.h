// Opening what a command names: the coffer, and the words that describe its root key.
#pragma once

#include "coffer/cli/command.h"
#include "coffer/cli/console.h"
#include "coffer/crypto/backend.h"
#include "coffer/store/coffer.h"

namespace coffer::cli {

// The operand COFFER, unlocked with the root key of --root or of the configuration.
Result<std::shared_ptr<Coffer>> open_coffer(const Arguments& arguments, Coffer::OpenOptions options = {});

// The same for a command with PATH or FILE operands: what --as says is said to the coffer.
Result<std::shared_ptr<Coffer>> open_coffer_for_paths(const Arguments& arguments,
                                                      const std::vector<std::string>& paths);

// A coffer.yaml, or the one in a coffer's directory, for opening key providers. Checked as a whole.
Result<ProviderConfig> read_provider_config(const std::string& file_or_coffer);
// The same of what --config names, else of the coffer that the environment names, else nothing.
Result<ProviderConfig> named_provider_config(const Arguments& arguments);
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
// Of a domain: its key group's name, or null; for a table ", group acme", or nothing.
Json group_json(const Keyring& keyring, const Domain& domain);
std::string in_group_text(const Keyring& keyring, const Domain& domain);
// The roots of a key group: their names; for people, with what the configuration has for them.
Json group_roots_json(const KeyGroup& group);
std::string group_roots_text(const KeyGroup& group, const ProviderConfig& config);
Json slot_json(const KeyringSlot& slot, const ProviderConfig& config);
Json crypto_json(const CryptoInUse& in_use);  // null for what is not in use

}  // namespace coffer::cli
