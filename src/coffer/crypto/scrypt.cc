#include "coffer/crypto/scrypt.h"

#include <openssl/core_names.h>
#include <openssl/kdf.h>

#include "coffer/crypto/kdf.h"
#include "coffer/crypto/library.h"
#include "coffer/crypto/openssl_handles.h"

namespace coffer {
namespace {

using Kdf = std::unique_ptr<EVP_KDF, OpenSslFree<EVP_KDF_free>>;
using ScryptContext = std::unique_ptr<EVP_KDF_CTX, OpenSslFree<EVP_KDF_CTX_free>>;

struct Cost {
  uint64_t n;
  uint32_t r;
};

bool compute(ByteView passphrase, ByteView salt, Cost cost, MutableBytes out) {
  ErrorQueueGuard guard;
  static constexpr uint8_t kNothing = 0;
  const auto bytes = [](const char* name, ByteView of) {
    return OSSL_PARAM_construct_octet_string(name, const_cast<uint8_t*>(of.empty() ? &kNothing : of.data()), of.size());
  };
  const Kdf kdf(EVP_KDF_fetch(openssl_library(), "SCRYPT", nullptr));
  const ScryptContext context(kdf == nullptr ? nullptr : EVP_KDF_CTX_new(kdf.get()));
  uint32_t p = 1;
  // 128 × N × r bytes, and a little for the rest.
  uint64_t memory_max = 128 * cost.n * cost.r + (uint64_t{1} << 20);
  const OSSL_PARAM params[] = {bytes(OSSL_KDF_PARAM_PASSWORD, passphrase),
                               bytes(OSSL_KDF_PARAM_SALT, salt),
                               OSSL_PARAM_construct_uint64(OSSL_KDF_PARAM_SCRYPT_N, &cost.n),
                               OSSL_PARAM_construct_uint32(OSSL_KDF_PARAM_SCRYPT_R, &cost.r),
                               OSSL_PARAM_construct_uint32(OSSL_KDF_PARAM_SCRYPT_P, &p),
                               OSSL_PARAM_construct_uint64(OSSL_KDF_PARAM_SCRYPT_MAXMEM, &memory_max),
                               OSSL_PARAM_construct_end()};
  return context != nullptr && EVP_KDF_derive(context.get(), out.data(), out.size(), params) == 1;
}

// RFC 7914, section 12, the first vector.
Status check_published_scrypt() {
  constexpr std::array<uint8_t, 64> kAnswer = {
      0x77, 0xd6, 0x57, 0x62, 0x38, 0x65, 0x7b, 0x20, 0x3b, 0x19, 0xca, 0x42, 0xc1, 0x8a, 0x04, 0x97,
      0xf1, 0x6b, 0x48, 0x44, 0xe3, 0x07, 0x4a, 0xe8, 0xdf, 0xdf, 0xfa, 0x3f, 0xed, 0xe2, 0x14, 0x42,
      0xfc, 0xd0, 0x06, 0x9d, 0xed, 0x09, 0x48, 0xf8, 0x32, 0x6a, 0x75, 0x3a, 0x0f, 0xc8, 0x1f, 0x17,
      0xe8, 0xd3, 0xe0, 0xfb, 0x2e, 0x0d, 0x36, 0x28, 0xcf, 0x35, 0xe2, 0x0c, 0x38, 0xd1, 0x89, 0x06};
  std::array<uint8_t, 64> out{};
  if (compute({}, {}, {16, 1}, out) && equal_constant_time(out, kAnswer)) return Status::ok();
  return {Code::kInternal, "scrypt does not give the answer that was published for it; it is not used"};
}

}  // namespace

Result<SecretBytes> scrypt(ByteView passphrase, ByteView salt, int n_log2, size_t size) {
  if (is_fips()) return {Code::kUnsupported, "crypto: fips does not allow scrypt, which is not approved"};
  if (n_log2 < kScryptLog2Min || n_log2 > kScryptLog2Max) {
    return {Code::kInvalidArgument, "scrypt runs with an N of 2^16 to 2^20, not 2^" + std::to_string(n_log2)};
  }
  static const Status checked = check_published_scrypt();
  COFFER_TRY(checked);
  SecretBytes out(size);
  if (compute(passphrase, salt, {uint64_t{1} << n_log2, 8}, out.reveal_mutable())) return out;
  return {Code::kLimitExceeded,
          "scrypt cannot have its " + std::to_string(uint64_t{1} << (n_log2 - 10)) + " MiB of memory; free some"};
}

}  // namespace coffer
