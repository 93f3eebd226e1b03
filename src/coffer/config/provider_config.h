// What coffer.yaml says about the places of root keys, and what opens them by it.
#pragma once

#include <map>
#include <memory>

#include "coffer/config/uri.h"
#include "coffer/keys/provider.h"

namespace coffer {

using NamedProviders = std::map<std::string, ProviderUri>;

// Read anew whenever a provider is opened, so that a changed host or credential needs no restart.
struct ProviderConfig {
  std::string name = "coffer.yaml";  // the file's, for errors
  NamedProviders key_providers;      // what provider:NAME stands for
  NamedProviders kmip_hosts;         // each group as the kmip: URI of its hosts, without a key
  std::string sealing_key;           // path of the key file that opens sealed values; empty: none is configured

  friend bool operator==(const ProviderConfig& a, const ProviderConfig& b) {
    return a.key_providers == b.key_providers && a.kmip_hosts == b.kmip_hosts && a.sealing_key == b.sealing_key;
  }
};

// Opens "scheme:…". providers/ has the one list; store/ gets it passed in.
using ProviderOpener = Result<std::unique_ptr<RootKeyProvider>> (*)(const std::string& uri,
                                                                    const ProviderConfig& config);

}  // namespace coffer
