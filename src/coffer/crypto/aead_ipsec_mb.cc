#include <openssl/crypto.h>

#include "coffer/crypto/aead.h"
#include "coffer/crypto/expanded_key.h"
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

// Of the sizes that the table of suites has.
void expand_gcm(ByteView key, uint8_t* out) {
  IMB_MGR& library = *ipsec_mb_library();
  auto* schedule = new (out) gcm_key_data;
  switch (key.size()) {
    case IMB_GCM_128_KEY_LEN: IMB_AES128_GCM_PRE(&library, key.data(), schedule); break;
    case IMB_GCM_192_KEY_LEN: IMB_AES192_GCM_PRE(&library, key.data(), schedule); break;
    default: IMB_AES256_GCM_PRE(&library, key.data(), schedule); break;
  }
}

struct GcmFunctions {
  aes_gcm_enc_dec_t encrypt;
  aes_gcm_enc_dec_t decrypt;
};
GcmFunctions gcm_functions(const IMB_MGR& library, size_t key_size) {
  switch (key_size) {
    case IMB_GCM_128_KEY_LEN: return {library.gcm128_enc, library.gcm128_dec};
    case IMB_GCM_192_KEY_LEN: return {library.gcm192_enc, library.gcm192_dec};
    default: return {library.gcm256_enc, library.gcm256_dec};
  }
}

class IpsecMbGcmKey final : public AeadKey {
 public:
  IpsecMbGcmKey(IMB_MGR& library, ByteView key, Expansion expansion)
      : key_(key, sizeof(gcm_key_data), expand_gcm, expansion), functions_(gcm_functions(library, key.size())) {}

 private:
  bool do_seal(const Nonce& nonce, ByteView associated, ByteView plaintext, uint8_t* out,
               uint8_t* tag) const override {
    ExpandedKey::Use key(key_);
    Wiped<gcm_context_data> context;
    functions_.encrypt(key.as<gcm_key_data>(), &context, out, data_of(plaintext), plaintext.size(), nonce.data(),
                       data_of(associated), associated.size(), tag, kTagSize);
    return true;
  }

  bool do_open(const Nonce& nonce, ByteView associated, ByteView ciphertext, const uint8_t* tag,
               uint8_t* out) const override {
    ExpandedKey::Use key(key_);
    Wiped<gcm_context_data> context;
    uint8_t computed[kTagSize];
    uint8_t unused = 0;  // for a caller that has no buffer for an empty plaintext
    functions_.decrypt(key.as<gcm_key_data>(), &context, ciphertext.empty() ? &unused : out, ciphertext.data(),
                       ciphertext.size(), nonce.data(), data_of(associated), associated.size(), computed, kTagSize);
    return CRYPTO_memcmp(computed, tag, kTagSize) == 0;
  }

  bool do_replace(ByteView key) override { return key_.replace(key); }

  ExpandedKey key_;
  const GcmFunctions functions_;
};

// This cipher uses its key as it is.
void copy_key(ByteView key, uint8_t* out) { std::memcpy(out, key.data(), key.size()); }

class IpsecMbChaChaKey final : public AeadKey {
 public:
  IpsecMbChaChaKey(IMB_MGR& library, ByteView key, Expansion expansion)
      : library_(library), key_(key, key.size(), copy_key, expansion) {}

 private:
  using Context = Wiped<chacha20_poly1305_context_data>;

  bool do_seal(const Nonce& nonce, ByteView associated, ByteView plaintext, uint8_t* out,
               uint8_t* tag) const override {
    ExpandedKey::Use use(key_);
    Context context;
    const auto* key = use.as<uint8_t>();
    IMB_CHACHA20_POLY1305_INIT(&library_, key, &context, nonce.data(), data_of(associated), associated.size());
    IMB_CHACHA20_POLY1305_ENC_UPDATE(&library_, key, &context, out, data_of(plaintext), plaintext.size());
    IMB_CHACHA20_POLY1305_ENC_FINALIZE(&library_, &context, tag, kTagSize);
    return true;
  }

  bool do_open(const Nonce& nonce, ByteView associated, ByteView ciphertext, const uint8_t* tag,
               uint8_t* out) const override {
    ExpandedKey::Use use(key_);
    Context context;
    const auto* key = use.as<uint8_t>();
    uint8_t computed[kTagSize];
    uint8_t unused = 0;
    IMB_CHACHA20_POLY1305_INIT(&library_, key, &context, nonce.data(), data_of(associated), associated.size());
    IMB_CHACHA20_POLY1305_DEC_UPDATE(&library_, key, &context, ciphertext.empty() ? &unused : out, ciphertext.data(),
                                     ciphertext.size());
    IMB_CHACHA20_POLY1305_DEC_FINALIZE(&library_, &context, computed, kTagSize);
    return CRYPTO_memcmp(computed, tag, kTagSize) == 0;
  }

  IMB_MGR& library_;
  const ExpandedKey key_;
};

}  // namespace

std::unique_ptr<AeadKey> ipsec_mb_aead_key(Suite suite, ByteView key, Expansion expansion) {
  IMB_MGR* library = ipsec_mb_library();
  if (library == nullptr) return nullptr;
  if (suite == Suite::kChaCha20Poly1305) return std::make_unique<IpsecMbChaChaKey>(*library, key, expansion);
  return std::make_unique<IpsecMbGcmKey>(*library, key, expansion);
}

}  // namespace coffer
