// What coffer.yaml says about the places of root keys, and what opens them by it.
#pragma once

#include <map>
#include <memory>

#include "coffer/config/uri.h"
#include "coffer/keys/keyring_store.h"
#include "coffer/keys/provider.h"

namespace coffer {

using NamedProviders = std::map<std::string, ProviderUri>;

// A root key that may lock the coffer.
struct RootSetting {
  ProviderUri uri;
  std::string fingerprint;     // 32 hexadecimal digits of the only key it may be; empty: not pinned
  std::string key_group = {};  // it opens this one, and nothing else; empty: it may lock the keyring

  friend bool operator==(const RootSetting& a, const RootSetting& b) {
    return a.uri == b.uri && a.fingerprint == b.fingerprint && a.key_group == b.key_group;
  }
};
using RootSettings = std::map<std::string, RootSetting>;

// Read anew whenever a provider is opened, so that a changed host or credential needs no restart.
struct ProviderConfig {
  std::string name = "coffer.yaml";  // the file's, for errors
  RootSettings roots;                // by the names that slots have for them
  NamedProviders key_providers;      // what provider:NAME stands for
  NamedProviders kmip_hosts;         // each group as the kmip: URI of its hosts, without a key
  std::string sealing_key;           // path of the key file that opens sealed values; empty: none is configured

  friend bool operator==(const ProviderConfig& a, const ProviderConfig& b) {
    return a.roots == b.roots && a.key_providers == b.key_providers && a.kmip_hosts == b.kmip_hosts &&
           a.sealing_key == b.sealing_key;
  }
};

// Opens a root key. providers/ has the one list; store/ gets it passed in.
using ProviderOpener = Result<std::unique_ptr<RootKeyProvider>> (*)(const ProviderUri& uri,
                                                                    const ProviderConfig& config);
// The same for `keyring_store` in coffer.yaml, of which the URI is.
using KeyringStoreOpener = Result<std::unique_ptr<KeyringStore>> (*)(const ProviderUri& uri,
                                                                     const ProviderConfig& config);

}  // namespace coffer
