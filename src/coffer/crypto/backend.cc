#include "coffer/crypto/backend.h"

#include <cstdlib>
#include <string>

#include "coffer/crypto/known_answers.h"
#ifdef COFFER_HAVE_IPSEC_MB
#include "coffer/crypto/ipsec_mb.h"
#endif

namespace coffer {
namespace {

Status ipsec_mb_usable() {
#ifdef COFFER_HAVE_IPSEC_MB
  COFFER_TRY(ipsec_mb_status());
  return check_against_openssl(CryptoBackend::kIpsecMb);
#else
  return {Code::kUnsupported, "this build of Coffer has no ipsec-mb"};
#endif
}

Result<CryptoBackend> choose_backend() {
  const char* wish = std::getenv("COFFER_CRYPTO");
  std::string_view name = wish == nullptr ? std::string_view() : wish;
  if (name == "openssl") return CryptoBackend::kOpenSsl;
  if (!name.empty() && name != "ipsec-mb") {
    return {Code::kInvalidArgument,
            "COFFER_CRYPTO=" + std::string(name) + " is not a backend: expected openssl or ipsec-mb"};
  }
  Status usable = ipsec_mb_usable();
  if (usable.is_ok()) return CryptoBackend::kIpsecMb;
  if (name.empty()) return CryptoBackend::kOpenSsl;
  return {usable.code(),
          "COFFER_CRYPTO=ipsec-mb: " + std::string(usable.message()) + "; unset the variable to use OpenSSL"};
}

}  // namespace

Result<CryptoBackend> crypto_backend() {
  static const Result<CryptoBackend> choice = choose_backend();
  return choice;
}

std::string_view backend_name(CryptoBackend backend) {
  return backend == CryptoBackend::kIpsecMb ? "ipsec-mb" : "openssl";
}

}  // namespace coffer
