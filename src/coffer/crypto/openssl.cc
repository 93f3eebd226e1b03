#include "coffer/crypto/openssl.h"

#include <cstdio>
#include <cstdlib>
#include <thread>

#include "coffer/crypto/foreign_keys.h"

namespace coffer {
namespace {

OpenSslAlgorithms fetch_all() {
  ErrorQueueGuard guard;
  OSSL_LIB_CTX* const from = openssl_library();
  auto cipher = [&](const char* name) { return EVP_CIPHER_fetch(from, name, nullptr); };
  return {
      .aes_gcm = {cipher("AES-128-GCM"), cipher("AES-192-GCM"), cipher("AES-256-GCM")},
      .aes_ctr = {cipher("AES-128-CTR"), cipher("AES-192-CTR"), cipher("AES-256-CTR")},
      .aes_wrap_pad = {cipher("AES-128-WRAP-PAD"), cipher("AES-192-WRAP-PAD"), cipher("AES-256-WRAP-PAD")},
      .chacha20_poly1305 = cipher("ChaCha20-Poly1305"),
      .sha256 = EVP_MD_fetch(from, "SHA2-256", nullptr),
      .sha512 = EVP_MD_fetch(from, "SHA2-512", nullptr),
      .gmac = EVP_MAC_fetch(from, "GMAC", nullptr),
      .hmac = is_fips() ? EVP_MAC_fetch(from, "HMAC", nullptr) : nullptr,
      .hkdf = is_fips() ? EVP_KDF_fetch(from, "HKDF", nullptr) : nullptr,
  };
}

void empty_context(void* context) { EVP_CIPHER_CTX_reset(static_cast<EVP_CIPHER_CTX*>(context)); }

// Spreads threads over the slots of every pool.
size_t thread_number() {
  static std::atomic<size_t> next{0};
  thread_local const size_t number = next.fetch_add(1, std::memory_order_relaxed);
  return number;
}

}  // namespace

const OpenSslAlgorithms& openssl_algorithms() {
  static OpenSslAlgorithms algorithms = fetch_all();
  return algorithms;
}

void openssl_failed(const char* algorithm) {
  std::fprintf(stderr, "coffer: OpenSSL failed to compute %s\n", algorithm);
  std::abort();
}

EVP_CIPHER* OpenSslAlgorithms::cipher(Suite suite) const {
  switch (suite) {
    case Suite::kAes128Gcm: return aes_gcm[0];
    case Suite::kAes192Gcm: return aes_gcm[1];
    case Suite::kAes256Gcm: return aes_gcm[2];
    case Suite::kChaCha20Poly1305: return chacha20_poly1305;
    case Suite::kAes128Ctr: return aes_ctr[0];
    case Suite::kAes192Ctr: return aes_ctr[1];
    case Suite::kAes256Ctr: return aes_ctr[2];
    case Suite::kXaes256Gcm: break;  // made of two of them
  }
  return nullptr;
}

void free_keyed_context(EVP_CIPHER_CTX* context) {
  unregister_foreign_key(context);
  EVP_CIPHER_CTX_free(context);
}

std::unique_ptr<CipherContextPool> CipherContextPool::create(EVP_CIPHER* cipher, ByteView key) {
  if (cipher == nullptr || static_cast<size_t>(EVP_CIPHER_get_key_length(cipher)) != key.size()) return nullptr;
  ErrorQueueGuard guard;
  std::unique_ptr<CipherContextPool> pool(new CipherContextPool(cipher, key));
  KeyedContext first = pool->make_context();
  if (first == nullptr) return nullptr;
  pool->release(std::move(first));
  return pool;
}

CipherContextPool::~CipherContextPool() {
  for (std::atomic<EVP_CIPHER_CTX*>& slot : slots_) KeyedContext(slot.load(std::memory_order_acquire));
}

KeyedContext CipherContextPool::make_context() const {
  KeyedContext context(EVP_CIPHER_CTX_new());
  if (context == nullptr) return nullptr;
  if (EVP_EncryptInit_ex2(context.get(), cipher_, key_.reveal().data(), nullptr, nullptr) != 1) return nullptr;
  register_foreign_key(context.get(), empty_context);
  return context;
}

KeyedContext CipherContextPool::acquire() {
  for (;;) {
    size_t first = thread_number();
    for (size_t i = 0; i < kSlots; ++i) {
      std::atomic<EVP_CIPHER_CTX*>& slot = slots_[(first + i) % kSlots];
      // Looking before exchanging keeps the probing of empty slots from bouncing their cache lines.
      if (slot.load(std::memory_order_relaxed) == nullptr) continue;
      if (EVP_CIPHER_CTX* context = slot.exchange(nullptr, std::memory_order_acquire)) return KeyedContext(context);
    }
    if (KeyedContext context = make_context()) return context;
    std::this_thread::yield();
  }
}

void CipherContextPool::release(KeyedContext context) {
  size_t first = thread_number();
  for (size_t i = 0; i < kSlots; ++i) {
    EVP_CIPHER_CTX* expected = nullptr;
    std::atomic<EVP_CIPHER_CTX*>& slot = slots_[(first + i) % kSlots];
    if (slot.compare_exchange_strong(expected, context.get(), std::memory_order_release, std::memory_order_relaxed)) {
      (void)context.release();
      return;
    }
  }
}

}  // namespace coffer
