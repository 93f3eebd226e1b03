// Root keys in AWS KMS: docs/providers/aws-kms.md; bytes in docs/format.md, section 7.
#include "coffer/config/provider_config.h"
#include "coffer/net/http/json_body.h"
#include "coffer/providers/aws_kms/kms.h"
#include "coffer/providers/service_root.h"

namespace coffer {
namespace aws_kms {
namespace {

using http::JsonBody;
using http::JsonView;

constexpr size_t kArnSizeMax = 400;

// Fields: the key's ARN.
class AwsKmsRoot final : public ServiceRoot {
 public:
  explicit AwsKmsRoot(Settings settings) : kms_(std::move(settings)) {}

  Result<KeyFields> current() override {
    COFFER_ASSIGN(const KmsAnswer answer, ask("DescribeKey", JsonBody().text("KeyId", kms_.settings().key)));
    COFFER_TRY(refusal(answer, "describe it"));
    const JsonView key = answer.json["KeyMetadata"];
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
    JsonBody body = body_with(context, key[0]);
    body.base64("Plaintext", plaintext.reveal());
    COFFER_ASSIGN(const KmsAnswer answer, ask("Encrypt", body));
    COFFER_TRY(refusal(answer, "wrap"));
    COFFER_TRY(check_key_id(answer, key[0]));
    COFFER_ASSIGN(const SecretBytes blob, http::json_base64(answer.json, "CiphertextBlob", kWrappedKeyringKeySizeMax));
    return Bytes(blob.reveal().begin(), blob.reveal().end());
  }

  Result<SecretBytes> decrypt(const KeyFields& key, const WrapContext& context, ByteView ciphertext) override {
    JsonBody body = body_with(context, key[0]);
    body.base64("CiphertextBlob", ciphertext);
    COFFER_ASSIGN(const KmsAnswer answer, ask("Decrypt", body));
    COFFER_TRY(refusal(answer, "unwrap"));
    COFFER_TRY(check_key_id(answer, key[0]));
    return http::json_base64(answer.json, "Plaintext", kServicePlaintextSize);
  }

  std::string uri() const override { return kms_.settings().uri; }
  std::string describe() const override {
    return "AWS KMS key " + kms_.settings().key + " in " + kms_.settings().region;
  }
  std::optional<std::string> describe(const KeyFields& key) const override {
    if (key.size() != 1 || !key[0].starts_with("arn:") || key[0].size() > kArnSizeMax) return std::nullopt;
    return http::printable(key[0]);
  }

 private:
  Result<KmsAnswer> ask(const std::string& operation, JsonBody& body) {
    return kms_.ask(operation, body.take(), http::deadline_from_now(kms_.settings().http));
  }

  static Result<std::string> member(const JsonView& object, std::string_view name) {
    return http::json_text(object, name, kArnSizeMax);
  }

  // The context must be the same to decrypt; CloudTrail shows it.
  static JsonBody body_with(const WrapContext& context, const std::string& arn) {
    JsonBody body;
    body.text("KeyId", arn).open("EncryptionContext");
    body.text("coffer", context.coffer_id.hex()).text("slot", context.slot_id.hex()).close();
    return body;
  }

  static Status check_key_id(const KmsAnswer& answer, const std::string& arn) {
    COFFER_ASSIGN(const std::string used, member(answer.json, "KeyId"));
    if (used == arn) return {};
    return {Code::kTampered, "KMS used " + http::printable(used) + " instead of " + http::printable(arn)};
  }

  static Status refusal(const KmsAnswer& answer, std::string_view what) {
    if (answer.is_success()) return Status::ok();
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

  Kms kms_;
};

}  // namespace
}  // namespace aws_kms

Result<std::unique_ptr<RootKeyProvider>> open_aws_kms(const ProviderUri& uri, const ProviderConfig&) {
  COFFER_ASSIGN(aws_kms::Settings settings, aws_kms::read_settings(uri));
  return make_provider("aws-kms", std::make_unique<aws_kms::AwsKmsRoot>(std::move(settings)));
}

}  // namespace coffer
