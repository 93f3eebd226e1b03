// Root keys in AWS KMS (its JSON protocol): docs/providers/aws-kms.md; bytes in docs/format.md, section 7.
#include <algorithm>

#include "coffer/config/provider_config.h"
#include "coffer/net/http/json_body.h"
#include "coffer/providers/aws_kms/credentials.h"
#include "coffer/providers/service_root.h"

namespace coffer {
namespace aws_kms {
namespace {

using http::JsonBody;
using http::JsonView;
using http::Response;

constexpr size_t kArnSizeMax = 400;

struct KmsAnswer {
  Response response;
  std::string error;  // "NotFoundException"; empty: success
  std::string said;   // in KMS's words

  std::string text() const { return error + (said.empty() ? "" : ": " + said); }
};

template <size_t kCount>
bool is_one_of(const std::string& text, const std::string_view (&list)[kCount]) {
  return std::find(std::begin(list), std::end(list), text) != std::end(list);
}

// "NotFoundException" of "com.amazonaws.kms#NotFoundException" or "NotFoundException:http://…".
std::string error_of(const Response& response) {
  std::string type = response.json()["__type"].text(256).value_or(std::string(response.header("x-amzn-errortype")));
  type = type.substr(type.find('#') == std::string::npos ? 0 : type.find('#') + 1);
  type = http::printable(type.substr(0, type.find(':')));
  return type.empty() ? "HTTP " + std::to_string(response.status) : type;
}

bool is_throttling(const std::string& error) {
  constexpr std::string_view kErrors[] = {"ThrottlingException", "Throttling", "TooManyRequestsException",
                                          "RequestLimitExceeded"};
  return is_one_of(error, kErrors);
}

// KMS throttles with HTTP 400.
bool is_transient(const Response& response) {
  return http::is_transient_status(response) || (response.status == 400 && is_throttling(error_of(response)));
}

bool are_credentials_refused(const std::string& error) {
  constexpr std::string_view kErrors[] = {"UnrecognizedClientException",
                                          "InvalidClientTokenId",
                                          "InvalidSignatureException",
                                          "SignatureDoesNotMatch",
                                          "IncompleteSignature",
                                          "IncompleteSignatureException",
                                          "MissingAuthenticationToken",
                                          "MissingAuthenticationTokenException",
                                          "ExpiredTokenException",
                                          "ExpiredToken",
                                          "RequestExpired",
                                          "OptInRequired"};
  return is_one_of(error, kErrors);
}

// No's that tell something of the key; what they mean depends on what was asked.
bool concerns_the_key(const std::string& error) {
  constexpr std::string_view kErrors[] = {
      "NotFoundException",     "DisabledException",          "KMSInvalidStateException",
      "IncorrectKeyException", "InvalidCiphertextException", "InvalidKeyUsageException",
      "InvalidArnException",   "ValidationException",        "UnsupportedOperationException"};
  return is_one_of(error, kErrors);
}

// Fields: the key's ARN. KMS is always asked for the key of the URI, and says of which key its answer is.
class AwsKmsRoot final : public ServiceRoot {
 public:
  explicit AwsKmsRoot(Settings settings) : settings_(std::move(settings)) {}

  Result<KeyFields> current() override {
    COFFER_ASSIGN(const KmsAnswer answer, describe_key());
    const JsonView key = answer.response.json()["KeyMetadata"];
    COFFER_ASSIGN(const std::string arn, member(key, "Arn"));
    COFFER_ASSIGN(const std::string state, member(key, "KeyState"));
    COFFER_ASSIGN(const std::string usage, member(key, "KeyUsage"));
    const std::string spec = key["KeySpec"].text(64).value_or(key["CustomerMasterKeySpec"].text(64).value_or("?"));
    if (usage != "ENCRYPT_DECRYPT" || spec != "SYMMETRIC_DEFAULT") {
      return {Code::kInvalidArgument, "it is a " + http::printable(spec) + " key for " + http::printable(usage) +
                                          "; expected SYMMETRIC_DEFAULT for ENCRYPT_DECRYPT"};
    }
    if (state != "Enabled") {
      return {Code::kKeyUnavailable, "it is in state " + http::printable(state) + "; enable it first"};
    }
    return KeyFields{arn};
  }

