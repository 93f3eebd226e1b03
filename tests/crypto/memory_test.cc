// Where keys are in this process's memory: found by reading all of it.
#include <gtest/gtest.h>

#include "coffer/crypto/aead.h"
#include "coffer/crypto/counter_mode.h"
#include "coffer/crypto/ctr.h"
#include "coffer/crypto/gmac.h"
#include "coffer/crypto/kdf.h"
#include "coffer/crypto/key_wrap.h"
#include "coffer/crypto/random.h"
#include "crypto/backends.h"
#include "support/memory_search.h"

namespace coffer {
namespace {

// A key whose bytes exist in secret memory only, and what to look for. The halves of a key are the first two round keys
// of AES-256, so finding either finds a key schedule as well.
struct Watched {
  explicit Watched(size_t size)
      : key(random_secret(size).value()), first(key.reveal()), second(key.reveal().subspan(size - 16)) {}
  SecretBytes key;
  Needle first, second;

  FoundPlaces places() const {
    FoundPlaces a = find(first), b = find(second);
    return {a.secret + b.secret, a.other + b.other};
  }
  void forget() { key = SecretBytes(); }
};

class CipherKeyMemory : public testing::TestWithParam<const CryptoBackend*> {
 protected:
  // OpenSSL allocates its own key schedules, which it wipes but does not lock.
  bool schedules_are_ours() const { return GetParam() != &openssl_backend(); }

  void expect_used(const Watched& watched, size_t own_copies) {
    FoundPlaces places = watched.places();
    EXPECT_GE(places.secret, own_copies);
    if (schedules_are_ours()) {
      EXPECT_EQ(places.other, 0u);
    }
  }
  void expect_gone(const Watched& watched) {
    FoundPlaces places = watched.places();
    EXPECT_EQ(places.secret, 0u);
    EXPECT_EQ(places.other, 0u);
  }
};

INSTANTIATE_TEST_SUITE_P(EveryBackend, CipherKeyMemory, testing::ValuesIn(usable_backends()),
                         [](const auto& instance) { return test_name_of(*instance.param); });

TEST_P(CipherKeyMemory, TheSearchFindsWhatIsThere) {
  Watched watched(32);
  EXPECT_EQ(watched.places().secret, 2u);
  EXPECT_EQ(watched.places().other, 0u);
  Bytes careless(watched.key.reveal().begin(), watched.key.reveal().end());
  EXPECT_EQ(watched.places().other, 2u);
  wipe(careless.data(), careless.size());
  EXPECT_EQ(watched.places().other, 0u);
}

TEST_P(CipherKeyMemory, AeadKeysStayInSecretMemoryAndVanish) {
  for (Suite suite : {Suite::kAes256Gcm, Suite::kChaCha20Poly1305}) {
    Watched watched(32);
    auto aead = AeadKey::create(suite, watched.key.reveal(), *GetParam()).value();
    watched.forget();
    std::array<uint8_t, kNonceSize> base{};
    Bytes text(5000 + kTagSize);
    for (uint64_t i = 0; i < 3; ++i) {
      ASSERT_TRUE(aead->seal(Nonce(base, i), {}, ByteView(text).first(5000), text.data()));
      ASSERT_TRUE(aead->open(Nonce(base, i), {}, text, text.data()));
    }
    expect_used(watched, 1);
    aead.reset();
    expect_gone(watched);
  }
}

TEST_P(CipherKeyMemory, CounterModeKeysStayInSecretMemoryAndVanish) {
  Watched watched(32);
  SecretBytes with_iv(32 + kNonceSize);
  std::ranges::copy(watched.key.reveal(), with_iv.reveal_mutable().begin());
  auto mode = CounterMode::create(Suite::kAes256Ctr, with_iv.reveal(), *GetParam()).value();
  watched.forget();
  with_iv = SecretBytes();
  Bytes text(5000);
  mode->apply(7, text, text.data());
  expect_used(watched, 1);
  mode.reset();
  expect_gone(watched);
}

TEST_P(CipherKeyMemory, GmacKeysStayInSecretMemoryAndVanish) {
  Watched watched(32);
  SecretBytes with_nonce(Gmac::kKeySize);
  std::ranges::copy(watched.key.reveal(), with_nonce.reveal_mutable().begin());
  auto gmac = GmacComputation::create(with_nonce.reveal(), *GetParam()).value();
  watched.forget();
  with_nonce = SecretBytes();
  gmac->update(Bytes(100));
  if (schedules_are_ours()) expect_used(watched, 1);
  (void)gmac->finish();
  gmac.reset();
  expect_gone(watched);
}

TEST(DerivedKeyMemory, UnwrappedKeysLeaveNothingBehindEither) {
  Watched parent(32);
  SecretBytes derived = derive(parent.key.reveal(), "file wrap", Bytes(33), 32).value();
  Needle derived_needle(derived.reveal());
  WrapKey wrap_key(std::move(derived));
  Bytes wrapped = kwp_wrap(wrap_key, parent.key.reveal()).value();
  SecretBytes unwrapped = kwp_unwrap(wrap_key, wrapped).value();
  EXPECT_EQ(parent.places().secret, 4u);  // the key and its unwrapped copy, two halves each
  EXPECT_EQ(parent.places().other, 0u);
  EXPECT_EQ(find(derived_needle).secret, 1u);
  EXPECT_EQ(find(derived_needle).other, 0u);
  parent.forget();
  unwrapped = SecretBytes();
  wrap_key = WrapKey();
  EXPECT_EQ(parent.places().secret + parent.places().other, 0u);
  EXPECT_EQ(find(derived_needle).secret + find(derived_needle).other, 0u);
}

}  // namespace
}  // namespace coffer
