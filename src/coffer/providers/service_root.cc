#include "coffer/providers/service_root.h"

#include <algorithm>

#include "coffer/crypto/kdf.h"
#include "coffer/crypto/random.h"

namespace coffer {
namespace {

Result<Sha256> mac_of(const WrapContext& context, ByteView key) {
  return hmac_sha256(key, labelled("coffer/v1 service wrap", bytes_of(context)));
}

Status check_size(ByteView wrapped) {
  if (!wrapped.empty() && wrapped.size() <= kServiceWrappedSizeMax) return Status::ok();
  return {Code::kTampered, "a wrapped keyring key has 1 to 1024 bytes, not " + std::to_string(wrapped.size())};
}

}  // namespace

Result<Bytes> ServiceRoot::wrap(const KeyFields& wanted, const WrapContext& context, const KeyringKey& key) {
  COFFER_TRY(check_within(wanted));
  COFFER_ASSIGN(const SecretBytes plaintext, service_plaintext(context, key));
  COFFER_ASSIGN(Bytes wrapped, encrypt(wanted, context, plaintext));
  if (wrapped.size() > kServiceWrappedSizeMax) {
    return {Code::kLimitExceeded,
            "it wraps 64 bytes into " + std::to_string(wrapped.size()) + "; a slot has room for 1024"};
  }
  COFFER_TRY(prove(wanted, context, wrapped, plaintext));
  return wrapped;
}

Result<KeyringKey> ServiceRoot::unwrap(const KeyFields& wanted, const WrapContext& context, ByteView wrapped) {
  COFFER_TRY(check_size(wrapped));
  COFFER_TRY(check_within(wanted));
  COFFER_ASSIGN(const SecretBytes plaintext, decrypt(wanted, context, wrapped));
  return keyring_key_of(context, plaintext);
}

Status ServiceRoot::check(const KeyFields& wanted) {
  COFFER_TRY(check_within(wanted));
  COFFER_ASSIGN(const SecretBytes something, random_secret(kServicePlaintextSize));
  return encrypt(wanted, {}, something).status();
}

// Whoever wraps may rely on it alone from now on: it is tried before.
Status ServiceRoot::prove(const KeyFields& wanted, const WrapContext& context, ByteView wrapped,
                          const SecretBytes& plaintext) {
  COFFER_TRY(check_size(wrapped));
  const auto opened = decrypt(wanted, context, wrapped);
  if (opened.is_ok() && equal_constant_time(opened->reveal(), plaintext.reveal())) return Status::ok();
  const Code code = opened.is_ok() || opened.code() == Code::kWrongKey ? Code::kTampered : opened.code();
  const std::string how = opened.is_ok() ? "it opens to something else" : std::string(opened.status().message());
  return {code, "what was wrapped does not open again, so it is not used: " + how};
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