  Result<Bytes> encrypt(const KeyFields& key, const WrapContext& context, const SecretBytes& plaintext) override {
    JsonBody body = body_with(context);
    body.base64("Plaintext", plaintext.reveal());
    COFFER_ASSIGN(const KmsAnswer answer, ask("Encrypt", body));
    COFFER_TRY(refusal(answer, "wrap"));
    COFFER_TRY(check_key_id(answer, key[0]));
    COFFER_ASSIGN(const SecretBytes blob,
                  http::json_base64(answer.response.json(), "CiphertextBlob", kServiceWrappedSizeMax));
    return Bytes(blob.reveal().begin(), blob.reveal().end());
  }

  Result<SecretBytes> decrypt(const KeyFields& key, const WrapContext& context, ByteView ciphertext) override {
    JsonBody body = body_with(context);
    body.base64("CiphertextBlob", ciphertext);
    COFFER_ASSIGN(const KmsAnswer answer, ask("Decrypt", body));
    const Status refused = refusal(answer, "unwrap");
    if (refused.code() == Code::kWrongKey) COFFER_TRY(check_target(key[0]));
    COFFER_TRY(refused);
    COFFER_TRY(check_key_id(answer, key[0]));
    return http::json_base64(answer.response.json(), "Plaintext", kServicePlaintextSize);
  }

  std::string uri() const override { return settings_.uri; }
  std::string describe() const override { return "AWS KMS key " + settings_.key + " in " + settings_.region; }
  std::optional<std::string> describe(const KeyFields& key) const override {
    if (key.size() != 1 || key[0].size() > kArnSizeMax || !parse_arn(key[0]).has_value()) return std::nullopt;
    return http::printable(key[0]);
  }

 private:
  Status check_within(const KeyFields& key) const override {
    const Arn arn = *parse_arn(key[0]);
    if (arn.region != settings_.region && !arn.is_multi_region()) return outside("a key in " + settings_.region);
    const std::optional<Arn> named = parse_arn(settings_.key);
    const bool same_owner = !named.has_value() || (named->partition == arn.partition && named->account == arn.account);
    const std::string resource = named.has_value() ? named->resource : settings_.key;
    // What an alias leads to, KMS says.
    const bool same_key = resource.starts_with("alias/") || without_kind(resource) == without_kind(arn.resource);
    return same_owner && same_key ? Status::ok() : outside("key " + settings_.key);
  }

  // A success.
  Result<KmsAnswer> describe_key() {
    COFFER_ASSIGN(KmsAnswer answer, ask("DescribeKey", JsonBody().text("KeyId", settings_.key)));
    COFFER_TRY(refusal(answer, "describe it"));
    return answer;
  }

  // Whether the URI's key is still the one of that ARN, as far as we may know: an alias may have been moved.
  Status check_target(const std::string& arn) {
    const auto answer = describe_key();
    if (!answer.is_ok()) return Status::ok();
    COFFER_ASSIGN(const std::string found, member(answer->response.json()["KeyMetadata"], "Arn"));
    return found == in_this_region(arn) ? Status::ok() : another(found);
  }

  std::string in_this_region(const std::string& arn) const {
    Arn out = *parse_arn(arn);
    out.region = settings_.region;
    return out.text();
  }

  static Status another(const std::string& found) {
    return outside(http::printable(found) +
                   " (if its alias was moved: name the slot's key by its ARN until the root "
                   "is rotated)");
  }

  // KMS's yes, or a no that has to do with the key. `operation` is KMS's: "Decrypt".
  Result<KmsAnswer> ask(const std::string& operation, JsonBody& body) {
    const http::Deadline deadline = http::deadline_from_now(settings_.http);
    const SecretBytes contents = body.take();
    std::string origin;
    COFFER_ASSIGN(KmsAnswer answer,
                  credentials_.ask(
                      deadline, [&] { return find_credentials(settings_, deadline); },
                      [&](const Credentials& credentials) {
                        origin = credentials.origin;
                        return send(operation, contents, credentials, deadline);
                      },
                      [](const KmsAnswer& refused) { return are_credentials_refused(refused.error); }));
    if (answer.error.empty() || concerns_the_key(answer.error)) return answer;
    return failure(operation, answer, origin);
  }

