// A provider whose root key stays where it is and wraps there (PKCS#11, cloud KMS, KMIP Encrypt): by wrap algorithm 2
// of docs/format.md, section 7. Few services bind a wrapping to its context, and none in the same way; so the context
// is bound inside what is wrapped, whatever the service does besides.
#pragma once

#include "coffer/keys/keyring.h"  // limits of a slot
#include "coffer/providers/root.h"

namespace coffer {

inline constexpr uint8_t kWrapAlgorithmService = 2;
inline constexpr size_t kServicePlaintextSize = 64;
inline constexpr size_t kServiceWrappedSizeMax = 1024;

class ServiceRoot : public Root {
 public:
  // The key that the URI stands for now. kNotFound, kPermissionDenied, kInvalidArgument, kProviderUnavailable.
  virtual Result<KeyFields> current() = 0;
  // 64 bytes, under that key and no other; bound to `context` too where the service can do that. kNotFound when the
  // key is gone, kKeyUnavailable when it must not wrap.
  virtual Result<Bytes> encrypt(const KeyFields& key, const WrapContext& context, const SecretBytes& plaintext) = 0;
  // 1 to 1024 bytes. kNotFound when the key is gone, does_not_open() when it does not open them.
  virtual Result<SecretBytes> decrypt(const KeyFields& key, const WrapContext& context, ByteView ciphertext) = 0;

  uint8_t wrap_algorithm() const final { return kWrapAlgorithmService; }
  std::optional<std::string> fingerprint_in(const KeyFields&) const final { return std::nullopt; }
  Result<KeyFields> fields_now() final { return current(); }
  std::optional<std::string> text_of(const KeyFields& handle_fields) const final { return describe(handle_fields); }
  Result<Bytes> wrap(const KeyFields& wanted, const WrapContext& context, const KeyringKey& key) final;
  Result<KeyringKey> unwrap(const KeyFields& wanted, const WrapContext& context, ByteView wrapped) final;
  // By having it wrap something: no service says more reliably that it would.
  Status check(const KeyFields& wanted) override;

 private:
  Status prove(const KeyFields& wanted, const WrapContext& context, ByteView wrapped, const SecretBytes& plaintext);
};

// Coffer id ‖ slot id, for services that take bytes to bind.
Bytes bytes_of(const WrapContext& context);

// The keyring key and its MAC over the context: what a service gets to wrap.
Result<SecretBytes> service_plaintext(const WrapContext& context, const KeyringKey& key);
// What the service unwrapped. kTampered when it has another size, kWrongKey when it was made for another context.
Result<KeyringKey> keyring_key_of(const WrapContext& context, const SecretBytes& service_plaintext);

}  // namespace coffer
