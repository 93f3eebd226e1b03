#include "coffer/providers/vault/vault_provider.h"

#include <algorithm>
#include <charconv>
#include <ctime>

#include "coffer/base/base64.h"
#include "coffer/base/codec.h"
#include "coffer/crypto/kdf.h"
#include "coffer/net/http/json_body.h"
#include "coffer/net/http/json_view.h"
#include "coffer/providers/service_wrap.h"
#include "coffer/providers/vault/session.h"

namespace coffer {
namespace vault {
namespace {

using http::Deadline;
using http::JsonBody;
using http::JsonView;
using http::Response;

constexpr uint8_t kPlainKey = 1;
constexpr uint8_t kDerivedKey = 2;
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

RootKeyHandle encode(const KeyVersion& key) {
  RootKeyHandle handle;
  handle.bytes.resize(13 + key.name.size());
  Writer writer(handle.bytes);
  writer.u8(key.derived ? kDerivedKey : kPlainKey);
  writer.u32(key.version);
  writer.u64(key.created);
  writer.bytes(as_bytes(key.name));
  return handle;
}

std::optional<KeyVersion> decode(const RootKeyHandle& handle) {
  Reader reader(handle.bytes);
  KeyVersion out;
  const uint8_t type = reader.u8();
  out.derived = type == kDerivedKey;
  out.version = reader.u32();
  out.created = reader.u64();
  out.name = as_text(reader.bytes(reader.remaining()));
  const bool right = (type == kPlainKey || type == kDerivedKey) && out.version > 0 && !out.name.empty();
  if (!reader.finished() || !right || out.name.size() > kNameSizeMax) return std::nullopt;
  return out;
}

// What Vault says of a key.
struct KeyReport {
  Response answer;  // `data` looks into it
  JsonView data;

  std::string type() const { return data["type"].text(64).value_or("?"); }
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

class VaultProvider final : public RootKeyProvider {
 public:
  explicit VaultProvider(Settings settings) : session_(std::move(settings)) {}

  Result<RootKeyHandle> current() override {
    COFFER_ASSIGN(const KeyVersion latest, latest_version(deadline()));
    return encode(latest);
  }

  Result<WrappedKeyringKey> wrap(const RootKeyHandle& handle, const WrapContext& context,
                                 const KeyringKey& key) override {
    const Deadline end = deadline();
    COFFER_ASSIGN(const KeyVersion wanted, own(handle));
    auto report = read_key(end);
    if (report.code() == Code::kNotFound) return gone(wanted);
    if (!report.is_ok()) return report.status();
    COFFER_TRY(check(*report, wanted));
    if (wanted.version < report->smallest_for_wrapping()) {
      return {Code::kKeyUnavailable, wanted.text() + " may not wrap any more: its min_encryption_version is " +
                                         std::to_string(report->smallest_for_wrapping()) + "; rotate the root"};
    }
    COFFER_ASSIGN(const SecretBytes plaintext, service_plaintext(context, key));
    JsonBody body = body_with(context, wanted, /*bind=*/true);
    body.base64("plaintext", plaintext.reveal()).number("key_version", wanted.version);
    COFFER_ASSIGN(const Response answer, operate("encrypt", body, end));
    if (!answer.is_success()) return refused(answer, "encrypt");
    COFFER_ASSIGN(const SecretBytes raw, ciphertext_in(answer, wanted.version));
    COFFER_TRY(opens(context, wanted, raw, plaintext, end));
    COFFER_ASSIGN(const bool bound, is_bound(context, wanted, raw, end));
    WrappedKeyringKey out{kWrapAlgorithmService, {bound ? kContextBound : kContextIgnored}};
    out.bytes.insert(out.bytes.end(), raw.reveal().begin(), raw.reveal().end());
    return out;
  }

