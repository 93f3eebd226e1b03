// PKCS#12 keystores, as if the MAC had been right: whatever a file holds, it is keys with aliases or an error, at no
// more work than is allowed.
#include "coffer/net/stores/pkcs12.h"

#include "fuzz/input.h"

namespace {

using namespace coffer;
using namespace coffer::keystore;

void check_key(const ProtectedKey& key, const Password& password, WorkBudget& budget) {
  fuzz_check(key.alias.size() <= 4 * 256, "an alias is bounded");
  const auto aes = open_secret_key(key, password, budget);
  fuzz_check(!aes.is_ok() || aes->size() == 16 || aes->size() == 24 || aes->size() == 32,
             "an AES key has a known size");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  constexpr uint64_t kRoundsMax = 20'000;  // the seeds' own number, twice
  const Password password(SecretBytes::copy_of(as_bytes("swordfish")));
  const ByteView contents(data, size);
  WorkBudget budget(kRoundsMax);
  auto checked = read_pkcs12_secrets(contents, password, budget);
  auto secrets = parse_pkcs12_secrets(contents, password, budget);
  auto identity = read_pkcs12_identity(contents, password, budget);
  fuzz_check(identity.is_ok() || !identity.status().message().empty(), "an error says what is wrong");
  fuzz_check(!checked.is_ok() || secrets.is_ok() || secrets.code() == Code::kLimitExceeded,
             "what has the right MAC can be read");
  if (!secrets.is_ok()) {
    fuzz_check(!secrets.status().message().empty(), "an error says what is wrong");
    return 0;
  }
  fuzz_check(secrets->keys.size() <= secrets->entries, "every key is an entry");
  for (const ProtectedKey& key : secrets->keys) check_key(key, password, budget);
  return 0;
}
