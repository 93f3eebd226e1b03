// What the OpenSSL parts of crypto/ share: algorithms fetched once per process, and keyed cipher contexts that are
// never set up per call. Internal to crypto/.
#pragma once

#include <openssl/kdf.h>

#include <array>
#include <atomic>
#include <memory>

#include "coffer/base/secret.h"
#include "coffer/crypto/library.h"
#include "coffer/crypto/openssl_handles.h"
#include "coffer/crypto/suite.h"

namespace coffer {

// Fetched from openssl_library() at first use and kept for the life of the process: OpenSSL 3 looks algorithms up by
// name at every implicit fetch, which costs more than sealing a small frame. A null member means that this OpenSSL does
// not offer it.
struct OpenSslAlgorithms {
  EVP_CIPHER* aes_gcm[3];  // 128, 192, 256 bits
  EVP_CIPHER* aes_ctr[3];
  EVP_CIPHER* aes_wrap_pad[3];
  EVP_CIPHER* chacha20_poly1305;
  EVP_MD* sha256;
  EVP_MD* sha512;
  EVP_MAC* gmac;
  // Null unless is_fips(): else kdf.cc makes both of the hash functions, which is faster.
  EVP_MAC* hmac;
  EVP_KDF* hkdf;

  // Null when this OpenSSL does not offer the suite.
  EVP_CIPHER* cipher(Suite suite) const;
};
const OpenSslAlgorithms& openssl_algorithms();

// For functions that cannot report failure, in a keyed context that has no reason to fail. Going on would hand out
// plaintext as ciphertext, or a wrong tag: the process stops instead.
[[noreturn]] void openssl_failed(const char* algorithm);

// A cipher context with a key of ours is among crypto/foreign_keys.h.
void free_keyed_context(EVP_CIPHER_CTX* context);
using KeyedContext = std::unique_ptr<EVP_CIPHER_CTX, OpenSslFree<free_keyed_context>>;

// Contexts keyed alike, as many as threads ever used the key at once. A call borrows one exclusively and only sets the
// IV. The first is made by create(), so borrowing never fails: without memory for another it waits for one to come
// back.
class CipherContextPool {
 public:
  // Null when OpenSSL lacks the cipher or has no memory.
  static std::unique_ptr<CipherContextPool> create(EVP_CIPHER* cipher, ByteView key);
  ~CipherContextPool();
  CipherContextPool(const CipherContextPool&) = delete;
  CipherContextPool& operator=(const CipherContextPool&) = delete;

  class Lease {
   public:
    explicit Lease(CipherContextPool& pool) : pool_(pool), context_(pool.acquire()) {}
    ~Lease() { pool_.release(std::move(context_)); }
    Lease(const Lease&) = delete;
    Lease& operator=(const Lease&) = delete;
    EVP_CIPHER_CTX* get() const { return context_.get(); }

   private:
    CipherContextPool& pool_;
    KeyedContext context_;
  };

 private:
  static constexpr size_t kSlots = 16;  // more threads than this at once on one key set up contexts per call

  CipherContextPool(EVP_CIPHER* cipher, ByteView key) : cipher_(cipher), key_(SecretBytes::copy_of(key)) {}
  KeyedContext make_context() const;
  KeyedContext acquire();
  void release(KeyedContext context);

  EVP_CIPHER* cipher_;
  SecretBytes key_;
  std::array<std::atomic<EVP_CIPHER_CTX*>, kSlots> slots_{};
};

}  // namespace coffer
