#include "coffer/crypto/backend.h"

#include <cstdlib>
#include <string>

namespace coffer {
namespace {

Result<CryptoBackend> choose_backend() {
  const char* wish = std::getenv("COFFER_CRYPTO");
  std::string_view name = wish == nullptr ? std::string_view() : wish;
  if (name.empty() || name == "openssl") return CryptoBackend::kOpenSsl;
  if (name == "ipsec-mb") {
    return Status(Code::kUnsupported,
                  "COFFER_CRYPTO=ipsec-mb: this build of Coffer has no ipsec-mb; unset the variable");
  }
  return Status(Code::kInvalidArgument,
                "COFFER_CRYPTO=" + std::string(name) + " is not a backend: expected openssl or ipsec-mb");
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
