// Opening what a command names: the coffer, and the words that describe its root key.
#pragma once

#include "coffer/cli/command.h"
#include "coffer/cli/console.h"
#include "coffer/ops/described.h"
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
// Of a domain, for a table: ", group acme", or nothing.
std::string in_group_text(const Keyring& keyring, const Domain& domain);
// The roots of a key group, with what the configuration has for them.
std::string group_roots_text(const KeyGroup& group, const ProviderConfig& config);

}  // namespace coffer::cli
