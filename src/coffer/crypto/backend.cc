#include "coffer/crypto/backend.h"

#include <array>
#include <cstdlib>
#include <functional>
#include <iterator>
#include <mutex>
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

using KnownAnswers = std::function<Status(const CryptoBackend&)>;

Status check(const CryptoBackend& backend, const KnownAnswers& known_answers) {
  COFFER_TRY(backend.usable());
  return &backend == kBackends ? Status::ok() : known_answers(backend);
}

Result<const CryptoBackend*> wished_backend(std::string_view name, const KnownAnswers& known_answers) {
  std::string names;
  for (const CryptoBackend& backend : kBackends) {
    names.append(names.empty() ? "" : " or ").append(backend.name);
    if (backend.name != name) continue;
    Status usable = check(backend, known_answers);
    if (usable.is_ok()) return &backend;
    return {usable.code(), "COFFER_CRYPTO=" + std::string(name) + ": " + std::string(usable.message()) +
                               "; unset the variable to use OpenSSL"};
  }
  return {Code::kInvalidArgument,
          "COFFER_CRYPTO=" + std::string(name) + " is no backend of this build: expected " + names};
}

Result<const CryptoBackend*> choose_backend(const KnownAnswers& known_answers) {
  const char* wish = std::getenv("COFFER_CRYPTO");
  if (wish != nullptr && *wish != 0) return wished_backend(wish, known_answers);
  // The last that works, since the table begins with the one that always does.
  for (size_t i = std::size(kBackends); i-- > 0;) {
    if (check(kBackends[i], known_answers).is_ok()) return &kBackends[i];
  }
  return {Code::kInternal, "no cryptographic backend works"};
}

// For one algorithm.
class Choice {
 public:
  const Result<const CryptoBackend*>& made(const KnownAnswers& known_answers) {
    std::call_once(once_, [&] { backend_ = choose_backend(known_answers); });
    return backend_;
  }

 private:
  std::once_flag once_;
  Result<const CryptoBackend*> backend_ = kBackends;
};

constexpr size_t kSuiteNumberMax = static_cast<size_t>(Suite::kAes256Ctr);

}  // namespace

std::span<const CryptoBackend> crypto_backends() { return kBackends; }

Result<const CryptoBackend*> crypto_backend(Suite suite) {
  static std::array<Choice, kSuiteNumberMax + 1> choices;
  const SuiteInfo* info = find_suite(static_cast<uint8_t>(suite));
  if (info == nullptr) return kBackends;  // what is no suite every one refuses
  return choices.at(static_cast<size_t>(suite)).made([&](const CryptoBackend& backend) {
    return check_suite_against_openssl(*info, backend);
  });
}

Result<const CryptoBackend*> gmac_backend() {
  static Choice choice;
  return choice.made(check_gmac_against_openssl);
}

Status not_offered(const CryptoBackend& backend, std::string_view what) {
  return {Code::kUnsupported, std::string(backend.name) + " on this machine does not offer " + std::string(what)};
}

}  // namespace coffer
