#include "coffer/providers/aws_kms/aws_kms_provider.h"

#include "coffer/base/codec.h"
#include "coffer/crypto/kdf.h"
#include "coffer/net/http/json_body.h"
#include "coffer/providers/aws_kms/kms.h"
#include "coffer/providers/service_wrap.h"

namespace coffer {
namespace aws_kms {
namespace {

using http::Deadline;
using http::JsonBody;
using http::JsonView;

constexpr uint8_t kArn = 1;
constexpr size_t kArnSizeMax = 400;
constexpr size_t kCiphertextSizeMax = 1024;

RootKeyHandle encode(const std::string& arn) {
  RootKeyHandle handle;
  handle.bytes.resize(1 + arn.size());
  Writer writer(handle.bytes);
  writer.u8(kArn);
  writer.bytes(as_bytes(arn));
  return handle;
}

std::optional<std::string> decode(const RootKeyHandle& handle) {
  Reader reader(handle.bytes);
  const uint8_t type = reader.u8();
  std::string arn(as_text(reader.bytes(reader.remaining())));
  if (!reader.finished() || type != kArn || !arn.starts_with("arn:") || arn.size() > kArnSizeMax) return std::nullopt;
  return arn;
}

class AwsKmsProvider final : public RootKeyProvider {
 public:
  explicit AwsKmsProvider(Settings settings) : kms_(std::move(settings)) {}

  Result<RootKeyHandle> current() override {
    COFFER_ASSIGN(const KmsAnswer answer,
                  kms_.ask("DescribeKey", JsonBody().text("KeyId", kms_.settings().key).take(), deadline()));
    if (answer.error == "NotFoundException") {
      return {Code::kNotFound,
              "there is no " + describe() + " (" + answer.said + "); make it with: aws kms create-key"};
    }
    if (!answer.is_success()) return refused(answer, "describe it");
    const JsonView key = answer.json["KeyMetadata"];
    COFFER_ASSIGN(const std::string arn, member(key, "Arn"));
    COFFER_ASSIGN(const std::string state, member(key, "KeyState"));
    COFFER_ASSIGN(const std::string usage, member(key, "KeyUsage"));
    const std::string spec = key["KeySpec"].text(64).value_or(key["CustomerMasterKeySpec"].text(64).value_or("?"));
    if (!decode(encode(arn)).has_value()) return {Code::kTampered, describe() + ": its Arn is none"};
    if (usage != "ENCRYPT_DECRYPT" || spec != "SYMMETRIC_DEFAULT") {
      return {Code::kInvalidArgument, describe() + " is a " + http::printable(spec) + " key for " +
                                          http::printable(usage) + "; expected SYMMETRIC_DEFAULT for ENCRYPT_DECRYPT"};
    }
    if (state != "Enabled") {
      return {Code::kKeyUnavailable, describe() + " is in state " + http::printable(state) + "; enable it first"};
    }
    return encode(arn);
  }

  Result<WrappedKeyringKey> wrap(const RootKeyHandle& handle, const WrapContext& context,
                                 const KeyringKey& key) override {
    const Deadline end = deadline();
    COFFER_ASSIGN(const std::string arn, own(handle));
    COFFER_ASSIGN(const SecretBytes plaintext, service_plaintext(context, key));
    JsonBody body = body_with(context, arn);
    body.base64("Plaintext", plaintext.reveal());
    COFFER_ASSIGN(const KmsAnswer answer, kms_.ask("Encrypt", body.take(), end));
    if (!answer.is_success()) return refused_for(answer, arn, "wrap");
    COFFER_TRY(check_key_id(answer, arn));
    auto blob = http::json_base64(answer.json, "CiphertextBlob", kCiphertextSizeMax);
    if (!blob.is_ok()) return blob.status().with_context(describe());
    if (blob->empty()) return {Code::kTampered, describe() + ": the answer's CiphertextBlob is empty"};
    // Whoever wraps may rely on it alone from now on: it is tried before.
    auto opened = decrypt(arn, context, blob->reveal(), end);
    if (!opened.is_ok()) return opened.status().with_context("what was wrapped does not open again");
    if (!equal_constant_time(opened->reveal(), plaintext.reveal())) {
      return {Code::kTampered, describe() + ": what KMS has wrapped opens to something else"};
    }
    return WrappedKeyringKey{kWrapAlgorithmService, Bytes(blob->reveal().begin(), blob->reveal().end())};
  }

