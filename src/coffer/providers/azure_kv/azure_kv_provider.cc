// Root keys in Azure Key Vault or Managed HSM: docs/providers/azure-kv.md; bytes in docs/format.md, section 7.
#include <algorithm>
#include <array>
#include <cstdlib>
#include <optional>

#include "coffer/config/provider_config.h"
#include "coffer/net/oauth/trusted_service.h"
#include "coffer/providers/azure_kv/service.h"
#include "coffer/providers/service_root.h"

namespace coffer {
namespace {

constexpr size_t kKidSizeMax = 480;
constexpr std::string_view kHttps = "https://";
constexpr std::string_view kKeys = "/keys/";
constexpr std::array<std::string_view, 3> kAuthorities = {"login.microsoftonline.com", "login.microsoftonline.us",
                                                          "login.chinacloudapi.cn"};

constexpr std::string_view kRsa = "RSA-OAEP-256";
constexpr std::string_view kAes = "A256KW";

bool is_name(std::string_view text, size_t size_max) {
  return !text.empty() && text.size() <= size_max && std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-';
  });
}

std::string lower(std::string_view text) {
  std::string out(text);
  std::transform(out.begin(), out.end(), out.begin(), [](char c) { return c >= 'A' && c <= 'Z' ? c + 32 : c; });
  return out;
}

// KEY or KEY/VERSION.
struct KeyName {
  std::string name;
  std::string version;

  std::string path() const { return version.empty() ? name : name + "/" + version; }
};

std::optional<KeyName> parse_key_name(std::string_view text) {
  const size_t slash = std::min(text.find('/'), text.size());
  KeyName out{std::string(text.substr(0, slash)), std::string(text.substr(std::min(slash + 1, text.size())))};
  const bool right_version = slash == text.size() || is_name(out.version, 64);
  if (!is_name(out.name, 127) || !right_version) return std::nullopt;
  return out;
}

// https://HOST/keys/KEY/VERSION
std::optional<KeyName> parse_kid(std::string_view kid) {
  const size_t at = kid.find(kKeys);
  if (kid.size() > kKidSizeMax || !kid.starts_with(kHttps) || at == std::string_view::npos || at <= kHttps.size()) {
    return std::nullopt;
  }
  const bool is_text = std::all_of(kid.begin(), kid.end(), [](char c) { return c > 0x20 && c < 0x7f; });
  std::optional<KeyName> out = parse_key_name(kid.substr(at + kKeys.size()));
  if (!is_text || !out.has_value() || out->version.empty()) return std::nullopt;
  return out;
}

// Fields: the algorithm, and the identifier of the key's version. The vault of the URI counts, not the one that the
// identifier names: a key restored into another vault keeps its name and version.
class AzureKvRoot final : public ServiceRoot {
 public:
  AzureKvRoot(azure_kv::ServiceSettings settings, KeyName key, std::string uri)
      : service_(std::move(settings)), key_(std::move(key)), uri_(std::move(uri)) {}

  Result<KeyFields> current() override {
    COFFER_ASSIGN(const azure_kv::KeyVersion found, service_.look_at(key_.path()));
    const std::optional<KeyName> name = parse_kid(found.kid);
    if (!name.has_value() || lower(name->name) != lower(key_.name)) return not_its_key(found.kid);
    if (!found.is_enabled) return {Code::kKeyUnavailable, "it is disabled; enable it"};
    if (!found.wraps) {
      return {Code::kInvalidArgument, "its permitted operations lack wrapKey; expected wrapKey and unwrapKey"};
    }
    const bool is_rsa = found.type == "RSA" || found.type == "RSA-HSM";
    if (!is_rsa && found.type != "oct" && found.type != "oct-HSM") {
      return {Code::kUnsupported, "it is of type " + oauth::words_of(as_bytes(found.type)) +
                                      "; expected RSA (2048 bits or more) or, in a Managed HSM, a 256-bit AES key"};
    }
    return KeyFields{std::string(is_rsa ? kRsa : kAes), found.kid};
  }

  Result<Bytes> encrypt(const KeyFields& key, const WrapContext&, const SecretBytes& plaintext) override {
    COFFER_ASSIGN(const KeyName name, own(key));
    COFFER_ASSIGN(azure_kv::Service::Wrapped wrapped, service_.wrap(name.path(), key[0], plaintext.reveal()));
    const std::optional<KeyName> used = parse_kid(wrapped.kid);
    if (!used.has_value() || lower(used->path()) != lower(name.path())) return not_its_key(wrapped.kid);
    return std::move(wrapped.bytes);
  }

