#include "coffer/providers/azure_kv/azure_kv_provider.h"

#include <algorithm>
#include <array>
#include <cstdlib>
#include <optional>

#include "coffer/net/oauth/trusted_service.h"
#include "coffer/providers/azure_kv/service.h"
#include "coffer/providers/service_wrap.h"

namespace coffer {
namespace {

using azure_kv::Refusal;

constexpr uint8_t kHandleType = 1;
constexpr size_t kKidSizeMax = 480;
constexpr std::string_view kHttps = "https://";
constexpr std::string_view kKeys = "/keys/";
constexpr std::array<std::string_view, 3> kAuthorities = {"login.microsoftonline.com", "login.microsoftonline.us",
                                                          "login.chinacloudapi.cn"};

struct Algorithm {
  uint8_t number;  // in the handle
  std::string_view name;
};
constexpr Algorithm kRsa{1, "RSA-OAEP-256"};
constexpr Algorithm kAes{2, "A256KW"};

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

struct Handle {
  Algorithm algorithm;
  std::string kid;
  KeyName key;
};

std::optional<Handle> decode_handle(const RootKeyHandle& handle) {
  if (handle.bytes.size() < 3 || handle.bytes[0] != kHandleType) return std::nullopt;
  if (handle.bytes[1] != kRsa.number && handle.bytes[1] != kAes.number) return std::nullopt;
  Handle out{handle.bytes[1] == kRsa.number ? kRsa : kAes, std::string(as_text(ByteView(handle.bytes).subspan(2))), {}};
  std::optional<KeyName> key = parse_kid(out.kid);
  if (!key.has_value()) return std::nullopt;
  out.key = std::move(*key);
  return out;
}

enum class Operation { kCurrent, kWrap, kUnwrap };

// The service says by its own codes, and sometimes only in words, that a key is there but must not be used.
bool is_out_of_use(const Refusal& refusal) {
  for (const std::string_view code : {"KeyDisabled", "KeyExpired", "KeyNotYetValid"}) {
    if (refusal.inner_code == code) return true;
  }
  const std::string words = lower(refusal.words);
  return words.find("disabled key") != std::string::npos || words.find("expired key") != std::string::npos ||
         words.find("not yet valid key") != std::string::npos;
}

Code code_of(const Refusal& refusal, Operation operation) {
  switch (refusal.status) {
    case 400: return operation == Operation::kUnwrap ? Code::kWrongKey : Code::kInvalidArgument;
    case 401: return Code::kPermissionDenied;
    case 403: return is_out_of_use(refusal) ? Code::kKeyUnavailable : Code::kPermissionDenied;
    case 404: return operation == Operation::kCurrent ? Code::kNotFound : Code::kKeyUnavailable;
    case 409: return Code::kKeyUnavailable;  // deleted, but not yet gone
    default: return Code::kProviderUnavailable;
  }
}

class AzureKvProvider final : public RootKeyProvider {
 public:
  AzureKvProvider(azure_kv::ServiceSettings settings, KeyName key, std::string uri)
      : service_(std::move(settings)), key_(std::move(key)), uri_(std::move(uri)) {}

  Result<RootKeyHandle> current() override {
    Refusal refusal;
    auto found = service_.look_at(key_.path(), refusal);
    if (!found.is_ok()) return failed(found.status(), refusal, Operation::kCurrent, nullptr);
    const std::optional<KeyName> name = parse_kid(found->kid);
    if (!name.has_value() || lower(name->name) != lower(key_.name)) return not_its_key(found->kid);
    if (!found->is_enabled) return {Code::kKeyUnavailable, describe() + " is disabled; enable it"};
    if (!found->wraps) {
      return {Code::kInvalidArgument,
              describe() + ": its permitted operations lack wrapKey; expected wrapKey and unwrapKey"};
    }
    const bool is_rsa = found->type == "RSA" || found->type == "RSA-HSM";
    if (!is_rsa && found->type != "oct" && found->type != "oct-HSM") {
      return {Code::kUnsupported, describe() + " is of type " + oauth::words_of(as_bytes(found->type)) +
                                      "; expected RSA (2048 bits or more) or, in a Managed HSM, a 256-bit AES key"};
    }
    RootKeyHandle handle{{kHandleType, (is_rsa ? kRsa : kAes).number}};
    handle.bytes.insert(handle.bytes.end(), found->kid.begin(), found->kid.end());
    return handle;
  }

