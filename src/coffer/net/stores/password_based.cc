#include "coffer/net/stores/password_based.h"

#include "coffer/crypto/openssl_handles.h"

namespace coffer::keystore {
namespace {

constexpr size_t kBlockSize = 8;                  // of triple DES
constexpr size_t kDataSizeMax = size_t{1} << 30;  // OpenSSL counts in int

using Hash = std::unique_ptr<EVP_MD, OpenSslFree<EVP_MD_free>>;
using Cipher = std::unique_ptr<EVP_CIPHER, OpenSslFree<EVP_CIPHER_free>>;

Status lacks(const std::string& algorithm) {
  return {Code::kUnsupported, "OpenSSL, as it is set up on this machine, cannot compute " + algorithm};
}

// One hash function, one context, any number of hashes.
class Hasher {
 public:
  explicit Hasher(KeystoreHash hash)
      : hash_(EVP_MD_fetch(nullptr, hash == KeystoreHash::kMd5 ? "MD5" : "SHA1", nullptr)),
        context_(EVP_MD_CTX_new()),
        out_(hash == KeystoreHash::kMd5 ? 16 : 20) {}

  ByteView result() const { return out_.reveal(); }
  Result<SecretBytes> take() { return good_ ? Result(std::move(out_)) : lacks("MD5 or SHA-1"); }

  void run(std::initializer_list<ByteView> parts) {
    good_ = good_ && hash_ != nullptr && context_ != nullptr &&
            EVP_DigestInit_ex2(context_.get(), hash_.get(), nullptr) == 1;
    for (const ByteView part : parts) {
      if (!part.empty()) good_ = good_ && EVP_DigestUpdate(context_.get(), part.data(), part.size()) == 1;
    }
    good_ = good_ && EVP_DigestFinal_ex(context_.get(), out_.reveal_mutable().data(), nullptr) == 1;
  }

 private:
  const ErrorQueueGuard guard_;
  const Hash hash_;
  const DigestContext context_;
  SecretBytes out_;
  bool good_ = true;
};

}  // namespace

Result<SecretBytes> keystore_hash(KeystoreHash hash, std::initializer_list<ByteView> parts) {
  Hasher hasher(hash);
  hasher.run(parts);
  return hasher.take();
}

Result<SecretBytes> keystore_hash_chain(KeystoreHash hash, ByteView start, ByteView suffix, uint32_t rounds) {
  Hasher hasher(hash);
  for (uint32_t round = 0; round < rounds; ++round) hasher.run({round == 0 ? start : hasher.result(), suffix});
  return hasher.take();
}

Result<SecretBytes> triple_des_decrypt(ByteView key, ByteView iv, ByteView ciphertext) {
  const ErrorQueueGuard guard;
  if (ciphertext.empty() || ciphertext.size() % kBlockSize != 0 || ciphertext.size() > kDataSizeMax) {
    return {Code::kDamaged, "encrypted bytes that are not whole blocks"};
  }
  const Cipher cipher(EVP_CIPHER_fetch(nullptr, "DES-EDE3-CBC", nullptr));
  const CipherContext context(EVP_CIPHER_CTX_new());
  if (cipher == nullptr || context == nullptr ||
      EVP_DecryptInit_ex2(context.get(), cipher.get(), key.data(), iv.data(), nullptr) != 1) {
    return lacks("triple DES");
  }
  SecretBytes out(ciphertext.size() + kBlockSize);
  int written = 0, rest = 0;
  uint8_t* const at = out.reveal_mutable().data();
  if (EVP_DecryptUpdate(context.get(), at, &written, ciphertext.data(), static_cast<int>(ciphertext.size())) != 1 ||
      EVP_DecryptFinal_ex(context.get(), at + written, &rest) != 1) {
    return {Code::kWrongKey, "what is encrypted does not open"};
  }
  return SecretBytes::copy_of(out.reveal().first(static_cast<size_t>(written + rest)));
}

}  // namespace coffer::keystore
