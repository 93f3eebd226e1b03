// Root keys in Google Cloud KMS (REST, v1), with its checksums verified both ways: docs/providers/gcp-kms.md; bytes in
// docs/format.md, section 7.
#include <algorithm>
#include <optional>

#include "coffer/base/crc32c.h"
#include "coffer/config/provider_config.h"
#include "coffer/providers/gcp_kms/credentials.h"
#include "coffer/providers/service_root.h"

namespace coffer {
namespace gcp_kms {
namespace {

using http::JsonView;
using http::Response;

constexpr size_t kResourceSizeMax = 480;
constexpr size_t kNameSizeMax = 1024;
constexpr size_t kBytesMax = 1024;  // of a plaintext or ciphertext
constexpr std::string_view kEndpoint = "https://cloudkms.googleapis.com";
constexpr std::string_view kVersions = "/cryptoKeyVersions/";
constexpr std::string_view kForm = "gcp-kms://projects/P/locations/L/keyRings/R/cryptoKeys/K";

struct Settings {
  http::HttpSettings http;
  std::string endpoint;          // "https://cloudkms.googleapis.com"
  std::string host;              // of it, for messages
  std::string credentials_file;  // empty: Google's defaults
  std::string key;
  std::string uri;
};

bool is_part(std::string_view text) {
  return !text.empty() && text.front() != '.' && std::all_of(text.begin(), text.end(), [](char c) {
    return is_alphanumeric(c) || std::string_view("-_.:").find(c) != std::string_view::npos;
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

void add_with_crc(http::JsonBody& body, const std::string& name, ByteView bytes) {
  body.base64(name, bytes).text(name + "Crc32c", std::to_string(crc32c(bytes)));
}

// Whether a member arrived as it was sent: empty when it did not.
SecretBytes checked_member(const JsonView& answer, const std::string& name) {
  auto bytes = http::json_base64(answer, name, kBytesMax);
  if (!bytes.is_ok() || answer[name + "Crc32c"].number_or_text() != crc32c(bytes->reveal())) return SecretBytes();
  return std::move(*bytes);
}

Code code_of(const std::string& reason) {
  if (reason == "NOT_FOUND") return Code::kNotFound;
  if (reason == "FAILED_PRECONDITION") return Code::kKeyUnavailable;  // disabled, destroyed
  if (reason == "PERMISSION_DENIED" || reason == "UNAUTHENTICATED") return Code::kPermissionDenied;
  if (reason == "INVALID_ARGUMENT") return Code::kInvalidArgument;
  return Code::kProviderUnavailable;
}

// Fields: the resource name of the key's version.
class GcpKmsRoot final : public ServiceRoot {
 public:
  explicit GcpKmsRoot(Settings settings) : settings_(std::move(settings)) {}

  // Asked by encrypting, which tells the version and needs no other right than wrapping does.
  Result<KeyFields> current() override {
    COFFER_ASSIGN(const Encrypted probe, seal(settings_.key, {}, as_bytes("coffer")));
    if (key_of_version(probe.version) != settings_.key) return not_its_key(probe.version);
    return KeyFields{probe.version};
  }

  Result<Bytes> encrypt(const KeyFields& key, const WrapContext& context, const SecretBytes& plaintext) override {
    COFFER_ASSIGN(Encrypted sealed, seal(key[0], associated_data_of(context, key[0]), plaintext.reveal()));
    if (sealed.version != key[0]) return not_its_key(sealed.version);
    return std::move(sealed.ciphertext);
  }

  Result<SecretBytes> decrypt(const KeyFields& key, const WrapContext& context, ByteView ciphertext) override {
    auto opened = open(associated_data_of(context, key[0]), ciphertext);
    if (opened.is_ok()) return opened;
    const Status& status = opened.status();
    // The wrapping says by itself which version opens it.
    const bool is_others = status.code() == Code::kKeyUnavailable && names_another_version(status.message(), key[0]);
    if (is_others || status.code() == Code::kInvalidArgument) return does_not_open(status.message());
    return opened;
  }

  std::string uri() const override { return settings_.uri; }
  std::string describe() const override { return "Google Cloud KMS key " + settings_.key; }
  std::optional<std::string> describe(const KeyFields& key) const override {
    if (key.size() != 1 || !key_of_version(key[0]).has_value()) return std::nullopt;
    return "key version " + key[0];
  }

 private:
  Status check_within(const KeyFields& key) const override {
    return key_of_version(key[0]) == settings_.key ? Status::ok() : outside("versions of " + settings_.key);
  }

  Status not_its_key(const std::string& version) const {
    return {Code::kTampered, settings_.host + " answers for " + oauth::words_of(as_bytes(version)) +
                                 ", which is not what it was asked for"};
  }

  // Sends until `is_good` accepts the answer: something on the way may have altered it, and may not do so the next
  // time.
  Result<Response> ask(const std::string& path, http::JsonBody& body,
                       const std::function<bool(const JsonView& answer)>& is_good) {
    http::Request request;
    request.method = "POST";
    request.url = settings_.endpoint + "/v1/" + path;
    request.headers = {{"Content-Type", "application/json"}, {"Accept", "application/json"}};
    request.body = body.take();
    request.is_transient = [&](const Response& answer) {
      return answer.is_success() ? !is_good(answer.json()) : http::is_transient_status(answer);
    };
    const auto fetch = [this](http::Deadline deadline) {
      return fetch_google_token(settings_.credentials_file, settings_.http, deadline);
    };
    const auto refusal = [this](const Response&, const JsonView& error, const std::string& words) -> Status {
      const std::string reason = error["status"].text(64).value_or("UNKNOWN");
      const Code code = code_of(reason);
      return {code, settings_.host + ": " + reason + (words.empty() ? "" : ": " + words) +
                        (code == Code::kKeyUnavailable
                             ? "; a version that is disabled, or scheduled for destruction, can be enabled again"
                             : "")};
    };
    COFFER_ASSIGN(Response response,
                  oauth::send_with_token(settings_.http, std::move(request), http::deadline_from_now(settings_.http),
                                         tokens_, fetch, "status", refusal));
    if (is_good(response.json())) return response;
    return {Code::kTampered, settings_.host +
                                 ": its answers are malformed or do not match their checksums (CRC-32C), repeatedly; "
                                 "something on the way alters them"};
  }

  struct Encrypted {
    std::string version;  // the resource name of the key version that was used, as the service gives it
    Bytes ciphertext;
  };
  // `key`: of a key (its primary version is used) or of a version.
  Result<Encrypted> seal(const std::string& key, ByteView associated_data, ByteView plaintext) {
    http::JsonBody body;
    add_with_crc(body, "plaintext", plaintext);
    const bool has_data = !associated_data.empty();
    if (has_data) add_with_crc(body, "additionalAuthenticatedData", associated_data);
    COFFER_ASSIGN(const Response response, ask(key + ":encrypt", body, [has_data](const JsonView& answer) {
                    return answer["verifiedPlaintextCrc32c"].boolean() == true &&
                           (!has_data || answer["verifiedAdditionalAuthenticatedDataCrc32c"].boolean() == true) &&
                           !checked_member(answer, "ciphertext").empty();
                  }));
    const JsonView answer = response.json();
    const SecretBytes ciphertext = checked_member(answer, "ciphertext");
    Encrypted out;
    COFFER_ASSIGN(out.version, http::json_text(answer, "name", kNameSizeMax).with_context(settings_.host));
    out.ciphertext.assign(ciphertext.reveal().begin(), ciphertext.reveal().end());
    return out;
  }

  // For what it cannot open, kInvalidArgument.
  Result<SecretBytes> open(ByteView associated_data, ByteView ciphertext) {
    http::JsonBody body;
    add_with_crc(body, "ciphertext", ciphertext);
    add_with_crc(body, "additionalAuthenticatedData", associated_data);
    COFFER_ASSIGN(const Response response, ask(settings_.key + ":decrypt", body, [](const JsonView& answer) {
                    return !checked_member(answer, "plaintext").empty();
                  }));
    return checked_member(response.json(), "plaintext");
  }

  const Settings settings_;
  oauth::TokenCache tokens_;
};

Result<Settings> read_settings(const ProviderUri& uri) {
  UriOptions options(uri);
  Settings out;
  COFFER_ASSIGN(out.http, http::take_http_settings(options));
  out.endpoint = options.take("endpoint", kEndpoint);
  COFFER_ASSIGN(out.credentials_file, options.take_path("credentials_file"));
  COFFER_TRY(options.finish());
  while (out.endpoint.ends_with('/')) out.endpoint.pop_back();
  out.key = uri.authority.value_or("") + uri.path;
  if (!is_key_name(out.key)) {
    return {Code::kInvalidArgument, "a Google Cloud KMS key is written " + std::string(kForm)};
  }
  COFFER_ASSIGN(out.host, http::host_of_url(out.endpoint));
  out.uri = format_provider_uri(options.kept());
  return out;
}

}  // namespace
}  // namespace gcp_kms

Result<std::unique_ptr<RootKeyProvider>> open_gcp_kms(const ProviderUri& uri, const ProviderConfig&) {
  COFFER_ASSIGN(gcp_kms::Settings settings, gcp_kms::read_settings(uri));
  return make_provider("gcp-kms", std::make_unique<gcp_kms::GcpKmsRoot>(std::move(settings)));
}

}  // namespace coffer
