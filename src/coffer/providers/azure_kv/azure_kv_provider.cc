// Root keys in Azure Key Vault or Managed HSM (REST, 7.4): docs/providers/azure-kv.md; bytes in docs/format.md,
// section 7.
#include <algorithm>
#include <array>
#include <optional>

#include "coffer/base/base64.h"
#include "coffer/config/provider_config.h"
#include "coffer/providers/azure_kv/credentials.h"
#include "coffer/providers/service_root.h"

namespace coffer {
namespace azure_kv {
namespace {

using http::JsonView;
using http::Response;

constexpr size_t kKidSizeMax = 480;
constexpr std::string_view kHttps = "https://";
constexpr std::string_view kKeys = "/keys/";
// Where Microsoft has key vaults: hosts below these.
constexpr std::array<std::string_view, 6> kVaultDomains = {".vault.azure.net",         ".vault.azure.cn",
                                                           ".vault.usgovcloudapi.net", ".managedhsm.azure.net",
                                                           ".managedhsm.azure.cn",     ".managedhsm.usgovcloudapi.net"};

constexpr std::string_view kRsa = "RSA-OAEP-256";
constexpr std::string_view kAes = "A256KW";

constexpr std::string_view kVersionOfService = "?api-version=7.4";
constexpr size_t kWrappedSizeMax = 1024;
constexpr size_t kKidAnswerSizeMax = 1024;
constexpr size_t kOperationsMax = 32;

bool is_name(std::string_view text, size_t size_max) {
  return !text.empty() && text.size() <= size_max &&
         std::all_of(text.begin(), text.end(), [](char c) { return is_alphanumeric(c) || c == '-'; });
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

struct Settings {
  http::HttpSettings http;
  std::string vault;  // "https://NAME.vault.azure.net"
  std::string host;   // "NAME.vault.azure.net:443"
  KeyName key;
  CredentialSettings credentials;
  std::string uri;
};

// By the list of permitted operations, where there is one.
bool may_wrap(const JsonView& operations) {
  for (size_t i = 0; i < std::min(operations.element_count(), kOperationsMax); ++i) {
    if (operations.at(i).text(64) == "wrapKey") return true;
  }
  return !operations.is_array();
}

// The service says by its own codes, and sometimes only in words, that a key is there but must not be used.
bool is_out_of_use(const std::string& inner_code, const std::string& words) {
  for (const std::string_view code : {"KeyDisabled", "KeyExpired", "KeyNotYetValid"}) {
    if (inner_code == code) return true;
  }
  for (const std::string_view said : {"disabled key", "expired key", "not yet valid key"}) {
    if (lower_case(words).find(said) != std::string::npos) return true;
  }
  return false;
}

Code code_of(int status, const std::string& inner_code, const std::string& words) {
  switch (status) {
    case 400: return Code::kInvalidArgument;
    case 401: return Code::kPermissionDenied;
    case 403: return is_out_of_use(inner_code, words) ? Code::kKeyUnavailable : Code::kPermissionDenied;
    case 404: return Code::kNotFound;
    case 409: return Code::kKeyUnavailable;  // deleted, but not yet gone
    default: return Code::kProviderUnavailable;
  }
}

Status refusal(const Response& response, const JsonView& error, const std::string& words) {
  std::string inner;
  for (const char* name : {"innererror", "innerError"}) {
    if (error[name].is_object()) inner = oauth::words_of(error[name]["code"]);
  }
  return {code_of(response.status, inner, words),
          oauth::words_of(error["code"]) + (inner.empty() ? "" : " (" + inner + ")") + ": " + words};
}

// Fields: the algorithm, and the identifier of the key's version. The vault of the URI counts, not the one that the
// identifier names: a key restored into another vault keeps its name and version.
class AzureKvRoot final : public ServiceRoot {
 public:
  explicit AzureKvRoot(Settings settings) : settings_(std::move(settings)) {}

  Result<KeyFields> current() override {
    COFFER_ASSIGN(const Response response, ask(request_for(settings_.key, "")));
    COFFER_ASSIGN(const JsonView answer, json_in(response));
    const JsonView found = answer["key"];
    COFFER_ASSIGN(const std::string kid, member(found, "kid"));
    COFFER_ASSIGN(const std::string type, member(found, "kty"));
    const std::optional<KeyName> name = parse_kid(kid);
    if (!name.has_value() || lower_case(name->name) != lower_case(settings_.key.name)) return not_its_key(kid);
    if (!answer["attributes"]["enabled"].boolean().value_or(true)) {
      return {Code::kKeyUnavailable, "it is disabled; enable it"};
    }
    if (!may_wrap(found["key_ops"])) {
      return {Code::kInvalidArgument, "its permitted operations lack wrapKey; expected wrapKey and unwrapKey"};
    }
    const bool is_rsa = type == "RSA" || type == "RSA-HSM";
    if (!is_rsa && type != "oct" && type != "oct-HSM") {
      return {Code::kUnsupported, "it is of type " + oauth::words_of(as_bytes(type)) +
                                      "; expected RSA (2048 bits or more) or, in a Managed HSM, a 256-bit AES key"};
    }
    return KeyFields{std::string(is_rsa ? kRsa : kAes), kid};
  }

  Result<Bytes> encrypt(const KeyFields& key, const WrapContext&, const SecretBytes& plaintext) override {
    const KeyName name = *parse_kid(key[1]);
    COFFER_ASSIGN(const Response response, operate(name, "/wrapkey", key[0], plaintext.reveal()));
    COFFER_ASSIGN(const JsonView answer, json_in(response));
    COFFER_ASSIGN(const SecretBytes wrapped, value_of(answer));
    COFFER_ASSIGN(const std::string kid, member(answer, "kid"));
    const std::optional<KeyName> used = parse_kid(kid);
    if (!used.has_value() || lower_case(used->path()) != lower_case(name.path())) return not_its_key(kid);
    return Bytes(wrapped.reveal().begin(), wrapped.reveal().end());
  }

  Result<SecretBytes> decrypt(const KeyFields& key, const WrapContext&, ByteView ciphertext) override {
    const KeyName name = *parse_kid(key[1]);
    auto response = operate(name, "/unwrapkey", key[0], ciphertext);
    if (response.code() == Code::kInvalidArgument) return does_not_open(response.status().message());
    COFFER_TRY(response.status());
    COFFER_ASSIGN(const JsonView answer, json_in(*response));
    return value_of(answer);
  }

  std::string uri() const override { return settings_.uri; }
  std::string describe() const override { return "Azure key " + settings_.key.path() + " at " + settings_.host; }
  std::optional<std::string> describe(const KeyFields& key) const override {
    if (key.size() != 2 || (key[0] != kRsa && key[0] != kAes) || !parse_kid(key[1]).has_value()) return std::nullopt;
    return "key version " + key[1];
  }

 private:
  Status check_within(const KeyFields& key) const override {
    const std::optional<KeyName> name = parse_kid(key[1]);
    const KeyName& named = settings_.key;
    const bool same_version = named.version.empty() || lower_case(name->version) == lower_case(named.version);
    if (same_version && lower_case(name->name) == lower_case(named.name)) return Status::ok();
    return outside((named.version.empty() ? "versions of key " : "version ") + named.path());
  }

  Status not_its_key(const std::string& kid) const {
    return {Code::kTampered,
            settings_.host + " answers for " + oauth::words_of(as_bytes(kid)) + ", which is not what it was asked for"};
  }

  http::Request request_for(const KeyName& key, const std::string& operation) const {
    http::Request request;
    request.url = settings_.vault + std::string(kKeys) + key.path() + operation + std::string(kVersionOfService);
    request.headers = {{"Accept", "application/json"}};
    return request;
  }

  Result<Response> operate(const KeyName& key, const std::string& operation, std::string_view algorithm,
                           ByteView value) {
    http::Request request = request_for(key, operation);
    request.method = "POST";
    request.headers.push_back({"Content-Type", "application/json"});
    request.body = http::JsonBody().text("alg", algorithm).base64url("value", value).take();
    return ask(std::move(request));
  }

  // A success.
  Result<Response> ask(http::Request request) {
    const auto fetch = [this](http::Deadline until) {
      return fetch_entra_token(settings_.credentials, settings_.http, until);
    };
    return oauth::send_with_token(settings_.http, std::move(request), http::deadline_from_now(settings_.http), tokens_,
                                  fetch, "code", refusal);
  }

  Result<JsonView> json_in(const Response& response) const {
    return JsonView::parse(response.body.reveal()).with_context(settings_.host);
  }
  Result<std::string> member(const JsonView& object, std::string_view name) const {
    return http::json_text(object, name, kKidAnswerSizeMax).with_context(settings_.host);
  }
  Result<SecretBytes> value_of(const JsonView& answer) const {
    COFFER_ASSIGN(const SecretBytes text,
                  http::json_secret(answer, "value", base64url_size(kWrappedSizeMax)).with_context(settings_.host));
    auto value = decode_base64(text.reveal(), Base64Alphabet::kUrl);
    if (value.is_ok() && !value->empty()) return value;
    return {Code::kTampered, settings_.host + ": the answer's \"value\" is not base64url"};
  }

  const Settings settings_;
  oauth::TokenCache tokens_;
};

// Empty when the host is below none of them.
std::string_view vault_domain_of(const std::string& host) {
  const auto found = std::find_if(kVaultDomains.begin(), kVaultDomains.end(),
                                  [&](std::string_view domain) { return host.ends_with(domain); });
  return found == kVaultDomains.end() ? std::string_view() : *found;
}

// For what service a token is asked for. A vault would say so itself, and also whom to ask; but what it says is not
// taken for true.
std::string resource_for(const std::string& vault_host) {
  std::string_view domain = vault_domain_of(vault_host);
  if (domain.empty()) domain = kVaultDomains.front();
  return std::string(kHttps) + std::string(domain.substr(1));
}

// For the cloud that the vault is in; AZURE_AUTHORITY_HOST is what Microsoft's own libraries look at, too.
std::string authority_for(const std::string& vault_host) {
  if (std::string given = http::environment("AZURE_AUTHORITY_HOST"); !given.empty()) return given;
  const std::string_view domain = vault_domain_of(vault_host);
  if (domain.ends_with(".cn")) return "https://login.chinacloudapi.cn";
  if (domain.ends_with(".usgovcloudapi.net")) return "https://login.microsoftonline.us";
  return "https://login.microsoftonline.com";
}

Result<Settings> read_settings(const ProviderUri& uri, const ProviderConfig& config) {
  UriOptions options(uri, config.sealing_key);
  Settings out;
  COFFER_ASSIGN(out.http, http::take_http_settings(options, http::PlainHttp::kNever));
  COFFER_ASSIGN(out.credentials, take_credential_settings(options));
  COFFER_TRY(options.finish());
  const std::string host = lower_case(uri.authority.value_or(""));
  std::optional<KeyName> key;
  if (uri.path.starts_with(kKeys)) key = parse_key_name(std::string_view(uri.path).substr(kKeys.size()));
  if (host.empty() || !key.has_value()) {
    return {Code::kInvalidArgument,
            "an Azure key is written azure-kv://VAULT.vault.azure.net/keys/NAME, and /VERSION "
            "behind it for one that is not to change"};
  }
  out.key = std::move(*key);
  out.vault = std::string(kHttps) + host;
  COFFER_ASSIGN(out.host, http::host_of_url(out.vault));
  if (out.credentials.authority.empty()) out.credentials.authority = authority_for(host);
  if (out.credentials.resource.empty()) out.credentials.resource = resource_for(host);
  out.uri = format_provider_uri(options.kept());
  return out;
}

}  // namespace
}  // namespace azure_kv

Result<std::unique_ptr<RootKeyProvider>> open_azure_kv(const ProviderUri& uri, const ProviderConfig& config) {
  COFFER_ASSIGN(azure_kv::Settings settings, azure_kv::read_settings(uri, config));
  return make_provider("azure-kv", std::make_unique<azure_kv::AzureKvRoot>(std::move(settings)));
}

}  // namespace coffer
