// Root keys in the Transit engine of Vault or OpenBao: docs/providers/vault.md; bytes in docs/format.md, section 7.
#include <algorithm>
#include <charconv>
#include <ctime>

#include "coffer/base/base64.h"
#include "coffer/config/provider_config.h"
#include "coffer/net/http/json_body.h"
#include "coffer/providers/service_root.h"
#include "coffer/providers/vault/session.h"

namespace coffer {
namespace vault {
namespace {

using http::Deadline;
using http::JsonBody;
using http::JsonView;
using http::Response;

// The first byte of a wrapping.
constexpr uint8_t kContextBound = 1;
constexpr uint8_t kContextIgnored = 2;  // by a server that knows no associated data
constexpr size_t kNameSizeMax = 256;
constexpr size_t kCiphertextSizeMax = 1000;

std::string utc(uint64_t seconds) {
  const auto time = static_cast<time_t>(seconds);
  tm parts{};
  char text[32] = {};
  if (gmtime_r(&time, &parts) == nullptr || std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &parts) == 0)
    return "?";
  return text;
}

// One version of one key. Its date tells a key that was deleted and made anew under the old name.
struct KeyVersion {
  std::string name;  // MOUNT/KEY
  bool derived = false;
  uint32_t version = 0;
  uint64_t created = 0;  // Unix seconds

  std::string text() const {
    return "version " + std::to_string(version) + " of Vault key " + name + ", made " + utc(created);
  }
  bool operator==(const KeyVersion&) const = default;
};

KeyFields fields_of(const KeyVersion& key) {
  return {key.name, key.derived ? "derived" : "plain", std::to_string(key.version), std::to_string(key.created)};
}

template <class Number>
bool read_number(const std::string& text, Number& out) {
  const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), out);
  return failed == std::errc() && end == text.data() + text.size();
}

std::optional<KeyVersion> version_of(const KeyFields& fields) {
  if (fields.size() != 4 || fields[0].empty() || fields[0].size() > kNameSizeMax) return std::nullopt;
  KeyVersion out{fields[0], fields[1] == "derived", 0, 0};
  if (!out.derived && fields[1] != "plain") return std::nullopt;
  if (!read_number(fields[2], out.version) || out.version == 0 || !read_number(fields[3], out.created)) {
    return std::nullopt;
  }
  return out;
}

// What Vault says of a key.
struct KeyReport {
  Response answer;  // `data` looks into it
  JsonView data;

  std::string type() const { return data["type"].text(64).value_or("?"); }
  size_t bits() const { return type() == "aes128-gcm96" ? 128 : 256; }
  bool derived() const { return data["derived"].boolean().value_or(false); }
  int64_t latest() const { return data["latest_version"].number().value_or(0); }
  int64_t smallest_for_wrapping() const { return data["min_encryption_version"].number().value_or(0); }
  // Of versions that may still be used at all.
  std::optional<uint64_t> created(int64_t version) const {
    const std::optional<int64_t> seconds = data["keys"][std::to_string(version)].number();
    if (!seconds.has_value() || *seconds < 0) return std::nullopt;
    return static_cast<uint64_t>(*seconds);
  }
};

bool is_authenticated_encryption(const std::string& type) {
  constexpr std::string_view kTypes[] = {"aes128-gcm96", "aes256-gcm96", "chacha20-poly1305", "xchacha20-poly1305"};
  return std::find(std::begin(kTypes), std::end(kTypes), type) != std::end(kTypes);
}

// "vault:vN:BASE64" without what the handle says already.
Result<SecretBytes> ciphertext_of(const std::string& text, uint32_t version) {
  const std::string prefix = "vault:v" + std::to_string(version) + ":";
  if (text.starts_with(prefix)) {
    auto raw = decode_base64(as_bytes(text).subspan(prefix.size()), Base64Alphabet::kStandard);
    if (raw.is_ok() && !raw->empty() && raw->size() <= kCiphertextSizeMax) return raw;
  }
  return {Code::kTampered,
          "its ciphertext is not " + prefix + "BASE64 of at most " + std::to_string(kCiphertextSizeMax) + " bytes"};
}

class VaultRoot final : public ServiceRoot {
 public:
  explicit VaultRoot(Settings settings) : session_(std::move(settings)) {}

