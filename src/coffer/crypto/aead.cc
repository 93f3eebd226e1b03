#include "coffer/crypto/aead.h"

#include "coffer/base/codec.h"
#include "coffer/crypto/kdf.h"
#include "coffer/crypto/nonce_audit.h"

namespace coffer {

Result<std::unique_ptr<AeadKey>> AeadKey::create(Suite suite, ByteView key, const CryptoBackend& backend,
                                                 Expansion expansion) {
  const SuiteInfo* info = find_suite(static_cast<uint8_t>(suite));
  if (info == nullptr || info->mode != CipherMode::kAead) {
    return {Code::kInvalidArgument, "sealing needs an authenticated suite, such as aes-256-gcm"};
  }
  if (key.size() != info->key_size) {
    return {Code::kInvalidArgument, std::string(info->name) + " needs a key of " + std::to_string(info->key_size) +
                                        " bytes, not " + std::to_string(key.size())};
  }
  auto out = backend.aead_key(suite, key, expansion);
  if (out == nullptr) return not_offered(backend, info->name);
  COFFER_TRY(out->know_for_audit(key));
  return out;
}

bool AeadKey::replace(ByteView key) { return do_replace(key) && know_for_audit(key).is_ok(); }

Result<std::unique_ptr<AeadKey>> AeadKey::create(Suite suite, ByteView key, Expansion expansion) {
  COFFER_ASSIGN(const CryptoBackend* backend, crypto_backend(suite));
  return create(suite, key, *backend, expansion);
}

Status AeadKey::seal(const Nonce& nonce, ByteView associated, ByteView plaintext, uint8_t* out, uint8_t* tag) const {
  if (plaintext.size() > kMessageSizeMax || associated.size() > kMessageSizeMax) {
    return {Code::kLimitExceeded, "a message to seal is longer than 1 GiB"};
  }
  if (!process_.is_here()) return process_.usable();
  if (do_seal(nonce, associated, plaintext, out, tag)) return Status::ok();
  wipe(out, plaintext.size());
  wipe(tag, kTagSize);
  return {Code::kInternal, "the cipher failed to seal"};
}

bool AeadKey::open(const Nonce& nonce, ByteView associated, ByteView sealed, uint8_t* out) const {
  if (sealed.size() < kTagSize) return false;
  const ByteView ciphertext = sealed.first(sealed.size() - kTagSize);
  return open(nonce, associated, ciphertext, ciphertext.data() + ciphertext.size(), out);
}

bool AeadKey::open(const Nonce& nonce, ByteView associated, ByteView ciphertext, const uint8_t* tag,
                   uint8_t* out) const {
  const size_t size = ciphertext.size();
  const bool can = process_.is_here() && size <= kMessageSizeMax && associated.size() <= kMessageSizeMax;
  const bool good = can && do_open(nonce, associated, ciphertext, tag, out);
  if (!good) wipe(out, size);
  return good;
}

#ifdef COFFER_NONCE_AUDIT
Status AeadKey::know_for_audit(ByteView key) {
  if (!nonce_audit_enabled()) return Status::ok();
  COFFER_ASSIGN(audited_key_hash_, sha256(key));
  return Status::ok();
}

void AeadKey::audit(const Nonce& nonce, ByteView associated, ByteView ciphertext, const uint8_t* tag) const {
  if (!nonce_audit_enabled()) return;
  uint8_t associated_size[8];
  store_le64(associated_size, associated.size());
  audit_nonce(audited_key_hash_, {nonce.data(), kNonceSize},
              {associated_size, associated, ciphertext, {tag, kTagSize}});
}
#endif

}  // namespace coffer
