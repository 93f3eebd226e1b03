#include "coffer/crypto/key_wrap.h"

#include "coffer/crypto/key_wrap_any.h"
#include "coffer/crypto/openssl.h"
#include "coffer/crypto/published_answers.h"

namespace coffer {
namespace {

constexpr size_t kKeySizeMax = 4096;
constexpr size_t kWrappedSizeMin = 16;

// A context of its own for every call: both wrap keys and wrapped keys are used once, and freeing it wipes the
// schedule.
Result<CipherContext> keyed_context(ByteView wrap_key, int encrypt) {
  if (wrap_key.size() != 16 && wrap_key.size() != 24 && wrap_key.size() != 32) {
    return {Code::kInvalidArgument, "a wrap key has 16, 24 or 32 bytes, not " + std::to_string(wrap_key.size())};
  }
  EVP_CIPHER* cipher = openssl_algorithms().aes_wrap_pad[wrap_key.size() / 8 - 2];
  CipherContext context(cipher == nullptr ? nullptr : EVP_CIPHER_CTX_new());
  if (context != nullptr) EVP_CIPHER_CTX_set_flags(context.get(), EVP_CIPHER_CTX_FLAG_WRAP_ALLOW);
  if (context == nullptr ||
      EVP_CipherInit_ex2(context.get(), cipher, wrap_key.data(), nullptr, encrypt, nullptr) != 1) {
    return {Code::kInternal, "OpenSSL cannot do AES key wrap: check its configuration and providers"};
  }
  return context;
}

}  // namespace

Result<Bytes> kwp_wrap_any(ByteView wrap_key, ByteView key) {
  if (key.empty() || key.size() > kKeySizeMax) {
    return {Code::kInvalidArgument, "a key to wrap has 1 to 4096 bytes, not " + std::to_string(key.size())};
  }
  ErrorQueueGuard guard;
  COFFER_ASSIGN(CipherContext context, keyed_context(wrap_key, 1));
  Bytes out(wrapped_size(key.size()));
  int written = 0;
  if (EVP_CipherUpdate(context.get(), out.data(), &written, key.data(), static_cast<int>(key.size())) != 1 ||
      static_cast<size_t>(written) != out.size()) {
    wipe(out.data(), out.size());
    return {Code::kInternal, "OpenSSL failed to wrap a key"};
  }
  return out;
}

Result<SecretBytes> kwp_unwrap_any(ByteView wrap_key, ByteView wrapped) {
  if (wrapped.size() < kWrappedSizeMin || wrapped.size() > wrapped_size(kKeySizeMax) || wrapped.size() % 8 != 0) {
    return {Code::kDamaged, "a wrapped key cannot have " + std::to_string(wrapped.size()) + " bytes"};
  }
  ErrorQueueGuard guard;
  COFFER_ASSIGN(CipherContext context, keyed_context(wrap_key, 0));
  SecretBytes padded(wrapped.size());
  int written = 0;
  if (EVP_CipherUpdate(context.get(), padded.reveal_mutable().data(), &written, wrapped.data(),
                       static_cast<int>(wrapped.size())) != 1 ||
      written <= 0 || static_cast<size_t>(written) > wrapped.size() - 8) {
    return {Code::kWrongKey, "unwrapping failed: another key wrapped this, or its bytes were altered"};
  }
  return SecretBytes::copy_of(padded.reveal().first(static_cast<size_t>(written)));
}

namespace {

Status check_usable(const WrapKey& wrap_key) {
  static const Status checked = check_published_key_wrap(kwp_wrap_any, kwp_unwrap_any);
  COFFER_TRY(checked);
  if (wrap_key.size() == 32) return Status::ok();
  return {Code::kInvalidArgument, "a wrap key has 32 bytes, not " + std::to_string(wrap_key.size())};
}

}  // namespace

Result<Bytes> kwp_wrap(const WrapKey& wrap_key, ByteView key) {
  COFFER_TRY(check_usable(wrap_key));
  return kwp_wrap_any(wrap_key.reveal(), key);
}

Result<SecretBytes> kwp_unwrap(const WrapKey& wrap_key, ByteView wrapped) {
  COFFER_TRY(check_usable(wrap_key));
  return kwp_unwrap_any(wrap_key.reveal(), wrapped);
}

}  // namespace coffer