  Result<KeyFields> current() override {
    COFFER_ASSIGN(const KeyReport report, read_key(deadline()));
    return fields_of(version_in(report, report.latest()));
  }

  Result<Bytes> encrypt(const KeyFields& key, const WrapContext& context, const SecretBytes& plaintext) override {
    const Deadline end = deadline();
    const KeyVersion wanted = *version_of(key);
    COFFER_ASSIGN(const KeyReport report, read_key(end));
    COFFER_TRY(check_report(report, wanted));
    if (wanted.version < report.smallest_for_wrapping()) {
      return {Code::kKeyUnavailable, "it may not wrap any more: the key's min_encryption_version is " +
                                         std::to_string(report.smallest_for_wrapping()) + "; rotate the root"};
    }
    COFFER_TRY(check_strength(report.bits(), session_.settings().allow_weak));
    JsonBody body = body_with(context, wanted, /*bind=*/true);
    body.base64("plaintext", plaintext.reveal()).number("key_version", wanted.version);
    COFFER_ASSIGN(const Response answer, operate("encrypt", body, end));
    if (!answer.is_success()) return refused(answer, "encrypt");
    COFFER_ASSIGN(const SecretBytes raw, ciphertext_in(answer, wanted.version));
    COFFER_ASSIGN(const bool bound, is_bound(context, wanted, raw, end));
    Bytes out{bound ? kContextBound : kContextIgnored};
    out.insert(out.end(), raw.reveal().begin(), raw.reveal().end());
    return out;
  }

  Result<SecretBytes> decrypt(const KeyFields& key, const WrapContext& context, ByteView ciphertext) override {
    const Deadline end = deadline();
    const KeyVersion wanted = *version_of(key);
    const uint8_t form = ciphertext[0];
    if (ciphertext.size() < 2 || (form != kContextBound && form != kContextIgnored)) return does_not_open();
    COFFER_ASSIGN(const Response answer, decrypt(context, wanted, ciphertext.subspan(1), form == kContextBound, end));
    if (!answer.is_success()) return why_not(wanted, answer, end);
    COFFER_ASSIGN(const JsonView view, JsonView::parse(answer.body.reveal()));
    return http::json_base64(view["data"], "plaintext", kServicePlaintextSize);
  }

  std::string uri() const override { return session_.settings().uri; }
  std::string describe() const override {
    return "Vault key " + session_.settings().key_name() + " at " + session_.settings().host;
  }
  std::optional<std::string> describe(const KeyFields& key) const override {
    const std::optional<KeyVersion> version = version_of(key);
    return version.has_value() ? std::optional(http::printable(version->text())) : std::nullopt;
  }

 private:
  Deadline deadline() const { return http::deadline_from_now(session_.settings().http); }

  Status check_within(const KeyFields& key) const override {
    const std::string named = session_.settings().key_name();
    return version_of(key)->name == named ? Status::ok() : outside("versions of " + named);
  }

  std::string path(std::string_view operation) const {
    return http::encode_url_path(session_.settings().mount) + "/" + std::string(operation) + "/" +
           http::encode_url(session_.settings().key);
  }

  Status refused(const Response& answer, std::string_view operation) const {
    const std::string said = errors_of(answer);
    return {Code::kProviderUnavailable, "Vault refuses to " + std::string(operation) + " (HTTP " +
                                            std::to_string(answer.status) + ")" + (said.empty() ? "" : ": " + said)};
  }

  // kNotFound, besides what Session::ask() says.
  Result<KeyReport> read_key(Deadline end) {
    COFFER_ASSIGN(Response answer, session_.ask("GET", path("keys"), SecretBytes(), end));
    if (answer.status == 404) {
      return {Code::kNotFound, "there is no such key; restore it, or make it with: vault write -f " +
                                   session_.settings().mount + "/keys/" + session_.settings().key};
    }
    if (!answer.is_success()) return refused(answer, "show it");
    COFFER_ASSIGN(const JsonView view, JsonView::parse(answer.body.reveal()));
    const JsonView data = view["data"];
    KeyReport report{std::move(answer), data};
    if (!data.is_object() || report.latest() < 1 || report.latest() > UINT32_MAX) {
      return {Code::kTampered, "the answer has no data with a latest_version from 1 on"};
    }
    if (!is_authenticated_encryption(report.type())) {
      return {Code::kInvalidArgument, "it is of type " + http::printable(report.type()) +
                                          "; expected aes256-gcm96, aes128-gcm96 or chacha20-poly1305"};
    }
    return report;
  }

