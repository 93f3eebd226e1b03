// Root keys in Google Cloud KMS: docs/providers/gcp-kms.md; bytes in docs/format.md, section 7.
#include <algorithm>
#include <array>
#include <optional>

#include "coffer/config/provider_config.h"
#include "coffer/net/oauth/trusted_service.h"
#include "coffer/providers/gcp_kms/service.h"
#include "coffer/providers/service_root.h"

namespace coffer {
namespace {

constexpr size_t kResourceSizeMax = 480;
constexpr std::string_view kEndpoint = "https://cloudkms.googleapis.com";
constexpr std::array<std::string_view, 1> kDomains = {".googleapis.com"};
constexpr std::string_view kVersions = "/cryptoKeyVersions/";
constexpr std::string_view kForm = "gcp-kms://projects/P/locations/L/keyRings/R/cryptoKeys/K";

bool is_part(std::string_view text) {
  return !text.empty() && text.front() != '.' && std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_' ||
           c == '.' || c == ':';
  });
}

// projects/P/locations/L/keyRings/R/cryptoKeys/K
bool is_key_name(std::string_view name) {
  if (name.size() > kResourceSizeMax) return false;
  for (const std::string_view collection : {"projects/", "locations/", "keyRings/", "cryptoKeys/"}) {
    if (!name.starts_with(collection)) return false;
    name.remove_prefix(collection.size());
    const size_t end = std::min(name.find('/'), name.size());
    if (!is_part(name.substr(0, end))) return false;
    name.remove_prefix(std::min(end + 1, name.size()));
  }
  return name.empty();
}

// The key of …/cryptoKeyVersions/N; nothing if it is not of this form.
std::optional<std::string> key_of_version(std::string_view version) {
  const size_t at = version.rfind(kVersions);
  if (version.size() > kResourceSizeMax || at == std::string_view::npos) return std::nullopt;
  const std::string_view number = version.substr(at + kVersions.size());
  const bool is_number = !number.empty() && number.size() <= 18 &&
                         std::all_of(number.begin(), number.end(), [](char c) { return c >= '0' && c <= '9'; });
  if (!is_number || !is_key_name(version.substr(0, at))) return std::nullopt;
  return std::string(version.substr(0, at));
}

// coffer id ‖ slot id ‖ the version's name: a ciphertext says by itself which version opens it, so the version is bound
// here.
Bytes associated_data_of(const WrapContext& context, const std::string& version) {
  Bytes out = bytes_of(context);
  out.insert(out.end(), version.begin(), version.end());
  return out;
}

// Whether the service speaks of a version that is not this one: "…/cryptoKeyVersions/1 is not enabled".
bool names_another_version(std::string_view words, std::string_view version) {
  const size_t at = words.find(kVersions);
  if (at == std::string_view::npos) return false;
  std::string_view number = words.substr(at + kVersions.size());
  number = number.substr(0, number.find_first_not_of("0123456789"));
  return number != version.substr(version.rfind('/') + 1);
}

// Fields: the resource name of the key's version.
class GcpKmsRoot final : public ServiceRoot {
 public:
  GcpKmsRoot(gcp_kms::ServiceSettings settings, std::string key, std::string uri)
      : service_(std::move(settings)), key_(std::move(key)), uri_(std::move(uri)) {}

  // Asked by encrypting, which tells the version and needs no other right than wrapping does.
  Result<KeyFields> current() override {
    COFFER_ASSIGN(const gcp_kms::Encrypted probe, service_.encrypt(key_, {}, as_bytes("coffer")));
    if (key_of_version(probe.version) != key_) return not_its_key(probe.version);
    return KeyFields{probe.version};
  }

  Result<Bytes> encrypt(const KeyFields& key, const WrapContext& context, const SecretBytes& plaintext) override {
    COFFER_TRY(check_own(key[0]));
    COFFER_ASSIGN(gcp_kms::Encrypted sealed,
                  service_.encrypt(key[0], associated_data_of(context, key[0]), plaintext.reveal()));
    if (sealed.version != key[0]) return not_its_key(sealed.version);
    return std::move(sealed.ciphertext);
  }

  Result<SecretBytes> decrypt(const KeyFields& key, const WrapContext& context, ByteView ciphertext) override {
    COFFER_TRY(check_own(key[0]));
    auto opened = service_.decrypt(key_, associated_data_of(context, key[0]), ciphertext);
    if (opened.is_ok()) return opened;
    const Status& status = opened.status();
    // The wrapping says by itself which version opens it.
    const bool is_others = status.code() == Code::kKeyUnavailable && names_another_version(status.message(), key[0]);
    if (is_others || status.code() == Code::kInvalidArgument) return does_not_open(status.message());
    return opened;
  }

  std::string uri() const override { return uri_; }
  std::string describe() const override { return "Google Cloud KMS key " + key_; }
  std::optional<std::string> describe(const KeyFields& key) const override {
    if (key.size() != 1 || !key_of_version(key[0]).has_value()) return std::nullopt;
    return "key version " + key[0];
  }

 private:
  Status check_own(const std::string& version) const {
    if (key_of_version(version) == key_) return Status::ok();
    return {Code::kWrongKey, "it is a version of another key than the URI's"};
  }

  Status not_its_key(const std::string& version) const {
    return {Code::kTampered, service_.host() + " answers for " + oauth::words_of(as_bytes(version)) +
                                 ", which is not what it was asked for"};
  }

  gcp_kms::Service service_;
  const std::string key_;
  const std::string uri_;
};

}  // namespace

Result<std::unique_ptr<RootKeyProvider>> open_gcp_kms(const ProviderUri& uri, const ProviderConfig& config) {
  UriOptions options(uri);
  gcp_kms::ServiceSettings settings;
  COFFER_ASSIGN(settings.http, http::take_http_settings(options));
  settings.endpoint = options.take("endpoint", kEndpoint);
  COFFER_ASSIGN(settings.credentials_file, options.take_path("credentials_file"));
  COFFER_TRY(options.finish());
  while (settings.endpoint.ends_with('/')) settings.endpoint.pop_back();
  const std::string key = uri.authority.value_or("") + uri.path;
  if (!is_key_name(key)) {
    return {Code::kInvalidArgument, "a Google Cloud KMS key is written " + std::string(kForm)};
  }
  COFFER_TRY(oauth::check_trusted(settings.endpoint, kDomains, config, [&](const ProviderUri& configured) {
    const auto option = std::find(configured.options.begin(), configured.options.end(),
                                  std::pair<std::string, std::string>("endpoint", settings.endpoint));
    return configured.scheme == uri.scheme && option != configured.options.end();
  }));
  return make_provider("gcp-kms",
                       std::make_unique<GcpKmsRoot>(std::move(settings), key, format_provider_uri(options.kept())));
}

}  // namespace coffer
