#include "coffer/providers/gcp_kms/gcp_kms_provider.h"

#include <algorithm>
#include <array>
#include <optional>

#include "coffer/net/oauth/trusted_service.h"
#include "coffer/providers/gcp_kms/service.h"
#include "coffer/providers/service_wrap.h"

namespace coffer {
namespace {

using gcp_kms::Refusal;

constexpr uint8_t kHandleType = 1;
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

std::optional<std::string> decode_handle(const RootKeyHandle& handle) {
  if (handle.bytes.empty() || handle.bytes.front() != kHandleType) return std::nullopt;
  std::string version(as_text(ByteView(handle.bytes).subspan(1)));
  if (!key_of_version(version).has_value()) return std::nullopt;
  return version;
}

// coffer id ‖ slot id ‖ the version's name: a ciphertext says by itself which version opens it, so the version is bound
// here.
Bytes associated_data_of(const WrapContext& context, const std::string& version) {
  Bytes out(context.coffer_id.view().begin(), context.coffer_id.view().end());
  out.insert(out.end(), context.slot_id.view().begin(), context.slot_id.view().end());
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

enum class Operation { kCurrent, kWrap, kUnwrap };

Code code_of(const std::string& reason, Operation operation) {
  if (reason == "NOT_FOUND") return operation == Operation::kCurrent ? Code::kNotFound : Code::kKeyUnavailable;
  if (reason == "FAILED_PRECONDITION") return Code::kKeyUnavailable;  // disabled, destroyed
  if (reason == "PERMISSION_DENIED" || reason == "UNAUTHENTICATED") return Code::kPermissionDenied;
  if (reason == "INVALID_ARGUMENT") {
    return operation == Operation::kUnwrap ? Code::kWrongKey : Code::kInvalidArgument;
  }
  return Code::kProviderUnavailable;
}

class GcpKmsProvider final : public RootKeyProvider {
 public:
  GcpKmsProvider(gcp_kms::ServiceSettings settings, std::string key, std::string uri)
      : service_(std::move(settings)), key_(std::move(key)), uri_(std::move(uri)) {}

  // Asked by encrypting, which tells the version and needs no other right than wrapping does.
  Result<RootKeyHandle> current() override {
    Refusal refusal;
    auto probe = service_.encrypt(key_, {}, as_bytes("coffer"), refusal);
    if (!probe.is_ok()) return failed(probe.status(), refusal, Operation::kCurrent, nullptr);
    if (key_of_version(probe->version) != key_) return not_its_key(probe->version);
    RootKeyHandle handle;
    handle.bytes.push_back(kHandleType);
    handle.bytes.insert(handle.bytes.end(), probe->version.begin(), probe->version.end());
    return handle;
  }

  Result<WrappedKeyringKey> wrap(const RootKeyHandle& handle, const WrapContext& context,
                                 const KeyringKey& key) override {
    COFFER_ASSIGN(const std::string version, version_of(handle));
    COFFER_ASSIGN(const SecretBytes plaintext, service_plaintext(context, key));
    Refusal refusal;
    auto sealed = service_.encrypt(version, associated_data_of(context, version), plaintext.reveal(), refusal);
    if (!sealed.is_ok()) return failed(sealed.status(), refusal, Operation::kWrap, &handle);
    if (sealed->version != version) return not_its_key(sealed->version);
    return WrappedKeyringKey{kWrapAlgorithmService, std::move(sealed->ciphertext)};
  }

  Result<KeyringKey> unwrap(const RootKeyHandle& handle, const WrapContext& context,
                            const WrappedKeyringKey& wrapped) override {
    if (wrapped.algorithm != kWrapAlgorithmService) {
      return {Code::kUnsupported,
              describe() + ": the keyring key was wrapped under a root key at hand, not by a service"};
    }
    COFFER_ASSIGN(const std::string version, version_of(handle));
    if (wrapped.bytes.empty() || wrapped.bytes.size() > gcp_kms::kCiphertextSizeMax) {
      return {Code::kTampered, describe() + ": what the slot holds is no wrapped keyring key, by its size"};
    }
    Refusal refusal;
    auto opened = service_.decrypt(key_, associated_data_of(context, version), wrapped.bytes, refusal);
    if (!opened.is_ok()) return failed(opened.status(), refusal, Operation::kUnwrap, &handle);
    auto key = keyring_key_of(context, *opened);
    if (!key.is_ok()) return key.status().with_context(describe());
    return key;
  }

  std::string uri() const override { return uri_; }
  std::string describe() const override { return "Google Cloud KMS key " + key_; }
  std::string describe(const RootKeyHandle& handle) const override {
    const std::optional<std::string> version = decode_handle(handle);
    return version.has_value() ? "key version " + *version : "a handle that is no Google Cloud KMS key's";
  }

 private:
  Result<std::string> version_of(const RootKeyHandle& handle) const {
    const std::optional<std::string> version = decode_handle(handle);
    if (!version.has_value() || key_of_version(*version) != key_) {
      return {Code::kWrongKey, describe() + " is not the key that the slot wants: " + describe(handle)};
    }
    return *version;
  }

  Status not_its_key(const std::string& version) const {
    return {Code::kTampered, service_.host() + " answers for " + oauth::words_of(as_bytes(version)) +
                                 ", which is not what " + describe() + " was asked for"};
  }

  Status failed(const Status& status, const Refusal& refusal, Operation operation, const RootKeyHandle* handle) const {
    const std::string about = handle == nullptr ? describe() : describe() + ": the slot wants " + describe(*handle);
    if (refusal.reason.empty()) return status.with_context(about);
    std::string text = about + ": " + service_.host() + ": " + refusal.reason + ": " + refusal.words;
    Code code = code_of(refusal.reason, operation);
    if (code == Code::kKeyUnavailable && handle != nullptr &&
        names_another_version(refusal.words, decode_handle(*handle).value_or(""))) {
      code = Code::kWrongKey;  // the wrapping says by itself which version opens it
    }
    if (code == Code::kKeyUnavailable) {
      text += "; a version that is disabled, or scheduled for destruction, can be enabled again";
    }
    if (code == Code::kWrongKey) text += " (the slot was altered or is another coffer's)";
    return {code, text};
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
  ProviderUri whole = uri;
  whole.options.clear();
  if (settings.endpoint != kEndpoint) whole.options.emplace_back("endpoint", settings.endpoint);
  if (!settings.credentials_file.empty()) whole.options.emplace_back("credentials_file", settings.credentials_file);
  http::append_http_options(settings.http, whole);
  return std::unique_ptr<RootKeyProvider>(
      std::make_unique<GcpKmsProvider>(std::move(settings), key, format_provider_uri(whole)));
}

}  // namespace coffer