  Result<KeyringKey> unwrap(const RootKeyHandle& handle, const WrapContext& context,
                            const WrappedKeyringKey& wrapped) override {
    const Deadline end = deadline();
    if (wrapped.algorithm != kWrapAlgorithmService) {
      return {Code::kUnsupported, describe() + ": the keyring key was wrapped locally, not by a key service"};
    }
    COFFER_ASSIGN(const KeyVersion wanted, own(handle));
    if (wrapped.bytes.size() < 2) {
      return {Code::kTampered, describe() + ": the wrapped keyring key has no bytes; the slot was altered"};
    }
    const uint8_t form = wrapped.bytes[0];
    if (form != kContextBound && form != kContextIgnored) return does_not_open(wanted);
    COFFER_ASSIGN(const Response answer,
                  decrypt(context, wanted, ByteView(wrapped.bytes).subspan(1), form == kContextBound, end));
    if (!answer.is_success()) return why_not(wanted, answer, end);
    auto plaintext = plaintext_in(answer);
    if (!plaintext.is_ok()) return plaintext.status().with_context(describe());
    auto key = keyring_key_of(context, *plaintext);
    if (!key.is_ok()) return key.status().with_context(describe());
    return key;
  }

  std::string uri() const override { return uri_of(session_.settings()); }

  std::string describe() const override {
    return "Vault key " + session_.settings().key_name() + " at " + session_.settings().host;
  }

  std::string describe(const RootKeyHandle& handle) const override {
    const std::optional<KeyVersion> key = decode(handle);
    return key.has_value() ? http::printable(key->text()) : "a handle that is no Vault key's";
  }

 private:
  Deadline deadline() const { return http::deadline_from_now(session_.settings().http); }

  // kWrongKey when the handle is another key's.
  Result<KeyVersion> own(const RootKeyHandle& handle) const {
    std::optional<KeyVersion> key = decode(handle);
    if (key.has_value() && key->name == session_.settings().key_name()) return std::move(*key);
    return {Code::kWrongKey, "the slot wants " + describe(handle) + ", which " + describe() + " is not"};
  }

  std::string path(std::string_view operation) const {
    return http::encode_url_path(session_.settings().mount) + "/" + std::string(operation) + "/" +
           http::encode_url(session_.settings().key);
  }

  Status refused(const Response& answer, std::string_view operation) const {
    const std::string said = errors_of(answer);
    return {Code::kProviderUnavailable, describe() + ": Vault refuses to " + std::string(operation) + " (HTTP " +
                                            std::to_string(answer.status) + ")" + (said.empty() ? "" : ": " + said)};
  }

  Status gone(const KeyVersion& wanted) const {
    return {Code::kKeyUnavailable, describe() + " is gone; the slot wants " + wanted.text() +
                                       "; restore it, or open the keyring by another slot"};
  }

  Status does_not_open(const KeyVersion& wanted) const {
    return {Code::kWrongKey, describe() + " has the key that the slot names (" + wanted.text() +
                                 "), but it does not open the slot's keyring key: the slot was altered or is "
                                 "another coffer's"};
  }

  // kNotFound, besides what Session::ask() says.
  Result<KeyReport> read_key(Deadline end) {
    COFFER_ASSIGN(Response answer, session_.ask("GET", path("keys"), SecretBytes(), end));
    if (answer.status == 404) {
      return {Code::kNotFound, "there is no " + describe() + "; make it with: vault write -f " +
                                   session_.settings().mount + "/keys/" + session_.settings().key};
    }
    if (!answer.is_success()) return refused(answer, "show it");
    auto view = JsonView::parse(answer.body.reveal());
    if (!view.is_ok()) return view.status().with_context(describe());
    const JsonView data = (*view)["data"];
    KeyReport report{std::move(answer), data};
    if (!data.is_object() || report.latest() < 1 || report.latest() > UINT32_MAX) {
      return {Code::kTampered, describe() + ": the answer has no data with a latest_version from 1 on"};
    }
    if (!is_authenticated_encryption(report.type())) {
      return {Code::kInvalidArgument, describe() + " is of type " + http::printable(report.type()) +
                                          "; expected aes256-gcm96, aes128-gcm96 or chacha20-poly1305"};
    }
    return report;
  }

  KeyVersion version_in(const KeyReport& report, int64_t version) const {
    return {session_.settings().key_name(), report.derived(), static_cast<uint32_t>(version),
            report.created(version).value_or(0)};
  }

  Result<KeyVersion> latest_version(Deadline end) {
    COFFER_ASSIGN(const KeyReport report, read_key(end));
    return version_in(report, report.latest());
  }

