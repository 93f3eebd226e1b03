// Key providers that are loaded when their scheme is opened: kmip:, tpm:, vault: and their like, each a module of its
// own with what it alone needs (libcurl, the TPM's libraries). docs/architecture.md, "Libraries".
#pragma once

#include <span>

#include "coffer/config/provider_config.h"
#include "coffer/config/uri.h"
#include "coffer/keys/provider.h"
#include "coffer/keys/version_anchor.h"
#include "coffer/providers/built.h"

namespace coffer {

struct SecretMemory;

// What a provider adds to Coffer: a function of its folder, one for a version anchor in the same place, where there is
// one, and one for the groups of its hosts, if coffer.yaml has a section for them.
using OpenProvider = Result<std::unique_ptr<RootKeyProvider>>(const ProviderUri& uri, const ProviderConfig& config);
using OpenProviderAnchor = Result<std::unique_ptr<VersionAnchor>>(Disk& disk, const ProviderUri& uri,
                                                                  const AnchorPlace& place);
// Whether anybody of a configured group of hosts answers.
using ReachProviderGroup = Status(const std::string& group, const ProviderConfig& config);
// A place for keyrings, which has no root keys.
using OpenKeyringStore = Result<std::unique_ptr<KeyringStore>>(const ProviderUri& uri, const ProviderConfig& config);
struct ProviderPart {
  std::string_view scheme;
  OpenProvider* open = nullptr;
  OpenProviderAnchor* open_anchor = nullptr;
  ReachProviderGroup* reach_group = nullptr;
  OpenKeyringStore* open_keyring_store = nullptr;
};

// Module and program hand each other C++ objects, so that both must come from one build: version and compiler.
inline constexpr const char* kModuleBuild = COFFER_MODULE_BUILD;

// What a module exports, under the name kModuleEntry.
struct ProviderModule {
  const char* build;  // first, so that it can be read of any version
  ProviderPart part;
  // Secrets that cross the border come from one memory.
  void (*share_secret_memory)(SecretMemory& memory);
  // A module decides about its cryptography as the program did.
  Status (*require_fips)();
};
inline constexpr const char* kModuleEntry = "coffer_provider_module";

// The provider of a scheme that is not in the library itself: linked (linked.h), or loaded from its module. A module is
// looked for in coffer-providers/ beside the program or library that holds Coffer, then from there where libraries are
// installed, then where this build was to be installed; nowhere else, whatever the environment, the current directory
// or a configuration say. It stays loaded. kUnsupported for a scheme that was left out of this build, a module that is
// not there or is of another build; kPermissionDenied for one that another user could have written.
Result<ProviderPart> find_provider_part(std::string_view scheme);

// REQUIRES: `parts` lives as long as the process.
void set_linked_providers(std::span<const ProviderPart> parts);

bool is_built(std::string_view scheme);

}  // namespace coffer
