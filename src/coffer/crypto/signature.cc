#include "coffer/crypto/signature.h"

#include "coffer/crypto/library.h"
#include "coffer/crypto/openssl_handles.h"

namespace coffer {
namespace {

constexpr const char* kAlgorithm = "ED25519";

Status no_ed25519() {
  return {Code::kUnsupported,
          std::string("OpenSSL has no Ed25519 here") + (is_fips() ? ", under crypto: fips" : ": " + openssl_reason())};
}

EvpKeyHandle key_of_seed(ByteView seed) {
  return EvpKeyHandle(
      EVP_PKEY_new_raw_private_key_ex(openssl_library(), kAlgorithm, nullptr, seed.data(), seed.size()));
}

}  // namespace

Result<SignaturePublicKey> signature_public_key(ByteView seed) {
  const ErrorQueueGuard guard;
  const EvpKeyHandle key = key_of_seed(seed);
  SignaturePublicKey out{};
  size_t size = out.size();
  if (key == nullptr || EVP_PKEY_get_raw_public_key(key.get(), out.data(), &size) != 1) return no_ed25519();
  return out;
}

Result<Signed> sign(ByteView seed, ByteView message) {
  const ErrorQueueGuard guard;
  const EvpKeyHandle key = key_of_seed(seed);
  const DigestContext context(EVP_MD_CTX_new());
  Signed out{};
  size_t key_size = out.public_key.size(), size = out.signature.size();
  if (key == nullptr || context == nullptr ||
      EVP_PKEY_get_raw_public_key(key.get(), out.public_key.data(), &key_size) != 1 ||
      EVP_DigestSignInit_ex(context.get(), nullptr, nullptr, openssl_library(), nullptr, key.get(), nullptr) != 1 ||
      EVP_DigestSign(context.get(), out.signature.data(), &size, message.data(), message.size()) != 1) {
    return no_ed25519();
  }
  return out;
}

Status check_signature(const Signed& by, ByteView message) {
  const ErrorQueueGuard guard;
  const EvpKeyHandle key(EVP_PKEY_new_raw_public_key_ex(openssl_library(), kAlgorithm, nullptr, by.public_key.data(),
                                                        by.public_key.size()));
  const DigestContext context(EVP_MD_CTX_new());
  if (key == nullptr || context == nullptr ||
      EVP_DigestVerifyInit_ex(context.get(), nullptr, nullptr, openssl_library(), nullptr, key.get(), nullptr) != 1) {
    return no_ed25519();
  }
  if (EVP_DigestVerify(context.get(), by.signature.data(), by.signature.size(), message.data(), message.size()) == 1) {
    return Status::ok();
  }
  return {Code::kTampered, "the signature is not of this text"};
}

}  // namespace coffer
