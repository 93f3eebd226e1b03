#include "coffer/crypto/x25519.h"

#include <openssl/pem.h>

#include <algorithm>

#include "coffer/crypto/kdf.h"
#include "coffer/crypto/library.h"
#include "coffer/crypto/openssl_handles.h"
#include "coffer/crypto/random.h"

namespace coffer {
namespace {

using KeyContext = std::unique_ptr<EVP_PKEY_CTX, OpenSslFree<EVP_PKEY_CTX_free>>;

Status x25519_failed() { return {Code::kInternal, "OpenSSL cannot compute X25519: " + openssl_reason()}; }

EvpKeyHandle private_handle(const X25519Private& key) {
  return EvpKeyHandle(
      EVP_PKEY_new_raw_private_key_ex(openssl_library(), "X25519", nullptr, key.reveal().data(), key.size()));
}

Result<X25519Public> raw_public(const EVP_PKEY* key) {
  X25519Public out;
  size_t size = out.size();
  if (EVP_PKEY_get_raw_public_key(key, out.data(), &size) == 1 && size == out.size()) return out;
  return x25519_failed();
}

// Without having been asked whether it is right. Of a zero result OpenSSL says that it failed, and it is looked at here
// besides.
Result<SecretBytes> compute_shared(const X25519Private& key, const X25519Public& other) {
  ErrorQueueGuard guard;
  const EvpKeyHandle mine = private_handle(key);
  const EvpKeyHandle theirs(
      EVP_PKEY_new_raw_public_key_ex(openssl_library(), "X25519", nullptr, other.data(), other.size()));
  const KeyContext context(mine == nullptr ? nullptr
                                           : EVP_PKEY_CTX_new_from_pkey(openssl_library(), mine.get(), nullptr));
  if (theirs == nullptr || context == nullptr || EVP_PKEY_derive_init(context.get()) != 1 ||
      EVP_PKEY_derive_set_peer(context.get(), theirs.get()) != 1) {
    return x25519_failed();
  }
  SecretBytes out(kX25519Size);
  size_t size = out.size();
  const bool derived = EVP_PKEY_derive(context.get(), out.reveal_mutable().data(), &size) == 1 && size == out.size();
  if (derived && !equal_constant_time(out.reveal(), X25519Public{})) return out;
  return {Code::kInvalidArgument, "the X25519 public key is of small order: everybody has the same secret with it"};
}

// RFC 7748, section 6.1.
Status check_published_x25519() {
  constexpr X25519Public kAlicePrivate = {0x77, 0x07, 0x6d, 0x0a, 0x73, 0x18, 0xa5, 0x7d, 0x3c, 0x16, 0xc1,
                                          0x72, 0x51, 0xb2, 0x66, 0x45, 0xdf, 0x4c, 0x2f, 0x87, 0xeb, 0xc0,
                                          0x99, 0x2a, 0xb1, 0x77, 0xfb, 0xa5, 0x1d, 0xb9, 0x2c, 0x2a};
  constexpr X25519Public kBobPublic = {0xde, 0x9e, 0xdb, 0x7d, 0x7b, 0x7d, 0xc1, 0xb4, 0xd3, 0x5b, 0x61,
                                       0xc2, 0xec, 0xe4, 0x35, 0x37, 0x3f, 0x83, 0x43, 0xc8, 0x5b, 0x78,
                                       0x67, 0x4d, 0xad, 0xfc, 0x7e, 0x14, 0x6f, 0x88, 0x2b, 0x4f};
  constexpr X25519Public kShared = {0x4a, 0x5d, 0x9d, 0x5b, 0xa4, 0xce, 0x2d, 0xe1, 0x72, 0x8e, 0x3b,
                                    0xf4, 0x80, 0x35, 0x0f, 0x25, 0xe0, 0x7e, 0x21, 0xc9, 0x47, 0xd1,
                                    0x9e, 0x33, 0x76, 0xf0, 0x9b, 0x3c, 0x1e, 0x16, 0x17, 0x42};
  COFFER_ASSIGN(const SecretBytes shared, compute_shared(X25519Private::copy_of(kAlicePrivate), kBobPublic));
  if (equal_constant_time(shared.reveal(), kShared)) return Status::ok();
  return {Code::kInternal, "X25519 does not give the answer that was published for it; it is not used"};
}

Status usable() {
  if (is_fips()) return {Code::kUnsupported, "crypto: fips does not allow X25519, which is not approved"};
  static const Status checked = check_published_x25519();
  return checked;
}

// What OpenSSL asks for the passphrase with.
struct Asked {
  const AskPassphrase& ask;
  Status failure = {};
  bool was_asked = false;
};

int give_passphrase(char* out, int size, int /*writing*/, void* asked_by) {
  Asked& asked = *static_cast<Asked*>(asked_by);
  asked.was_asked = true;
  const auto passphrase = asked.ask();
  if (!passphrase.is_ok()) {
    asked.failure = passphrase.status();
    return -1;
  }
  if (passphrase->size() > static_cast<size_t>(size)) return -1;
  std::ranges::copy(passphrase->reveal(), out);
  return static_cast<int>(passphrase->size());
}

BioHandle bio_of(ByteView text) {
  return BioHandle(BIO_new_mem_buf(text.data(), static_cast<int>(std::min<size_t>(text.size(), 1u << 16))));
}

bool is_x25519(const EVP_PKEY* key) { return key != nullptr && EVP_PKEY_is_a(key, "X25519") == 1; }

}  // namespace

Result<X25519Private> new_x25519_private() {
  COFFER_TRY(usable());
  return random_key<X25519Role>(kX25519Size);
}

Result<X25519Public> x25519_public(const X25519Private& key) {
  COFFER_TRY(usable());
  ErrorQueueGuard guard;
  const EvpKeyHandle handle = private_handle(key);
  return handle == nullptr ? x25519_failed() : raw_public(handle.get());
}

Result<SecretBytes> x25519_shared(const X25519Private& key, const X25519Public& other) {
  COFFER_TRY(usable());
  return compute_shared(key, other);
}

Result<X25519Private> x25519_private_of_pem(ByteView pem, const AskPassphrase& ask) {
  COFFER_TRY(usable());
  ErrorQueueGuard guard;
  Asked asked{ask};
  const BioHandle bio = bio_of(pem);
  const EvpKeyHandle key(bio == nullptr ? nullptr
                                        : PEM_read_bio_PrivateKey_ex(bio.get(), nullptr, give_passphrase, &asked,
                                                                     openssl_library(), nullptr));
  COFFER_TRY(asked.failure);
  if (key == nullptr && asked.was_asked) {
    return {Code::kWrongKey, "the passphrase does not open the private key; give the one it was made with"};
  }
  SecretBytes out(kX25519Size);
  size_t size = out.size();
  if (!is_x25519(key.get()) || EVP_PKEY_get_raw_private_key(key.get(), out.reveal_mutable().data(), &size) != 1) {
    return {Code::kInvalidArgument,
            "it is no X25519 private key in PEM; openssl genpkey -algorithm X25519 -out FILE makes one"};
  }
  return X25519Private(std::move(out));
}

Result<X25519Public> x25519_public_of_pem(ByteView pem) {
  COFFER_TRY(usable());
  ErrorQueueGuard guard;
  const BioHandle bio = bio_of(pem);
  const EvpKeyHandle key(
      bio == nullptr ? nullptr
                     : PEM_read_bio_PUBKEY_ex(bio.get(), nullptr, nullptr, nullptr, openssl_library(), nullptr));
  if (is_x25519(key.get())) return raw_public(key.get());
  return {Code::kInvalidArgument,
          "it is no X25519 public key in PEM; openssl pkey -in PRIVATE.pem -pubout -out FILE writes one"};
}

}  // namespace coffer
