#include "coffer/crypto/random.h"

#include <openssl/rand.h>

#include <algorithm>

#include "coffer/crypto/openssl.h"

namespace coffer {
namespace {

// Secrets come from a generator of their own, so that nothing about its state follows from ids and salts on disk.
Status fill(MutableBytes out, int (*generate)(unsigned char*, int)) {
  constexpr size_t kRequestMax = size_t{1} << 20;
  ErrorQueueGuard guard;
  while (!out.empty()) {
    size_t count = std::min(out.size(), kRequestMax);
    if (generate(out.data(), static_cast<int>(count)) != 1) {
      return {Code::kInternal, "the random generator has no entropy: check that getrandom() works here"};
    }
    out = out.subspan(count);
  }
  return Status::ok();
}

}  // namespace

Status random_bytes(MutableBytes out) { return fill(out, RAND_bytes); }

Result<Id> random_id() {
  Id id;
  COFFER_TRY(random_bytes(id.bytes));
  return id;
}

Result<SecretBytes> random_secret(size_t size) {
  SecretBytes out(size);
  COFFER_TRY(fill(out.reveal_mutable(), RAND_priv_bytes));
  return out;
}

}  // namespace coffer