  KeyVersion version_in(const KeyReport& report, int64_t version) const {
    return {session_.settings().key_name(), report.derived(), static_cast<uint32_t>(version),
            report.created(version).value_or(0)};
  }

  // Whether the wanted version is there, and the same.
  Status check_report(const KeyReport& report, const KeyVersion& wanted) const {
    if (wanted.version > report.latest()) return is_another(version_in(report, report.latest()));
    if (!report.created(wanted.version).has_value()) {
      return {Code::kKeyUnavailable, "it is not there any more: it was trimmed, or min_decryption_version is higher"};
    }
    const KeyVersion found = version_in(report, wanted.version);
    return found == wanted ? Status() : is_another(found);
  }

  static Status is_another(const KeyVersion& found) {
    return {Code::kWrongKey, "there is " + found.text() + ": the key was deleted and made anew"};
  }

  // Coffer id and slot id, where Vault binds them: to any key as associated data, to a derived one as context, too.
  static JsonBody body_with(const WrapContext& context, const KeyVersion& key, bool bind) {
    const Bytes ids = bytes_of(context);
    JsonBody body;
    if (bind) body.base64("associated_data", ids);
    if (key.derived) body.base64("context", ids);
    return body;
  }

  Result<Response> operate(std::string_view operation, JsonBody& body, Deadline end) {
    return session_.ask("POST", path(operation), body.take(), end);
  }

  Result<Response> decrypt(const WrapContext& context, const KeyVersion& key, ByteView raw, bool bind, Deadline end) {
    SecretBytes digits(base64_size(raw.size()));
    encode_base64(raw, digits.reveal_mutable());
    JsonBody body = body_with(context, key, bind);
    body.text("ciphertext", "vault:v" + std::to_string(key.version) + ":" + std::string(as_text(digits.reveal())));
    return operate("decrypt", body, end);
  }

  // Servers before Vault 1.13 take associated data without a word and ignore it: what they wrapped opens without it.
  // They would be taken at their word after an upgrade, so the wrapping says whether it was bound.
  Result<bool> is_bound(const WrapContext& context, const KeyVersion& key, const SecretBytes& raw, Deadline end) {
    COFFER_ASSIGN(const Response without, decrypt(context, key, raw.reveal(), /*bind=*/false, end));
    return !without.is_success();
  }

  static Result<SecretBytes> ciphertext_in(const Response& answer, uint32_t version) {
    COFFER_ASSIGN(const JsonView view, JsonView::parse(answer.body.reveal()));
    COFFER_ASSIGN(const std::string text,
                  http::json_text(view["data"], "ciphertext", base64_size(kCiphertextSizeMax) + 32));
    return ciphertext_of(text, version);
  }

  // Why Vault did not decrypt. It says so in words only; the key itself tells more reliably, if we may look at it.
  Status why_not(const KeyVersion& wanted, const Response& answer, Deadline end) {
    const auto report = read_key(end);
    if (report.is_ok()) {
      COFFER_TRY(check_report(*report, wanted));
      return does_not_open();
    }
    if (report.code() != Code::kPermissionDenied) return report.status();
    const std::string said = errors_of(answer);
    const bool unavailable = said.find("key not found") != std::string::npos ||
                             said.find("too old") != std::string::npos || answer.status == 404;
    if (unavailable) return {Code::kKeyUnavailable, "it is not available: " + said};
    return does_not_open(said);
  }

  Session session_;
};

}  // namespace
}  // namespace vault

Result<std::unique_ptr<RootKeyProvider>> open_vault(const ProviderUri& uri, const ProviderConfig& config) {
  COFFER_ASSIGN(vault::Settings settings, vault::read_settings(uri, config.sealing_key));
  return make_provider("vault", std::make_unique<vault::VaultRoot>(std::move(settings)));
}

}  // namespace coffer
