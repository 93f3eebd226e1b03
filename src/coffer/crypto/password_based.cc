#include "coffer/crypto/password_based.h"

#include <openssl/core_names.h>
#include <openssl/kdf.h>
#include <openssl/params.h>

#include "coffer/crypto/openssl.h"

namespace coffer {
namespace {

constexpr size_t kDataSizeMax = size_t{1} << 30;  // OpenSSL counts in int

struct HashInfo {
  const char* name;
  size_t size;
  size_t block_size;
};

constexpr HashInfo kHashes[] = {{"MD5", 16, 64},      {"SHA1", 20, 64},      {"SHA2-224", 28, 64},
                                {"SHA2-256", 32, 64}, {"SHA2-384", 48, 128}, {"SHA2-512", 64, 128}};

struct CbcInfo {
  const char* name;
  size_t key_size;
  size_t block_size;
};

constexpr CbcInfo kCbcCiphers[] = {
    {"AES-128-CBC", 16, 16}, {"AES-192-CBC", 24, 16}, {"AES-256-CBC", 32, 16}, {"DES-EDE3-CBC", 24, 8}};

const HashInfo& info_of(KeystoreHash hash) { return kHashes[static_cast<size_t>(hash)]; }
const CbcInfo& info_of(CbcCipher cipher) { return kCbcCiphers[static_cast<size_t>(cipher)]; }

using Hash = std::unique_ptr<EVP_MD, OpenSslFree<EVP_MD_free>>;
using Cipher = std::unique_ptr<EVP_CIPHER, OpenSslFree<EVP_CIPHER_free>>;

Status lacks(const std::string& algorithm) {
  return {Code::kUnsupported, "OpenSSL, as it is set up on this machine, cannot compute " + algorithm};
}

OSSL_PARAM octets(const char* name, ByteView bytes) {
  // OpenSSL only reads it, and takes no null pointer for an empty string.
  static uint8_t nothing = 0;
  void* data = bytes.empty() ? &nothing : const_cast<uint8_t*>(bytes.data());
  return OSSL_PARAM_construct_octet_string(name, data, bytes.size());
}

OSSL_PARAM text(const char* name, const char* value) {
  return OSSL_PARAM_construct_utf8_string(name, const_cast<char*>(value), 0);
}

Result<SecretBytes> run_kdf(const char* name, const OSSL_PARAM* parameters, size_t size) {
  const ErrorQueueGuard guard;
  const std::unique_ptr<EVP_KDF, OpenSslFree<EVP_KDF_free>> kdf(EVP_KDF_fetch(nullptr, name, nullptr));
  if (kdf == nullptr) return lacks(name);
  const std::unique_ptr<EVP_KDF_CTX, OpenSslFree<EVP_KDF_CTX_free>> context(EVP_KDF_CTX_new(kdf.get()));
  SecretBytes out(size);
  if (context == nullptr || EVP_KDF_derive(context.get(), out.reveal_mutable().data(), size, parameters) != 1) {
    return lacks(name);
  }
  return out;
}

// A keyed context for CBC with padding. Null when key or IV are not of the cipher's size or OpenSSL lacks it.
CipherContext cbc_context(CbcCipher cipher, ByteView key, ByteView iv, bool encrypt) {
  const CbcInfo& info = info_of(cipher);
  if (key.size() != info.key_size || iv.size() != info.block_size) return nullptr;
  const Cipher fetched(EVP_CIPHER_fetch(nullptr, info.name, nullptr));
  CipherContext context(EVP_CIPHER_CTX_new());
  if (fetched == nullptr || context == nullptr) return nullptr;
  const bool good =
      EVP_CipherInit_ex2(context.get(), fetched.get(), key.data(), iv.data(), encrypt ? 1 : 0, nullptr) == 1;
  return good ? std::move(context) : nullptr;
}

}  // namespace

size_t hash_size(KeystoreHash hash) { return info_of(hash).size; }
size_t hash_block_size(KeystoreHash hash) { return info_of(hash).block_size; }
size_t cbc_key_size(CbcCipher cipher) { return info_of(cipher).key_size; }
size_t cbc_block_size(CbcCipher cipher) { return info_of(cipher).block_size; }

Result<SecretBytes> keystore_hash(KeystoreHash hash, std::initializer_list<ByteView> parts) {
  const ErrorQueueGuard guard;
  const HashInfo& info = info_of(hash);
  const Hash fetched(EVP_MD_fetch(nullptr, info.name, nullptr));
  const DigestContext context(EVP_MD_CTX_new());
  if (fetched == nullptr || context == nullptr) return lacks(info.name);
  bool good = EVP_DigestInit_ex2(context.get(), fetched.get(), nullptr) == 1;
  for (const ByteView part : parts) {
    if (!part.empty()) good = good && EVP_DigestUpdate(context.get(), part.data(), part.size()) == 1;
  }
  SecretBytes out(info.size);
  good = good && EVP_DigestFinal_ex(context.get(), out.reveal_mutable().data(), nullptr) == 1;
  if (!good) return lacks(info.name);
  return out;
}

Result<SecretBytes> keystore_hash_chain(KeystoreHash hash, ByteView start, ByteView suffix, uint32_t rounds) {
  const ErrorQueueGuard guard;
  const HashInfo& info = info_of(hash);
  const Hash fetched(EVP_MD_fetch(nullptr, info.name, nullptr));
  const DigestContext context(EVP_MD_CTX_new());
  if (fetched == nullptr || context == nullptr) return lacks(info.name);
  SecretBytes out(info.size);
  for (uint32_t round = 0; round < rounds; ++round) {
    const ByteView from = round == 0 ? start : out.reveal();
    if (EVP_DigestInit_ex2(context.get(), fetched.get(), nullptr) != 1 ||
        EVP_DigestUpdate(context.get(), from.data(), from.size()) != 1 ||
        EVP_DigestUpdate(context.get(), suffix.data(), suffix.size()) != 1 ||
        EVP_DigestFinal_ex(context.get(), out.reveal_mutable().data(), nullptr) != 1) {
      return lacks(info.name);
    }
  }
  return out;
}

Result<SecretBytes> keystore_hmac(KeystoreHash hash, ByteView key, ByteView data) {
  const ErrorQueueGuard guard;
  const HashInfo& info = info_of(hash);
  const std::unique_ptr<EVP_MAC, OpenSslFree<EVP_MAC_free>> mac(EVP_MAC_fetch(nullptr, "HMAC", nullptr));
  if (mac == nullptr) return lacks("HMAC");
  const std::unique_ptr<EVP_MAC_CTX, OpenSslFree<EVP_MAC_CTX_free>> context(EVP_MAC_CTX_new(mac.get()));
  const OSSL_PARAM parameters[] = {text(OSSL_MAC_PARAM_DIGEST, info.name), OSSL_PARAM_construct_end()};
  SecretBytes out(info.size);
  size_t size = 0;
  const bool good = context != nullptr && EVP_MAC_init(context.get(), key.data(), key.size(), parameters) == 1 &&
                    EVP_MAC_update(context.get(), data.data(), data.size()) == 1 &&
                    EVP_MAC_final(context.get(), out.reveal_mutable().data(), &size, out.size()) == 1;
  if (!good || size != out.size()) return lacks(std::string("HMAC-") + info.name);
  return out;
}

Result<SecretBytes> pbkdf2(KeystoreHash prf, ByteView password, ByteView salt, uint32_t iterations, size_t size) {
  uint64_t count = iterations;
  int no_lower_bounds = 1;  // other makers' files have short salts and low counts
  const OSSL_PARAM parameters[] = {text(OSSL_KDF_PARAM_DIGEST, info_of(prf).name),
                                   octets(OSSL_KDF_PARAM_PASSWORD, password),
                                   octets(OSSL_KDF_PARAM_SALT, salt),
                                   OSSL_PARAM_construct_uint64(OSSL_KDF_PARAM_ITER, &count),
                                   OSSL_PARAM_construct_int(OSSL_KDF_PARAM_PKCS5, &no_lower_bounds),
                                   OSSL_PARAM_construct_end()};
  return run_kdf("PBKDF2", parameters, size);
}

Result<SecretBytes> pkcs12_derive(KeystoreHash hash, Pkcs12Purpose purpose, ByteView password, ByteView salt,
                                  uint32_t iterations, size_t size) {
  uint64_t count = iterations;
  int id = static_cast<int>(purpose);
  const OSSL_PARAM parameters[] = {text(OSSL_KDF_PARAM_DIGEST, info_of(hash).name),
                                   octets(OSSL_KDF_PARAM_PASSWORD, password),
                                   octets(OSSL_KDF_PARAM_SALT, salt),
                                   OSSL_PARAM_construct_uint64(OSSL_KDF_PARAM_ITER, &count),
                                   OSSL_PARAM_construct_int(OSSL_KDF_PARAM_PKCS12_ID, &id),
                                   OSSL_PARAM_construct_end()};
  return run_kdf("PKCS12KDF", parameters, size);
}

Result<SecretBytes> cbc_decrypt(CbcCipher cipher, ByteView key, ByteView iv, ByteView ciphertext) {
  const ErrorQueueGuard guard;
  const size_t block_size = cbc_block_size(cipher);
  if (ciphertext.empty() || ciphertext.size() % block_size != 0 || ciphertext.size() > kDataSizeMax) {
    return {Code::kDamaged, "encrypted bytes that are not whole blocks"};
  }
  const CipherContext context = cbc_context(cipher, key, iv, false);
  if (context == nullptr) return lacks(info_of(cipher).name);
  SecretBytes out(ciphertext.size() + block_size);
  int written = 0, rest = 0;
  uint8_t* const at = out.reveal_mutable().data();
  if (EVP_CipherUpdate(context.get(), at, &written, ciphertext.data(), static_cast<int>(ciphertext.size())) != 1 ||
      EVP_CipherFinal_ex(context.get(), at + written, &rest) != 1) {
    return {Code::kWrongKey, "what is encrypted does not open"};
  }
  return SecretBytes::copy_of(out.reveal().first(static_cast<size_t>(written + rest)));
}

Result<Bytes> cbc_encrypt(CbcCipher cipher, ByteView key, ByteView iv, ByteView plaintext) {
  const ErrorQueueGuard guard;
  if (plaintext.size() > kDataSizeMax) return {Code::kLimitExceeded, "too many bytes to encrypt at once"};
  const CipherContext context = cbc_context(cipher, key, iv, true);
  if (context == nullptr) return lacks(info_of(cipher).name);
  Bytes out(plaintext.size() + cbc_block_size(cipher));
  int written = 0, rest = 0;
  if (EVP_CipherUpdate(context.get(), out.data(), &written, plaintext.data(), static_cast<int>(plaintext.size())) !=
          1 ||
      EVP_CipherFinal_ex(context.get(), out.data() + written, &rest) != 1) {
    return lacks(info_of(cipher).name);
  }
  out.resize(static_cast<size_t>(written + rest));
  return out;
}

}  // namespace coffer