  Result<SecretBytes> decrypt(const KeyFields& key, const WrapContext&, ByteView ciphertext) override {
    COFFER_ASSIGN(const KeyName name, own(key));
    auto opened = service_.unwrap(name.path(), key[0], ciphertext);
    return opened.code() == Code::kInvalidArgument ? does_not_open(opened.status().message()) : std::move(opened);
  }

  std::string uri() const override { return uri_; }
  std::string describe() const override { return "Azure key " + key_.path() + " at " + service_.host(); }
  std::optional<std::string> describe(const KeyFields& key) const override {
    if (key.size() != 2 || (key[0] != kRsa && key[0] != kAes) || !parse_kid(key[1]).has_value()) return std::nullopt;
    return "key version " + key[1];
  }

 private:
  Result<KeyName> own(const KeyFields& key) const {
    std::optional<KeyName> name = parse_kid(key[1]);
    if (name.has_value() && lower(name->name) == lower(key_.name)) return std::move(*name);
    return {Code::kWrongKey, "it is a version of another key than the URI's"};
  }

  Status not_its_key(const std::string& kid) const {
    return {Code::kTampered, service_.host() + " answers for " + oauth::words_of(as_bytes(kid)) +
                                 ", which is not what it was asked for"};
  }

  azure_kv::Service service_;
  const KeyName key_;
  const std::string uri_;
};

// For the cloud that the vault is in; AZURE_AUTHORITY_HOST is what Microsoft's own libraries look at, too.
std::string authority_for(const std::string& vault_host) {
  if (const char* given = std::getenv("AZURE_AUTHORITY_HOST"); given != nullptr && *given != 0) return given;
  const std::string_view domain = azure_kv::vault_domain_of(vault_host);
  if (domain.ends_with(".cn")) return "https://login.chinacloudapi.cn";
  if (domain.ends_with(".usgovcloudapi.net")) return "https://login.microsoftonline.us";
  return "https://login.microsoftonline.com";
}

// Tokens and secrets go to the vault and to who gives the tokens.
Status check_addresses(const ProviderUri& uri, const azure_kv::ServiceSettings& settings,
                       const ProviderConfig& config) {
  COFFER_TRY(oauth::check_trusted(settings.vault, azure_kv::kVaultDomains, config, [&](const ProviderUri& configured) {
    return configured.scheme == uri.scheme && configured.authority == uri.authority;
  }));
  const std::string& authority = settings.credentials.authority;
  if (authority.empty()) return Status::ok();
  return oauth::check_trusted(authority, kAuthorities, config, [&](const ProviderUri& configured) {
    const std::pair<std::string, std::string> option("authority", authority);
    return configured.scheme == uri.scheme &&
           std::find(configured.options.begin(), configured.options.end(), option) != configured.options.end();
  });
}

}  // namespace

Result<std::unique_ptr<RootKeyProvider>> open_azure_kv(const ProviderUri& uri, const ProviderConfig& config) {
  UriOptions options(uri, config.sealing_key);
  azure_kv::ServiceSettings settings;
  COFFER_ASSIGN(settings.http, http::take_http_settings(options, http::PlainHttp::kNever));
  COFFER_ASSIGN(settings.credentials, azure_kv::take_credential_settings(options));
  COFFER_TRY(options.finish());
  const std::string host = lower(uri.authority.value_or(""));
  std::optional<KeyName> key;
  if (uri.path.starts_with(kKeys)) key = parse_key_name(std::string_view(uri.path).substr(kKeys.size()));
  if (host.empty() || !key.has_value()) {
    return {Code::kInvalidArgument,
            "an Azure key is written azure-kv://VAULT.vault.azure.net/keys/NAME, and /VERSION "
            "behind it for one that is not to change"};
  }
  settings.vault = std::string(kHttps) + host;
  COFFER_TRY(check_addresses(uri, settings, config));
  if (settings.credentials.authority.empty()) settings.credentials.authority = authority_for(host);
  return make_provider("azure-kv", std::make_unique<AzureKvRoot>(std::move(settings), std::move(*key),
                                                                 format_provider_uri(options.kept())));
}

}  // namespace coffer
