// The one list of key providers: opens the URI of a root key, or of a version anchor.
#pragma once

#include <vector>

#include "coffer/config/provider_config.h"
#include "coffer/keys/version_anchor.h"

namespace coffer {

// "SCHEME:…", for each scheme of provider_schemes(), or a bare path, which is a key file's; "provider:NAME/KEY" for a
// provider configured under key_providers. kInvalidArgument for an unknown scheme (the message lists the known ones) or
// option, a malformed URI, or anything wrong in the configuration's sections key_providers and kmip_hosts, used or not;
// kUnsupported for a provider that was left out of this build or whose module is not there.
// kProviderUnavailable, in a process that has not opened a provider by this configuration before, when one that is
// there with `start_requires: all` does not answer. A relative path is one below the current directory of now. The key
// itself is looked at when it is used.
Result<std::unique_ptr<RootKeyProvider>> open_provider(const std::string& uri, const ProviderConfig& config = {});
// The same of a URI that was taken apart already. A ProviderOpener.
Result<std::unique_ptr<RootKeyProvider>> open_provider(const ProviderUri& uri, const ProviderConfig& config);

// What `anchor` in coffer.yaml names: an absolute path, "tpm:INDEX" or "etcd://HOST,…/KEY". An AnchorOpener.
Result<std::unique_ptr<VersionAnchor>> open_anchor(Disk& disk, const AnchorPlace& place);
// What `keyring_store` in coffer.yaml names: "etcd://HOST,…/PREFIX". A KeyringStoreOpener.
Result<std::unique_ptr<KeyringStore>> open_keyring_store(const ProviderUri& uri, const ProviderConfig& config);

struct ProviderScheme {
  std::string_view scheme;
  std::string_view form;   // "file:///PATH"
  std::string_view about;  // what stands behind it, for people
};
// Those that this build has.
std::vector<ProviderScheme> provider_schemes();

}  // namespace coffer
