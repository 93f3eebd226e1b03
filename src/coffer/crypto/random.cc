#include "coffer/crypto/random.h"

#include <openssl/rand.h>

#include <algorithm>

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

bool fill_part(MutableBytes out, const Generator& generator, OSSL_LIB_CTX* library) {
  if (library == nullptr) return generator.generate(out.data(), static_cast<int>(out.size())) == 1;
  EVP_RAND_CTX* const context = generator.of_library(library);
  return context != nullptr && EVP_RAND_generate(context, out.data(), out.size(), 0, 0, nullptr, 0) == 1;
}

Status fill(MutableBytes out, const Generator& generator) {
  constexpr size_t kRequestMax = size_t{1} << 20;
  ErrorQueueGuard guard;
  OSSL_LIB_CTX* const library = openssl_library();
  while (!out.empty()) {
    size_t count = std::min(out.size(), kRequestMax);
    if (!fill_part(out.first(count), generator, library)) {
      return {Code::kInternal, library == nullptr
                                   ? "the random generator has no entropy: check that getrandom() works here"
                                   : "the FIPS provider gives no random numbers (" + openssl_reason() + ")"};
    }
    out = out.subspan(count);
  }
  return Status::ok();
}

}  // namespace

Status random_bytes(MutableBytes out) { return fill(out, kPublic); }

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