  Result<WrappedKeyringKey> wrap(const RootKeyHandle& handle, const WrapContext& context,
                                 const KeyringKey& key) override {
    COFFER_ASSIGN(const Handle wanted, wanted_of(handle));
    COFFER_ASSIGN(const SecretBytes plaintext, service_plaintext(context, key));
    Refusal refusal;
    auto wrapped = service_.wrap(wanted.key.path(), wanted.algorithm.name, plaintext.reveal(), refusal);
    if (!wrapped.is_ok()) return failed(wrapped.status(), refusal, Operation::kWrap, &handle);
    const std::optional<KeyName> used = parse_kid(wrapped->kid);
    if (!used.has_value() || lower(used->path()) != lower(wanted.key.path())) return not_its_key(wrapped->kid);
    return WrappedKeyringKey{kWrapAlgorithmService, std::move(wrapped->bytes)};
  }

  Result<KeyringKey> unwrap(const RootKeyHandle& handle, const WrapContext& context,
                            const WrappedKeyringKey& wrapped) override {
    if (wrapped.algorithm != kWrapAlgorithmService) {
      return {Code::kUnsupported,
              describe() + ": the keyring key was wrapped under a root key at hand, not by a service"};
    }
    COFFER_ASSIGN(const Handle wanted, wanted_of(handle));
    if (wrapped.bytes.empty() || wrapped.bytes.size() > azure_kv::kWrappedSizeMax) {
      return {Code::kTampered, describe() + ": what the slot holds is no wrapped keyring key, by its size"};
    }
    Refusal refusal;
    auto opened = service_.unwrap(wanted.key.path(), wanted.algorithm.name, wrapped.bytes, refusal);
    if (!opened.is_ok()) return failed(opened.status(), refusal, Operation::kUnwrap, &handle);
    auto key = keyring_key_of(context, *opened);
    if (!key.is_ok()) return key.status().with_context(describe());
    return key;
  }

  std::string uri() const override { return uri_; }
  std::string describe() const override { return "Azure key " + key_.path() + " at " + service_.host(); }
  std::string describe(const RootKeyHandle& handle) const override {
    const std::optional<Handle> wanted = decode_handle(handle);
    return wanted.has_value() ? "key version " + wanted->kid : "a handle that is no Azure key's";
  }

 private:
  // The vault of the URI counts, not the one that the handle names: a key restored into another vault keeps its name
  // and version.
  Result<Handle> wanted_of(const RootKeyHandle& handle) const {
    std::optional<Handle> wanted = decode_handle(handle);
    if (!wanted.has_value() || lower(wanted->key.name) != lower(key_.name)) {
      return {Code::kWrongKey, describe() + " is not the key that the slot wants: " + describe(handle)};
    }
    return std::move(*wanted);
  }

  Status not_its_key(const std::string& kid) const {
    return {Code::kTampered, service_.host() + " answers for " + oauth::words_of(as_bytes(kid)) +
                                 ", which is not what " + describe() + " was asked for"};
  }

  Status failed(const Status& status, const Refusal& refusal, Operation operation, const RootKeyHandle* handle) const {
    const std::string about = handle == nullptr ? describe() : describe() + ": the slot wants " + describe(*handle);
    if (refusal.code.empty()) return status.with_context(about);
    const std::string inner = refusal.inner_code.empty() ? "" : " (" + refusal.inner_code + ")";
    const Code code = code_of(refusal, operation);
    std::string text = about + ": " + refusal.code + inner + ": " + refusal.words;
    if (code == Code::kWrongKey) text += " (the slot was altered or is another coffer's)";
    return {code, text};
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
  ProviderUri whole = uri;
  whole.options.clear();
  azure_kv::append_credential_options(settings.credentials, whole);
  http::append_http_options(settings.http, whole);
  if (settings.credentials.authority.empty()) settings.credentials.authority = authority_for(host);
  return std::unique_ptr<RootKeyProvider>(
      std::make_unique<AzureKvProvider>(std::move(settings), std::move(*key), format_provider_uri(whole)));
}

}  // namespace coffer
