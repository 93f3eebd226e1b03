#include "coffer/providers/registry.h"

#include "coffer/net/kmip/settings.h"
#include "coffer/providers/module.h"
#include "coffer/providers/named.h"

namespace coffer {

OpenProvider open_key_file, open_exec, open_keystore;

namespace {

struct ProviderKind {
  ProviderScheme scheme;
  OpenProvider* open = nullptr;  // null: in a module of its own
};

// In the order in which people are shown them.
constexpr ProviderKind kProviderKinds[] = {
    {{"file", "file:///PATH", "a key file"}, open_key_file},
    {{"exec", "exec:/PATH/coffer-exec-NAME/KEY", "a command of the operator's own"}, open_exec},
    {{"keystore", "keystore:/PATH?alias=NAME&store_password_file=PATH", "a PKCS#12 or JCEKS keystore"}, open_keystore},
    {{"vault", "vault://HOST:PORT/MOUNT/KEY", "the Transit engine of HashiCorp Vault or OpenBao"}},
    {{"gcp-kms", "gcp-kms://projects/P/locations/L/keyRings/R/cryptoKeys/K", "Google Cloud KMS"}},
    {{"azure-kv", "azure-kv://VAULT.vault.azure.net/keys/NAME", "Azure Key Vault or Managed HSM"}},
    {{"pkcs11", "pkcs11:token=LABEL;object=LABEL", "a key in a token or HSM"}},
    {{"kmip", "kmip://HOST[,HOST…]/KEY", "a key in KMIP servers"}},
    {{"aws-kms", "aws-kms://REGION/KEY", "a key of AWS KMS: its id or ARN, or alias/NAME"}},
    {{"tpm", "tpm:/PATH?create=true", "a key that is sealed to this machine's TPM 2.0"}},
};

Result<const ProviderKind*> find_kind(const ProviderUri& uri) {
  std::string known;
  for (const ProviderKind& kind : kProviderKinds) {
    if (kind.scheme.scheme == uri.scheme) return &kind;
    known += std::string(kind.scheme.scheme) + ":, ";
  }
  return {Code::kInvalidArgument, "unknown kind of root key \"" + uri.scheme + ":\"; known: " + known +
                                      "provider: (a file's name that has a colon is written ./NAME)"};
}

Result<std::unique_ptr<RootKeyProvider>> open_kind(const ProviderUri& uri, const ProviderConfig& config) {
  COFFER_ASSIGN(const ProviderKind* kind, find_kind(uri));
  if (kind->open != nullptr && is_built(uri.scheme)) return kind->open(uri, config);
  COFFER_ASSIGN(const ProviderPart part, find_provider_part(uri.scheme));
  return part.open(uri, config);
}

}  // namespace

Result<std::unique_ptr<RootKeyProvider>> open_provider(const std::string& uri, const ProviderConfig& config) {
  for (const auto& [name, base] : config.key_providers) {
    auto kind = find_kind(base);
    if (!kind.is_ok()) return kind.status().with_context(base.place + ": uri");
  }
  COFFER_TRY(kmip::configured_groups(config).status());
  COFFER_ASSIGN(const ProviderUri parsed, parse_provider_uri(uri));
  if (parsed.scheme != "provider") return open_kind(parsed, config);
  COFFER_ASSIGN(const ProviderUri whole, expand_named(parsed, config));
  auto provider = open_kind(whole, config);
  if (!provider.is_ok()) return provider.status().with_context(uri);
  return under_name(std::move(*provider), parsed);
}

Result<std::unique_ptr<VersionAnchor>> open_anchor(Disk& disk, const AnchorPlace& place) {
  if (!place.name.starts_with("tpm:")) return open_anchor_at_path(disk, place);
  COFFER_ASSIGN(const ProviderUri uri, parse_provider_uri(place.name));
  COFFER_ASSIGN(const ProviderPart part, find_provider_part(uri.scheme));
  return part.open_anchor(disk, uri, place);
}

std::vector<ProviderScheme> provider_schemes() {
  std::vector<ProviderScheme> out;
  for (const ProviderKind& kind : kProviderKinds) {
    if (is_built(kind.scheme.scheme)) out.push_back(kind.scheme);
  }
  return out;
}

}  // namespace coffer
