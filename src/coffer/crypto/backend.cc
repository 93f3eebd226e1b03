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
#include "coffer/crypto/published_answers.h"
#ifdef COFFER_HAVE_IPSEC_MB
#include "coffer/crypto/ipsec_mb.h"
#endif

namespace coffer {
namespace {

// The later, the faster.
constexpr CryptoBackend kBackends[] = {
    {"openssl", Status::ok, false, openssl_aead_key, openssl_counter_mode, openssl_gmac},
#ifdef COFFER_HAVE_IPSEC_MB
    {"ipsec-mb", ipsec_mb_status, true, ipsec_mb_aead_key, ipsec_mb_counter_mode, ipsec_mb_gmac},
#endif
};

// All there is where the FIPS provider must do everything: its functions fetch from openssl_library().
constexpr CryptoBackend kFipsBackend[] = {
    {"openssl-fips", Status::ok, false, openssl_aead_key, openssl_counter_mode, openssl_gmac}};

// What a backend must be asked before an algorithm of it is used.
struct Checks {
  std::function<Status(const CryptoBackend&)> published;  // kInternal: the algorithm must not be used at all
  std::function<Status(const CryptoBackend&)> compared_with_openssl;
};

Status check(const CryptoBackend& backend, const CryptoBackend& openssl, const Checks& checks) {
  COFFER_TRY(backend.usable());
  COFFER_TRY(checks.published(backend));
  return &backend == &openssl ? Status::ok() : checks.compared_with_openssl(backend);
}

Result<const CryptoBackend*> wished_backend(std::string_view name, std::span<const CryptoBackend> backends,
                                            const Checks& checks) {
  std::string names;
  for (const CryptoBackend& backend : backends) {
    names.append(names.empty() ? "" : " or ").append(backend.name);
    if (backend.name != name) continue;
    const Status usable = check(backend, backends.front(), checks);
    if (usable.is_ok()) return &backend;
    if (usable.code() == Code::kInternal) return usable;
    return {usable.code(), "COFFER_CRYPTO=" + std::string(name) + ": " + std::string(usable.message()) +
                               "; unset the variable to use OpenSSL"};
  }
  return {Code::kInvalidArgument,
          "COFFER_CRYPTO=" + std::string(name) + " is no backend of this build: expected " + names};
}

Result<const CryptoBackend*> choose_checked(std::span<const CryptoBackend> backends, const Checks& checks) {
  const char* wish = std::getenv("COFFER_CRYPTO");
  if (wish != nullptr && *wish != 0) return wished_backend(wish, backends, checks);
  // The last that works. One that gives a wrong answer is not passed over: the machine, or a library, has a fault.
  Status last;
  for (size_t i = backends.size(); i-- > 0;) {
    last = check(backends[i], backends.front(), checks);
    if (last.is_ok()) return &backends[i];
    if (last.code() == Code::kInternal) break;
  }
  return last;
}

// For one algorithm.
class Choice {
 public:
  const Result<const CryptoBackend*>& made(const std::function<Result<const CryptoBackend*>()>& choose) {
    std::call_once(once_, [&] { backend_ = choose(); });
    return backend_;
  }

 private:
  std::once_flag once_;
  Result<const CryptoBackend*> backend_ = kBackends;
};

constexpr size_t kSuiteNumberMax = static_cast<size_t>(Suite::kAes256Ctr);

}  // namespace

std::span<const CryptoBackend> crypto_backends() { return kBackends; }

std::span<const CryptoBackend> permitted_backends() {
  openssl_library();  // whoever asks for a backend goes on to use it: from now on the others are out
  return is_fips() ? std::span<const CryptoBackend>(kFipsBackend) : crypto_backends();
}

Result<const CryptoBackend*> choose_backend(std::span<const CryptoBackend> backends, const SuiteInfo& info) {
  return choose_checked(backends,
                        {[&](const CryptoBackend& backend) { return check_published_suite(info, backend); },
                         [&](const CryptoBackend& backend) { return check_suite_against_openssl(info, backend); }});
}

Result<const CryptoBackend*> choose_gmac_backend(std::span<const CryptoBackend> backends) {
  return choose_checked(backends, {check_published_gmac, check_gmac_against_openssl});
}

Result<const CryptoBackend*> crypto_backend(Suite suite) {
  static std::array<Choice, kSuiteNumberMax + 1> choices;
  const SuiteInfo* info = find_suite(static_cast<uint8_t>(suite));
  if (info == nullptr) return kBackends;  // what is no suite every one refuses
  return choices.at(static_cast<size_t>(suite)).made([&] { return choose_backend(permitted_backends(), *info); });
}

Result<const CryptoBackend*> gmac_backend() {
  static Choice choice;
  return choice.made([] { return choose_gmac_backend(permitted_backends()); });
}

CryptoInUse crypto_in_use(Suite suite) {
  CryptoInUse out;
  const Result<const CryptoBackend*> backend = crypto_backend(suite);
  out.openssl = openssl_version();
  out.fips_provider = fips_provider_version();
#ifdef COFFER_HAVE_IPSEC_MB
  if (backend.is_ok() && (*backend)->name == "ipsec-mb") out.ipsec_mb = ipsec_mb_version();
#endif
  return out;
}

std::string describe(const CryptoInUse& in_use) {
  if (!in_use.fips_provider.empty()) {
    return "FIPS provider " + in_use.fips_provider + " alone, in OpenSSL " + in_use.openssl;
  }
  return (in_use.ipsec_mb.empty() ? "" : "ipsec-mb " + in_use.ipsec_mb + ", ") + "OpenSSL " + in_use.openssl;
}

Status not_offered(const CryptoBackend& backend, std::string_view what) {
  return {Code::kUnsupported, std::string(backend.name) + " on this machine does not offer " + std::string(what)};
}

}  // namespace coffer