  Result<KeyringKey> unwrap(const RootKeyHandle& handle, const WrapContext& context,
                            const WrappedKeyringKey& wrapped) override {
    if (wrapped.algorithm != kWrapAlgorithmService) {
      return {Code::kUnsupported, describe() + ": the keyring key was wrapped locally, not by a key service"};
    }
    COFFER_ASSIGN(const std::string arn, own(handle));
    if (wrapped.bytes.empty()) {
      return {Code::kTampered, describe() + ": the wrapped keyring key has no bytes; the slot was altered"};
    }
    COFFER_ASSIGN(const SecretBytes plaintext, decrypt(arn, context, wrapped.bytes, deadline()));
    auto key = keyring_key_of(context, plaintext);
    if (!key.is_ok()) return key.status().with_context(describe());
    return key;
  }

  std::string uri() const override { return uri_of(kms_.settings()); }

  std::string describe() const override {
    return "AWS KMS key " + kms_.settings().key + " in " + kms_.settings().region;
  }

  std::string describe(const RootKeyHandle& handle) const override {
    const std::optional<std::string> arn = decode(handle);
    return arn.has_value() ? http::printable(*arn) : "a handle that is no AWS KMS key's";
  }

 private:
  Deadline deadline() const { return http::deadline_from_now(kms_.settings().http); }

  Result<std::string> own(const RootKeyHandle& handle) const {
    std::optional<std::string> arn = decode(handle);
    if (arn.has_value()) return std::move(*arn);
    return {Code::kWrongKey, "the slot wants " + describe(handle) + ", which " + describe() + " cannot be"};
  }

  Result<std::string> member(const JsonView& object, std::string_view name) const {
    auto text = http::json_text(object, name, kArnSizeMax);
    if (!text.is_ok()) return text.status().with_context(describe());
    return text;
  }

  // The context must be the same to decrypt; CloudTrail shows it.
  static JsonBody body_with(const WrapContext& context, const std::string& arn) {
    JsonBody body;
    body.text("KeyId", arn).open("EncryptionContext");
    body.text("coffer", context.coffer_id.hex()).text("slot", context.slot_id.hex()).close();
    return body;
  }

  Result<SecretBytes> decrypt(const std::string& arn, const WrapContext& context, ByteView blob, Deadline end) {
    JsonBody body = body_with(context, arn);
    body.base64("CiphertextBlob", blob);
    COFFER_ASSIGN(const KmsAnswer answer, kms_.ask("Decrypt", body.take(), end));
    if (!answer.is_success()) return refused_for(answer, arn, "unwrap");
    COFFER_TRY(check_key_id(answer, arn));
    auto plaintext = http::json_base64(answer.json, "Plaintext", kServicePlaintextSize);
    if (!plaintext.is_ok()) return plaintext.status().with_context(describe());
    return plaintext;
  }

  Status check_key_id(const KmsAnswer& answer, const std::string& arn) const {
    COFFER_ASSIGN(const std::string used, member(answer.json, "KeyId"));
    if (used == arn) return {};
    return {Code::kTampered,
            describe() + ": KMS used " + http::printable(used) + " instead of " + http::printable(arn)};
  }

  Status refused(const KmsAnswer& answer, std::string_view what) const {
    return {Code::kInvalidArgument,
            describe() + ": KMS refuses to " + std::string(what) + " (" + answer.error + ": " + answer.said + ")"};
  }

  // A no to Encrypt or Decrypt with the slot's key.
  Status refused_for(const KmsAnswer& answer, const std::string& arn, std::string_view what) const {
    const std::string key = "the slot's key " + http::printable(arn);
    const std::string said = " (" + answer.error + ": " + answer.said + ")";
    if (answer.error == "NotFoundException" || answer.error == "InvalidArnException") {
      return {Code::kKeyUnavailable, key + " is not there any more" + said + "; open the keyring by another slot"};
    }
    if (answer.error == "DisabledException") {
      return {Code::kKeyUnavailable, key + " is disabled" + said + "; run aws kms enable-key"};
    }
    if (answer.error == "KMSInvalidStateException") {
      return {Code::kKeyUnavailable, key + " is in a state that does not let it be used" + said +
                                         "; if its deletion is pending: aws kms cancel-key-deletion"};
    }
    if (answer.error == "IncorrectKeyException" || answer.error == "InvalidCiphertextException") {
      return {Code::kWrongKey,
              key + " does not open the slot's keyring key" + said + ": the slot was altered, or is another coffer's"};
    }
    return refused(answer, what);
  }

  Kms kms_;
};

}  // namespace
}  // namespace aws_kms

Result<std::unique_ptr<RootKeyProvider>> open_aws_kms(const ProviderUri& uri, const ProviderConfig&) {
  COFFER_ASSIGN(aws_kms::Settings settings, aws_kms::read_settings(uri));
  return std::unique_ptr<RootKeyProvider>(new aws_kms::AwsKmsProvider(std::move(settings)));
}

}  // namespace coffer