  // Whether the wanted version is there, and the same.
  Status check(const KeyReport& report, const KeyVersion& wanted) const {
    if (wanted.version > report.latest()) return is_another(wanted, version_in(report, report.latest()));
    if (!report.created(wanted.version).has_value()) {
      return {Code::kKeyUnavailable, describe() + " does not have " + wanted.text() +
                                         " any more: it was trimmed, or min_decryption_version is higher"};
    }
    const KeyVersion found = version_in(report, wanted.version);
    return found == wanted ? Status() : is_another(wanted, found);
  }

  Status is_another(const KeyVersion& wanted, const KeyVersion& found) const {
    return {Code::kWrongKey, "the slot wants " + wanted.text() + "; at " + session_.settings().host + " there is " +
                                 found.text() + ": the key was deleted and made anew"};
  }

  // Coffer id and slot id, where Vault binds them: to any key as associated data, to a derived one as context, too.
  static JsonBody body_with(const WrapContext& context, const KeyVersion& key, bool bind) {
    Bytes ids(context.coffer_id.bytes.begin(), context.coffer_id.bytes.end());
    ids.insert(ids.end(), context.slot_id.bytes.begin(), context.slot_id.bytes.end());
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

  // Whoever wraps may rely on it alone from now on: it is tried before.
  Status opens(const WrapContext& context, const KeyVersion& key, const SecretBytes& raw, const SecretBytes& plaintext,
               Deadline end) {
    COFFER_ASSIGN(const Response answer, decrypt(context, key, raw.reveal(), /*bind=*/true, end));
    const Result<SecretBytes> opened = answer.is_success() ? plaintext_in(answer) : refused(answer, "decrypt");
    if (opened.is_ok() && equal_constant_time(opened.value().reveal(), plaintext.reveal())) return {};
    return {Code::kTampered, describe() + ": what Vault has wrapped it does not open again"};
  }

  // Servers before Vault 1.13 take associated data without a word and ignore it: what they wrapped opens without it.
  // They would be taken at their word after an upgrade, so the wrapping says whether it was bound.
  Result<bool> is_bound(const WrapContext& context, const KeyVersion& key, const SecretBytes& raw, Deadline end) {
    COFFER_ASSIGN(const Response without, decrypt(context, key, raw.reveal(), /*bind=*/false, end));
    return !without.is_success();
  }

  Result<SecretBytes> ciphertext_in(const Response& answer, uint32_t version) const {
    auto view = JsonView::parse(answer.body.reveal());
    if (!view.is_ok()) return view.status().with_context(describe());
    auto text = http::json_text((*view)["data"], "ciphertext", base64_size(kCiphertextSizeMax) + 32);
    if (!text.is_ok()) return text.status().with_context(describe());
    auto raw = ciphertext_of(*text, version);
    if (!raw.is_ok()) return raw.status().with_context(describe());
    return raw;
  }

  Result<SecretBytes> plaintext_in(const Response& answer) const {
    COFFER_ASSIGN(const JsonView view, JsonView::parse(answer.body.reveal()));
    return http::json_base64(view["data"], "plaintext", kServicePlaintextSize);
  }

  // Why Vault did not decrypt. It says so in words only; the key itself tells more reliably, if we may look at it.
  Status why_not(const KeyVersion& wanted, const Response& answer, Deadline end) {
    const auto report = read_key(end);
    if (report.is_ok()) {
      COFFER_TRY(check(*report, wanted));
      return does_not_open(wanted);
    }
    if (report.code() == Code::kNotFound) return gone(wanted);
    if (report.code() != Code::kPermissionDenied) return report.status();
    const std::string said = errors_of(answer);
    const bool unavailable = said.find("key not found") != std::string::npos ||
                             said.find("too old") != std::string::npos || answer.status == 404;
    if (unavailable) return {Code::kKeyUnavailable, describe() + ": " + wanted.text() + " is not available: " + said};
    return does_not_open(wanted);
  }

  Session session_;
};

}  // namespace
}  // namespace vault

Result<std::unique_ptr<RootKeyProvider>> open_vault(const ProviderUri& uri, const ProviderConfig& config) {
  COFFER_ASSIGN(vault::Settings settings, vault::read_settings(uri, config.sealing_key));
  return std::unique_ptr<RootKeyProvider>(new vault::VaultProvider(std::move(settings)));
}

}  // namespace coffer
