// `local_unlock` of coffer.yaml's policy: what may open the coffer on this machine while the root key's provider does
// not answer. docs/keys.md, "A restart in an outage".
#pragma once

#include <optional>

#include "coffer/config/provider_config.h"
#include "coffer/config/yaml_reader.h"

namespace coffer {

struct LocalUnlock {
  static constexpr std::string_view kDirectory = "/var/lib/coffer/unlock";

  ProviderUri key;  // a TPM's or a key file; no root
  std::string directory = std::string(kDirectory);

  // Of the copy that is kept for a coffer.
  std::string path_of(const Id& coffer_id) const { return directory + "/" + coffer_id.hex(); }
  friend bool operator==(const LocalUnlock& a, const LocalUnlock& b) {
    return a.key == b.key && a.directory == b.directory;
  }
};
// Nothing for "off".
Result<std::optional<LocalUnlock>> read_local_unlock(const YamlReader& reader, const YAML::Node& section);
// Within `policy`; empty where there is none.
// Whether a root's key is of one machine: a key file or a TPM's, at an absolute path.
bool is_key_of_this_machine(const ProviderUri& uri);
std::string format_local_unlock(const std::optional<LocalUnlock>& local);
// kInvalidArgument where its key is a root's, or its copies would travel with the keyring.
Status check_local_unlock(const LocalUnlock& local, const RootSettings& roots, const std::string& keyring);

}  // namespace coffer
