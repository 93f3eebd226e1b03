#include "coffer/crypto/backend.h"

#include <cstdlib>
#include <iterator>
#include <string>

#include "coffer/crypto/aead.h"
#include "coffer/crypto/counter_mode.h"
#include "coffer/crypto/gmac.h"
#include "coffer/crypto/known_answers.h"
#include "coffer/crypto/openssl.h"
#ifdef COFFER_HAVE_IPSEC_MB
#include "coffer/crypto/ipsec_mb.h"
#endif

namespace coffer {
namespace {

// The later, the faster.
constexpr CryptoBackend kBackends[] = {
    {"openssl", Status::ok, openssl_aead_key, openssl_counter_mode, openssl_gmac},
#ifdef COFFER_HAVE_IPSEC_MB
    {"ipsec-mb", ipsec_mb_status, ipsec_mb_aead_key, ipsec_mb_counter_mode, ipsec_mb_gmac},
#endif
};

Status check(const CryptoBackend& backend) {
  COFFER_TRY(backend.usable());
  return &backend == kBackends ? Status::ok() : check_against_openssl(backend);
}

Result<const CryptoBackend*> wished_backend(std::string_view name) {
  std::string names;
  for (const CryptoBackend& backend : kBackends) {
    names.append(names.empty() ? "" : " or ").append(backend.name);
    if (backend.name != name) continue;
    Status usable = check(backend);
    if (usable.is_ok()) return &backend;
    return {usable.code(), "COFFER_CRYPTO=" + std::string(name) + ": " + std::string(usable.message()) +
                               "; unset the variable to use OpenSSL"};
  }
  return {Code::kInvalidArgument,
          "COFFER_CRYPTO=" + std::string(name) + " is no backend of this build: expected " + names};
}

Result<const CryptoBackend*> choose_backend() {
  const char* wish = std::getenv("COFFER_CRYPTO");
  if (wish != nullptr && *wish != 0) return wished_backend(wish);
  // The last that works, since the table begins with the one that always does.
  for (size_t i = std::size(kBackends); i-- > 0;) {
    if (check(kBackends[i]).is_ok()) return &kBackends[i];
  }
  return {Code::kInternal, "no cryptographic backend works"};
}

}  // namespace

std::span<const CryptoBackend> crypto_backends() { return kBackends; }

Result<const CryptoBackend*> crypto_backend() {
  static const Result<const CryptoBackend*> choice = choose_backend();
  return choice;
}

Status not_offered(const CryptoBackend& backend, std::string_view what) {
  return {Code::kUnsupported, std::string(backend.name) + " on this machine does not offer " + std::string(what)};
}

}  // namespace coffer
