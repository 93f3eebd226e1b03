#include <openssl/crypto.h>

#include <new>

#include "coffer/crypto/aead.h"
#include "coffer/crypto/ipsec_mb.h"

namespace coffer {
namespace {

// The library checks pointers even where the size is zero.
const uint8_t* data_of(ByteView bytes) {
  static constexpr uint8_t kNothing = 0;
  return bytes.empty() ? &kNothing : bytes.data();
}

// What the library computes into the caller's frame and would leave there: GHASH states, unused key stream, one-time
// keys.
template <class T>
struct Wiped : T {
  ~Wiped() { wipe(static_cast<T*>(this), sizeof(T)); }
};

class IpsecMbGcmKey final : public AeadKey {
 public:
  IpsecMbGcmKey(IMB_MGR& library, ByteView key) : schedule_(sizeof(gcm_key_data)) {
    auto* schedule = new (schedule_.reveal_mutable().data()) gcm_key_data;
    switch (key.size()) {
      case IMB_GCM_128_KEY_LEN:
        IMB_AES128_GCM_PRE(&library, key.data(), schedule);
        encrypt_ = library.gcm128_enc;
        decrypt_ = library.gcm128_dec;
        break;
      case IMB_GCM_192_KEY_LEN:
        IMB_AES192_GCM_PRE(&library, key.data(), schedule);
        encrypt_ = library.gcm192_enc;
        decrypt_ = library.gcm192_dec;
        break;
      default:
        IMB_AES256_GCM_PRE(&library, key.data(), schedule);
        encrypt_ = library.gcm256_enc;
        decrypt_ = library.gcm256_dec;
        break;
    }
  }

 private:
  const gcm_key_data* schedule() const {
    return std::launder(reinterpret_cast<const gcm_key_data*>(schedule_.reveal().data()));
  }

  bool do_seal(const Nonce& nonce, ByteView associated, ByteView plaintext, uint8_t* out) const override {
    Wiped<gcm_context_data> context;
    encrypt_(schedule(), &context, out, data_of(plaintext), plaintext.size(), nonce.data(), data_of(associated),
             associated.size(), out + plaintext.size(), kTagSize);
    return true;
  }

  bool do_open(const Nonce& nonce, ByteView associated, ByteView sealed, uint8_t* out) const override {
    Wiped<gcm_context_data> context;
    ByteView ciphertext = sealed.first(sealed.size() - kTagSize);
    uint8_t computed[kTagSize];
    uint8_t unused = 0;  // for a caller that has no buffer for an empty plaintext
    decrypt_(schedule(), &context, ciphertext.empty() ? &unused : out, ciphertext.data(), ciphertext.size(),
             nonce.data(), data_of(associated), associated.size(), computed, kTagSize);
    return CRYPTO_memcmp(computed, ciphertext.data() + ciphertext.size(), kTagSize) == 0;
  }

  SecretBytes schedule_;  // a gcm_key_data, which needs 64-byte alignment: SecretBytes have it
  aes_gcm_enc_dec_t encrypt_;
  aes_gcm_enc_dec_t decrypt_;
};

class IpsecMbChaChaKey final : public AeadKey {
 public:
  IpsecMbChaChaKey(IMB_MGR& library, ByteView key) : library_(library), key_(SecretBytes::copy_of(key)) {}

 private:
  using Context = Wiped<chacha20_poly1305_context_data>;

  bool do_seal(const Nonce& nonce, ByteView associated, ByteView plaintext, uint8_t* out) const override {
    Context context;
    const uint8_t* key = key_.reveal().data();
    IMB_CHACHA20_POLY1305_INIT(&library_, key, &context, nonce.data(), data_of(associated), associated.size());
    IMB_CHACHA20_POLY1305_ENC_UPDATE(&library_, key, &context, out, data_of(plaintext), plaintext.size());
    IMB_CHACHA20_POLY1305_ENC_FINALIZE(&library_, &context, out + plaintext.size(), kTagSize);
    return true;
  }

  bool do_open(const Nonce& nonce, ByteView associated, ByteView sealed, uint8_t* out) const override {
    Context context;
    const uint8_t* key = key_.reveal().data();
    ByteView ciphertext = sealed.first(sealed.size() - kTagSize);
    uint8_t computed[kTagSize];
    uint8_t unused = 0;
    IMB_CHACHA20_POLY1305_INIT(&library_, key, &context, nonce.data(), data_of(associated), associated.size());
    IMB_CHACHA20_POLY1305_DEC_UPDATE(&library_, key, &context, ciphertext.empty() ? &unused : out, ciphertext.data(),
                                     ciphertext.size());
    IMB_CHACHA20_POLY1305_DEC_FINALIZE(&library_, &context, computed, kTagSize);
    return CRYPTO_memcmp(computed, ciphertext.data() + ciphertext.size(), kTagSize) == 0;
  }

  IMB_MGR& library_;
  SecretBytes key_;
};

}  // namespace

std::unique_ptr<AeadKey> ipsec_mb_aead_key(Suite suite, ByteView key) {
  IMB_MGR* library = ipsec_mb_library();
  if (library == nullptr) return nullptr;
  if (suite == Suite::kChaCha20Poly1305) return std::make_unique<IpsecMbChaChaKey>(*library, key);
  return std::make_unique<IpsecMbGcmKey>(*library, key);
}

}  // namespace coffer
