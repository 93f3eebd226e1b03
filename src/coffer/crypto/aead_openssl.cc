#include "coffer/crypto/aead.h"
#include "coffer/crypto/openssl.h"

namespace coffer {
namespace {

// EVP treats a null output as associated data and rejects null inputs in places, so empty parts are not passed at all.
bool update(EVP_CIPHER_CTX* context, uint8_t* out, ByteView in) {
  if (in.empty()) return true;
  int written = 0;
  return EVP_CipherUpdate(context, out, &written, in.data(), static_cast<int>(in.size())) == 1 &&
         static_cast<size_t>(written) == in.size();
}

class OpenSslAeadKey final : public AeadKey {
 public:
  explicit OpenSslAeadKey(std::unique_ptr<CipherContextPool> pool) : pool_(std::move(pool)) {}

 private:
  bool do_seal(const Nonce& nonce, ByteView associated, ByteView plaintext, uint8_t* out,
               uint8_t* tag) const override {
    ErrorQueueGuard guard;
    CipherContextPool::Lease lease(*pool_);
    EVP_CIPHER_CTX* context = lease.get();
    int written = 0;
    return EVP_CipherInit_ex2(context, nullptr, nullptr, nonce.data(), 1, nullptr) == 1 &&
           update(context, nullptr, associated) && update(context, out, plaintext) &&
           EVP_CipherFinal_ex(context, tag, &written) == 1 && written == 0 &&
           EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_GET_TAG, kTagSize, tag) == 1;
  }

  bool do_open(const Nonce& nonce, ByteView associated, ByteView ciphertext, const uint8_t* tag,
               uint8_t* out) const override {
    ErrorQueueGuard guard;
    CipherContextPool::Lease lease(*pool_);
    EVP_CIPHER_CTX* context = lease.get();
    // EVP_CTRL_AEAD_SET_TAG takes a mutable pointer that it only reads.
    auto* expected = const_cast<uint8_t*>(tag);
    uint8_t none[kTagSize];
    int written = 0;
    return EVP_CipherInit_ex2(context, nullptr, nullptr, nonce.data(), 0, nullptr) == 1 &&
           EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_SET_TAG, kTagSize, expected) == 1 &&
           update(context, nullptr, associated) && update(context, out, ciphertext) &&
           EVP_CipherFinal_ex(context, none, &written) == 1;
  }

  std::unique_ptr<CipherContextPool> pool_;
};

}  // namespace

std::unique_ptr<AeadKey> openssl_aead_key(Suite suite, ByteView key, Expansion) {
  auto pool = CipherContextPool::create(openssl_algorithms().cipher(suite), key);
  if (pool == nullptr) return nullptr;
  return std::make_unique<OpenSslAeadKey>(std::move(pool));
}

}  // namespace coffer
