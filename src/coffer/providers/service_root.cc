#include "coffer/providers/service_root.h"

#include <algorithm>

#include "coffer/crypto/kdf.h"

namespace coffer {
namespace {

constexpr std::string_view kLabel = "coffer/v1 service wrap";

Result<Sha256> mac_of(const WrapContext& context, ByteView key) {
  Bytes bound(kLabel.begin(), kLabel.end());
  bound.push_back(0);
  const Bytes ids = bytes_of(context);
  bound.insert(bound.end(), ids.begin(), ids.end());
  return hmac_sha256(key, bound);
}

Status check_size(ByteView wrapped) {
  if (!wrapped.empty() && wrapped.size() <= kWrappedKeyringKeySizeMax) return Status::ok();
  return {Code::kTampered, "a wrapped keyring key has 1 to 1024 bytes, not " + std::to_string(wrapped.size())};
}

class ServiceProvider final : public RootAdapter {
 public:
  ServiceProvider(std::string_view scheme, std::unique_ptr<ServiceRoot> root)
      : RootAdapter(scheme, *root), root_(std::move(root)) {}

  Result<RootKeyHandle> current() override {
    auto fields = root_->current();
    return fields.is_ok() ? handle_of(*fields) : failed(fields.status());
  }

  Result<WrappedKeyringKey> wrap(const RootKeyHandle& handle, const WrapContext& context,
                                 const KeyringKey& key) override {
    COFFER_ASSIGN(const KeyFields wanted, fields_of(handle));
    COFFER_ASSIGN(const SecretBytes plaintext, service_plaintext(context, key));
    auto wrapped = root_->encrypt(wanted, context, plaintext);
    if (!wrapped.is_ok()) return failed(wrapped.status(), wanted);
    if (wrapped->size() > kWrappedKeyringKeySizeMax) {
      return failed({Code::kLimitExceeded,
                     "it wraps 64 bytes into " + std::to_string(wrapped->size()) + "; a slot has room for 1024"},
                    wanted);
    }
    const Status proved = prove(wanted, context, *wrapped, plaintext);
    if (!proved.is_ok()) return failed(proved, wanted);
    return WrappedKeyringKey{kWrapAlgorithmService, std::move(*wrapped)};
  }

  Result<KeyringKey> unwrap(const RootKeyHandle& handle, const WrapContext& context,
                            const WrappedKeyringKey& wrapped) override {
    COFFER_ASSIGN(const KeyFields wanted, fields_of(handle));
    auto key = open(wanted, context, wrapped);
    return key.is_ok() ? std::move(key) : failed(key.status(), wanted);
  }

 private:
  std::optional<std::string> text_of(const KeyFields& fields) const override { return root_->describe(fields); }

  Result<KeyringKey> open(const KeyFields& wanted, const WrapContext& context, const WrappedKeyringKey& wrapped) {
    if (wrapped.algorithm != kWrapAlgorithmService) {
      return {Code::kUnsupported, "its keyring key was wrapped with a root key at hand, not by a key service"};
    }
    COFFER_TRY(check_size(wrapped.bytes));
    COFFER_ASSIGN(const SecretBytes plaintext, root_->decrypt(wanted, context, wrapped.bytes));
    return keyring_key_of(context, plaintext);
  }

  // Whoever wraps may rely on it alone from now on: it is tried before.
  Status prove(const KeyFields& wanted, const WrapContext& context, ByteView wrapped, const SecretBytes& plaintext) {
    COFFER_TRY(check_size(wrapped));
    const auto opened = root_->decrypt(wanted, context, wrapped);
    if (opened.is_ok() && equal_constant_time(opened->reveal(), plaintext.reveal())) return Status::ok();
    const Code code = opened.is_ok() || opened.code() == Code::kWrongKey ? Code::kTampered : opened.code();
    const std::string how = opened.is_ok() ? "it opens to something else" : std::string(opened.status().message());
    return {code, "what was wrapped does not open again, so it is not used: " + how};
  }

  const std::unique_ptr<ServiceRoot> root_;
};

}  // namespace

std::unique_ptr<RootKeyProvider> make_provider(std::string_view scheme, std::unique_ptr<ServiceRoot> root) {
  return std::make_unique<ServiceProvider>(scheme, std::move(root));
}

Bytes bytes_of(const WrapContext& context) {
  Bytes out(context.coffer_id.bytes.begin(), context.coffer_id.bytes.end());
  out.insert(out.end(), context.slot_id.bytes.begin(), context.slot_id.bytes.end());
  return out;
}

Result<SecretBytes> service_plaintext(const WrapContext& context, const KeyringKey& key) {
  COFFER_ASSIGN(const Sha256 mac, mac_of(context, key.reveal()));
  SecretBytes out(kServicePlaintextSize);
  const auto rest = std::copy(key.reveal().begin(), key.reveal().end(), out.reveal_mutable().begin());
  std::copy(mac.begin(), mac.end(), rest);
  return out;
}

Result<KeyringKey> keyring_key_of(const WrapContext& context, const SecretBytes& service_plaintext) {
  if (service_plaintext.size() != kServicePlaintextSize) {
    return {Code::kTampered, "what the key service unwrapped is no keyring key, by its size"};
  }
  const ByteView key = service_plaintext.reveal().first(kKeyringKeySize);
  COFFER_ASSIGN(const Sha256 mac, mac_of(context, key));
  if (!equal_constant_time(mac, service_plaintext.reveal().subspan(kKeyringKeySize))) {
    return {Code::kWrongKey, "what the key service unwrapped was wrapped for another slot or coffer"};
  }
  return KeyringKey::copy_of(key);
}

}  // namespace coffer
