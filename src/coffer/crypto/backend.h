// Which implementation does the bulk of the work, and the table of those that this build has. Chosen for each algorithm
// once per process, before it is used for the first time: the last in the table that works here and computes what
// OpenSSL does. Whichever gives another answer than was published makes the algorithm unusable. The environment
// variable COFFER_CRYPTO=openssl|ipsec-mb forces one; a forced backend that is not usable, or another value, is an
// error.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "coffer/base/bytes.h"
#include "coffer/crypto/suite.h"

namespace coffer {

class AeadKey;
class CounterMode;
class GmacComputation;

// How a key lies in secret memory while it is not used, where the backend has a choice.
enum class Expansion : uint8_t {
  kAlways,      // expanded: for what is used at once, or all the time
  kWhileRoomy,  // expanded as long as locked memory has room, else at rest (crypto/resting_key.h)
};

// A row of the table. Its functions expand keys whose sizes were checked, and return null for a suite that the backend
// does not have. A new backend is a row more in backend.cc.
struct CryptoBackend {
  std::string_view name;
  Status (*usable)();  // ok, or why not on this machine
  // Whether it computes with expanded keys in secret memory; else they are on a heap that is not ours.
  bool expands_in_secret_memory;
  std::unique_ptr<AeadKey> (*aead_key)(Suite suite, ByteView key, Expansion expansion);
  std::unique_ptr<CounterMode> (*counter_mode)(Suite suite, ByteView key, ByteView iv);
  std::unique_ptr<GmacComputation> (*gmac)(ByteView key, ByteView nonce);
};

// OpenSSL, which every build has and the others are compared with, comes first.
std::span<const CryptoBackend> crypto_backends();
// Those that this process may use: with require_fips() one alone. Decides, where nobody did.
std::span<const CryptoBackend> permitted_backends();
// The backend in use for a suite, or for GMAC, or why none is: every create() in crypto/ reports the same Status. Never
// null.
Result<const CryptoBackend*> crypto_backend(Suite suite);
Result<const CryptoBackend*> gmac_backend();
// The same of any table, anew.
Result<const CryptoBackend*> choose_backend(std::span<const CryptoBackend> backends, const SuiteInfo& info);
Result<const CryptoBackend*> choose_gmac_backend(std::span<const CryptoBackend> backends);

// What people are told of it.
struct CryptoInUse {
  std::string openssl;        // version
  std::string ipsec_mb;       // version; empty where it does not do this suite
  std::string fips_provider;  // version; empty unless everything is done by it
};
CryptoInUse crypto_in_use(Suite suite);
// "ipsec-mb 1.3.0, OpenSSL 3.0.19"
std::string describe(const CryptoInUse& in_use);

// kUnsupported: the backend does not have `what`.
Status not_offered(const CryptoBackend& backend, std::string_view what);

}  // namespace coffer