  Result<KmsAnswer> send(const std::string& operation, const SecretBytes& body, const Credentials& credentials,
                         http::Deadline deadline) const {
    http::Request request;
    request.method = "POST";
    request.url = settings_.kms_address() + "/";
    request.headers = {{"Content-Type", "application/x-amz-json-1.1"}, {"X-Amz-Target", "TrentService." + operation}};
    if (!credentials.session_token.empty()) {
      request.secret_headers.push_back({"X-Amz-Security-Token", credentials.session_token.clone()});
    }
    request.body = body.clone();
    request.is_transient = is_transient;
    request.aws_signature = {settings_.region, "kms", credentials.access_key_id, credentials.secret_access_key.clone()};
    KmsAnswer answer;
    COFFER_ASSIGN(answer.response, http::send(settings_.http, request, deadline));
    const JsonView json = answer.response.json();
    if (answer.response.is_success()) {
      if (json.is_object()) return answer;
      return {Code::kTampered, where() + ": the answer is not a JSON object"};
    }
    answer.error = error_of(answer.response);
    const JsonView message = json["message"].exists() ? json["message"] : json["Message"];
    answer.said = http::printable(message.text(4096).value_or(""));
    return answer;
  }

  // A no that has not to do with the key.
  Status failure(const std::string& operation, const KmsAnswer& answer, const std::string& origin) const {
    if (are_credentials_refused(answer.error)) {
      const bool late =
          answer.said.find("expired") != std::string::npos || answer.said.find("not yet current") != std::string::npos;
      return {Code::kPermissionDenied,
              where() + " refuses the credentials from " + origin + " (" + answer.text() + ")" +
                  (late && answer.error == "InvalidSignatureException" ? "; is this machine's clock right?" : "")};
    }
    if (answer.error == "AccessDeniedException" || answer.error == "AccessDenied") {
      return {Code::kPermissionDenied, where() + " does not allow kms:" + operation + " with the credentials from " +
                                           origin + " (" + answer.text() + ")"};
    }
    return {Code::kProviderUnavailable, where() + " cannot " + operation + " now (" + answer.text() + ")"};
  }

  std::string where() const { return "AWS KMS at " + http::host_of_url(settings_.kms_address()).value(); }

  static Result<std::string> member(const JsonView& object, std::string_view name) {
    return http::json_text(object, name, kArnSizeMax);
  }

  // The context must be the same to decrypt; CloudTrail shows it.
  JsonBody body_with(const WrapContext& context) const {
    JsonBody body;
    body.text("KeyId", settings_.key).open("EncryptionContext");
    body.text("coffer", context.coffer_id.hex()).text("slot", context.slot_id.hex()).close();
    return body;
  }

  Status check_key_id(const KmsAnswer& answer, const std::string& arn) const {
    COFFER_ASSIGN(const std::string used, member(answer.response.json(), "KeyId"));
    return used == in_this_region(arn) ? Status::ok() : another(used);
  }

  static Status refusal(const KmsAnswer& answer, std::string_view what) {
    if (answer.error.empty()) return Status::ok();
    const std::string said = answer.error + ": " + answer.said;
    if (answer.error == "NotFoundException" || answer.error == "InvalidArnException") {
      return {Code::kNotFound, "there is no such key (" + said +
                                   "); make it with aws kms create-key, or open the "
                                   "keyring by another slot"};
    }
    if (answer.error == "DisabledException") {
      return {Code::kKeyUnavailable, "it is disabled (" + said + "); run aws kms enable-key"};
    }
    if (answer.error == "KMSInvalidStateException") {
      return {Code::kKeyUnavailable, "it is in a state that does not let it be used (" + said +
                                         "); if its deletion is pending: aws kms cancel-key-deletion"};
    }
    if (answer.error == "IncorrectKeyException" || answer.error == "InvalidCiphertextException") {
      return does_not_open(said);
    }
    return {Code::kInvalidArgument, "KMS refuses to " + std::string(what) + " (" + said + ")"};
  }

  const Settings settings_;
  CredentialStore credentials_{std::chrono::seconds(300)};
};

}  // namespace
}  // namespace aws_kms

Result<std::unique_ptr<RootKeyProvider>> open_aws_kms(const ProviderUri& uri, const ProviderConfig&) {
  COFFER_ASSIGN(aws_kms::Settings settings, aws_kms::read_settings(uri));
  return make_provider("aws-kms", std::make_unique<aws_kms::AwsKmsRoot>(std::move(settings)));
}

}  // namespace coffer
