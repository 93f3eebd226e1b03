#include "coffer/providers/local_wrap.h"

#include "coffer/crypto/kdf.h"
#include "coffer/crypto/key_wrap.h"

namespace coffer {
namespace {

// label ‖ 0x00 ‖ context: the info of both derivations from a root key.
Bytes info_of(std::string_view label, ByteView context) {
  Bytes info(label.begin(), label.end());
  info.push_back(0);
  info.insert(info.end(), context.begin(), context.end());
  return info;
}

Result<WrapKey> wrap_key_of(const RootKey& root, const WrapContext& context) {
  SecretBytes key(kKeyringKeyBytes);
  COFFER_TRY(hkdf_sha256(root.reveal(), context.coffer_id.view(),
                         info_of("coffer/v1 root wrap", context.slot_id.view()), key.reveal_mutable()));
  return WrapKey(std::move(key));
}

}  // namespace

Result<RootFingerprint> fingerprint_of(const RootKey& root) {
  RootFingerprint out;
  COFFER_TRY(hkdf_sha256(root.reveal(), {}, info_of("coffer/v1 root fingerprint", {}), out));
  return out;
}

Result<WrappedKeyringKey> wrap_locally(const RootKey& root, const WrapContext& context, const KeyringKey& key) {
  COFFER_ASSIGN(WrapKey wrap_key, wrap_key_of(root, context));
  WrappedKeyringKey wrapped;
  wrapped.algorithm = kWrapAlgorithmLocal;
  COFFER_ASSIGN(wrapped.bytes, kwp_wrap(wrap_key, key.reveal()));
  return wrapped;
}

Result<KeyringKey> unwrap_locally(const RootKey& root, const WrapContext& context, const WrappedKeyringKey& wrapped) {
  if (wrapped.algorithm != kWrapAlgorithmLocal) {
    return {Code::kUnsupported, "the keyring key was wrapped by a key service, not under a root key that is at hand"};
  }
  if (wrapped.bytes.size() != wrapped_size(kKeyringKeyBytes)) {
    return {Code::kTampered, "what the slot holds is no wrapped keyring key, by its size"};
  }
  COFFER_ASSIGN(WrapKey wrap_key, wrap_key_of(root, context));
  COFFER_ASSIGN(SecretBytes key, kwp_unwrap(wrap_key, wrapped.bytes));
  if (key.size() != kKeyringKeyBytes) return {Code::kTampered, "what the slot wraps is no keyring key"};
  return KeyringKey(std::move(key));
}

}  // namespace coffer
