#include "coffer/providers/registry.h"

#include <algorithm>
#include <mutex>

#include "coffer/base/per_process.h"
#include "coffer/crypto/library.h"
#include "coffer/net/kmip/settings.h"
#include "coffer/providers/module.h"
#include "coffer/providers/named.h"

namespace coffer {

OpenProvider open_key_file, open_exec, open_keystore;

namespace {

// Who computes something for a kind of root key besides Coffer itself: what `crypto: fips` has to look at.
enum class Beside : uint8_t {
  kNobody,        // or who was chosen for it: a token, a command
  kHostsOpenSsl,  // other libraries (libcurl, the TPM's), by the process's own OpenSSL
  kKeystores,     // the protection of keystore files, which no FIPS provider has
  kRecipients,    // Coffer itself, by algorithms that are not approved
};

struct ProviderKind {
  ProviderScheme scheme;
  Beside beside;
  OpenProvider* open = nullptr;  // null: in a module of its own
};

// In the order in which people are shown them.
constexpr ProviderKind kProviderKinds[] = {
    {{"file", "file:///PATH", "a key file"}, Beside::kNobody, open_key_file},
    {{"exec", "exec:/PATH/coffer-exec-NAME/KEY", "a command of the operator's own"}, Beside::kNobody, open_exec},
    {{"keystore", "keystore:/PATH?alias=NAME&store_password_file=PATH", "a PKCS#12 or JCEKS keystore"},
     Beside::kKeystores,
     open_keystore},
    {{"vault", "vault://HOST:PORT/MOUNT/KEY", "the Transit engine of HashiCorp Vault or OpenBao"},
     Beside::kHostsOpenSsl},
    {{"gcp-kms", "gcp-kms://projects/P/locations/L/keyRings/R/cryptoKeys/K", "Google Cloud KMS"},
     Beside::kHostsOpenSsl},
    {{"azure-kv", "azure-kv://VAULT.vault.azure.net/keys/NAME", "Azure Key Vault or Managed HSM"},
     Beside::kHostsOpenSsl},
    {{"pkcs11", "pkcs11:token=LABEL;object=LABEL", "a key in a token or HSM"}, Beside::kNobody},
    {{"kmip", "kmip://HOST[,HOST…]/KEY", "a key in KMIP servers"}, Beside::kNobody},
    {{"aws-kms", "aws-kms://REGION/KEY", "a key of AWS KMS: its id or ARN, or alias/NAME"}, Beside::kHostsOpenSsl},
    {{"tpm", "tpm:/PATH?create=true", "a key that is sealed to this machine's TPM 2.0"}, Beside::kHostsOpenSsl},
    {{"recipient", "recipient:x25519/PUBLIC-KEY", "a private key kept elsewhere, a passphrase or shares: for recovery"},
     Beside::kRecipients},
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

// kUnsupported when something would be computed by others than `crypto: fips` allows.
Status check_fips(std::string_view scheme, Beside beside) {
  const bool forbidden = beside == Beside::kKeystores || beside == Beside::kRecipients ||
                         (beside == Beside::kHostsOpenSsl && !is_host_openssl_fips());
  if (!is_fips() || !forbidden) return Status::ok();
  const char* kept = scheme == "etcd" ? "keyring or anchor" : "root key";
  const std::string what =
      "crypto: fips does not allow a " + std::string(kept) + " in " + std::string(scheme) + ":, ";
  if (beside == Beside::kKeystores) {
    return {Code::kUnsupported, what +
                                    "since no FIPS provider can read a keystore; keep it in a key file or at a key "
                                    "provider"};
  }
  if (beside == Beside::kRecipients) {
    return {Code::kUnsupported, what +
                                    "since X25519 and scrypt are not approved; a second root key at a key provider "
                                    "is for recovery too: coffer slot add"};
  }
  return {Code::kUnsupported, what +
                                  "since other libraries reach it by the process's own OpenSSL, which is not limited "
                                  "to FIPS algorithms; write default_properties = fips=yes into its configuration"};
}

Result<std::unique_ptr<RootKeyProvider>> open_kind(const ProviderUri& uri, const ProviderConfig& config) {
  COFFER_ASSIGN(const ProviderKind* kind, find_kind(uri));
  COFFER_TRY(check_fips(uri.scheme, kind->beside));
  if (kind->open != nullptr && is_built(uri.scheme)) return kind->open(uri, config);
  COFFER_ASSIGN(const ProviderPart part, find_provider_part(uri.scheme));
  return part.open(uri, config);
}

Result<std::unique_ptr<RootKeyProvider>> open_by_name(const ProviderUri& uri, const ProviderConfig& config) {
  COFFER_ASSIGN(const ProviderUri whole, expand_named(uri, config));
  auto provider = open_kind(whole, config);
  if (!provider.is_ok()) return provider.status().with_context(format_provider_uri(uri));
  return under_name(std::move(*provider), uri);
}

// What `start_requires: all` wants looked at although nothing may be using it.
Status check_needed_at_start(const kmip::Groups& groups, const ProviderConfig& config) {
  for (const auto& [name, group] : groups) {
    if (!group.needed_at_start) continue;
    COFFER_ASSIGN(const ProviderPart part, find_provider_part("kmip"));
    COFFER_TRY(part.reach_group(name, config).with_context("start_requires: all"));
  }
  for (const auto& [name, uri] : config.key_providers) {
    COFFER_ASSIGN(const bool needed, is_needed_at_start(uri));
    if (!needed) continue;
    COFFER_ASSIGN(const auto provider, open_by_name({"provider", {}, name, {}, name}, config));
    COFFER_TRY(provider->current().status().with_context("start_requires: all: provider:" + name));
  }
  return Status::ok();
}

// Configurations whose needed providers have answered: a process starts once.
struct Started {
  std::mutex mutex;
  std::vector<ProviderConfig> configs;
};

Status check_start(const kmip::Groups& groups, const ProviderConfig& config) {
  constexpr size_t kConfigsMax = 64;
  auto& started = per_process<Started>();
  {
    std::lock_guard lock(started.mutex);
    if (std::ranges::find(started.configs, config) != started.configs.end()) return Status::ok();
  }
  COFFER_TRY(check_needed_at_start(groups, config));
  std::lock_guard lock(started.mutex);
  if (started.configs.size() < kConfigsMax) started.configs.push_back(config);
  return Status::ok();
}

}  // namespace

Result<std::unique_ptr<RootKeyProvider>> open_provider(const std::string& uri, const ProviderConfig& config) {
  COFFER_ASSIGN(const ProviderUri parsed, parse_provider_uri(uri));
  return open_provider(parsed, config);
}

Result<std::unique_ptr<RootKeyProvider>> open_provider(const ProviderUri& parsed, const ProviderConfig& config) {
  for (const auto& [name, base] : config.key_providers) {
    auto kind = find_kind(base);
    if (!kind.is_ok()) return kind.status().with_context(base.place + ": uri");
    COFFER_TRY(is_needed_at_start(base).status());
  }
  COFFER_ASSIGN(const kmip::Groups groups, kmip::configured_groups(config));
  COFFER_TRY(check_start(groups, config));
  return parsed.scheme == "provider" ? open_by_name(parsed, config) : open_kind(parsed, config);
}

Result<std::unique_ptr<VersionAnchor>> open_anchor(Disk& disk, const AnchorPlace& place) {
  if (!place.name.starts_with("tpm:") && !place.name.starts_with("etcd:")) return open_anchor_at_path(disk, place);
  COFFER_ASSIGN(const ProviderUri uri, parse_provider_uri(place.name));
  COFFER_TRY(check_fips(uri.scheme, Beside::kHostsOpenSsl));
  COFFER_ASSIGN(const ProviderPart part, find_provider_part(uri.scheme));
  return part.open_anchor(disk, uri, place);
}

Result<std::unique_ptr<KeyringStore>> open_keyring_store(const ProviderUri& uri, const ProviderConfig& config) {
  if (uri.scheme != "etcd") {
    return {Code::kInvalidArgument,
            "keyring_store: there is no \"" + uri.scheme + ":\" for keyrings; expected etcd://HOST[,HOST…]/PREFIX"};
  }
  COFFER_TRY(check_fips(uri.scheme, Beside::kHostsOpenSsl));
  COFFER_ASSIGN(const ProviderPart part, find_provider_part(uri.scheme));
  return part.open_keyring_store(uri, config);
}

std::vector<ProviderScheme> provider_schemes() {
  std::vector<ProviderScheme> out;
  for (const ProviderKind& kind : kProviderKinds) {
    if (is_built(kind.scheme.scheme)) out.push_back(kind.scheme);
  }
  return out;
}

}  // namespace coffer
