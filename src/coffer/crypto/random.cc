#include "coffer/crypto/random.h"

#include <openssl/rand.h>
#include <sys/random.h>

#include <algorithm>

#include "coffer/base/check.h"
#include "coffer/crypto/library.h"
#include "coffer/crypto/openssl_handles.h"

namespace coffer {
namespace {

// Secrets come from a generator of their own, so that nothing about its state follows from ids and salts on disk.
struct Generator {
  int (*generate)(unsigned char* out, int size);
  // The same of a library of our own: the function above would ask whatever generator the process has put in its place.
  EVP_RAND_CTX* (*of_library)(OSSL_LIB_CTX* library);
};
constexpr Generator kPublic = {RAND_bytes, RAND_get0_public};
constexpr Generator kPrivate = {RAND_priv_bytes, RAND_get0_private};

constexpr size_t kPartMax = 256;  // what getrandom() gives whole, whatever signals come
using KernelBytes = std::array<uint8_t, kPartMax>;

// OpenSSL's generators live in this process's memory: after a snapshot of that was resumed twice they would give both
// the same keys and salts. The kernel's is told by the virtual machine monitor that this has happened (vmgenid, Linux
// 5.18), so its bytes go into every request.
bool fill_part(MutableBytes out, const Generator& generator, OSSL_LIB_CTX* library, KernelBytes& fresh) {
  if (getrandom(fresh.data(), out.size(), 0) != static_cast<ssize_t>(out.size())) return false;
  if (library == nullptr) {
    if (generator.generate(out.data(), static_cast<int>(out.size())) != 1) return false;
    for (size_t i = 0; i < out.size(); ++i) out[i] ^= fresh[i];
    return true;
  }
  EVP_RAND_CTX* const context = generator.of_library(library);
  return context != nullptr && EVP_RAND_generate(context, out.data(), out.size(), 0, 0, fresh.data(), out.size()) == 1;
}

Status no_entropy() {
  return {Code::kInternal, "the random generator has no entropy: check that getrandom() works here"};
}

Status fill(MutableBytes out, const Generator& generator) {
  ErrorQueueGuard guard;
  KernelBytes fresh;
  OSSL_LIB_CTX* const library = openssl_library();
  while (!out.empty()) {
    size_t count = std::min(out.size(), kPartMax);
    const bool filled = fill_part(out.first(count), generator, library, fresh);
    wipe(fresh.data(), fresh.size());
    if (!filled) {
      if (library == nullptr) return no_entropy();
      return {Code::kInternal, "the FIPS provider gives no random numbers (" + openssl_reason() + ")"};
    }
    out = out.subspan(count);
  }
  return Status::ok();
}

}  // namespace

Status random_bytes(MutableBytes out) { return fill(out, kPublic); }

Status unique_bytes(MutableBytes out) {
  COFFER_REQUIRE(out.size() <= kPartMax, "a nonce is short");
  if (openssl_library() != nullptr) return random_bytes(out);
  if (getrandom(out.data(), out.size(), 0) == static_cast<ssize_t>(out.size())) return Status::ok();
  return no_entropy();
}

uint64_t random_number() {
  uint64_t out = 0;
  MutableBytes bytes(reinterpret_cast<uint8_t*>(&out), sizeof out);
  if (!unique_bytes(bytes).is_ok()) out = 0;
  return out;
}

Result<Id> random_id() {
  Id id;
  COFFER_TRY(random_bytes(id.bytes));
  return id;
}

Result<SecretBytes> random_secret(size_t size) {
  SecretBytes out(size);
  COFFER_TRY(fill(out.reveal_mutable(), kPrivate));
  return out;
}

}  // namespace coffer
