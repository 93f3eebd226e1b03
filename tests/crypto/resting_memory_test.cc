// Keys that are kept for long, where little memory may be locked and in children of fork().
#include <gtest/gtest.h>

#include <random>
#include <thread>

#include "coffer/crypto/aead.h"
#include "coffer/crypto/counter_mode.h"
#include "coffer/crypto/gmac.h"
#include "coffer/crypto/kdf.h"
#include "coffer/crypto/key_memory.h"
#include "coffer/crypto/random.h"
#include "coffer/crypto/resting_key.h"
#include "coffer/crypto/stream.h"
#include "crypto/backends.h"
#include "support/forked_child.h"
#include "support/memory_search.h"

namespace coffer {
namespace {

struct TestRole {};

// The halves of a key are the first two round keys of AES-256: either finds an expanded key as well.
struct Needles {
  explicit Needles(ByteView key) : first(key), second(key.last(16)) {}
  size_t found() const {
    const FoundPlaces a = find(first), b = find(second);
    return a.secret + a.other + b.secret + b.other;
  }
  Needle first, second;
};

TEST(RestingKeyMemory, AtRestAKeyIsNowhere) {
  auto key = random_key<TestRole>(32).value();
  const Needles needles(key.reveal());
  const auto resting = RestingKey<TestRole>::seal(key).value();
  EXPECT_EQ(resting.size(), 32u);
  EXPECT_TRUE(equal_constant_time(resting.open()->reveal(), key.reveal()));
  key = {};
  EXPECT_EQ(needles.found(), 0u);
  const RestingKey<TestRole> copy = resting;
  {
    const auto opened = copy.open().value();
    EXPECT_EQ(needles.found(), 2u);
  }
  EXPECT_EQ(needles.found(), 0u);
}

TEST(RestingKeyMemory, TwoKeysAtRestAreNeverSealedAlike) {
  const auto key = random_key<TestRole>(32).value();
  const auto one = RestingKey<TestRole>::seal(key).value();
  const auto other = RestingKey<TestRole>::seal(key).value();
  EXPECT_NE(std::memcmp(&one, &other, sizeof one), 0);
  EXPECT_TRUE(RestingKey<TestRole>::seal({}).value().empty());
  EXPECT_TRUE(RestingKey<TestRole>().open().value().empty());
}

// As a database with thousands of files open, in a container that may lock 64 KiB.
TEST(RestingKeyMemory, ThousandsOfKeysNeedLittleLockedMemory) {
  in_child([] {
    constexpr size_t kLimit = 64 * 1024;
    constexpr size_t kKeys = 5000;
    limit_locked_memory(kLimit);
    std::vector<StreamSealer> sealers;
    std::vector<StreamOpener> openers;
    for (size_t i = 0; i < kKeys; ++i) {
      const auto key = random_key<StreamRole>(44).value();
      sealers.push_back(StreamSealer::create(Suite::kAes256Gcm, key).value());
      openers.push_back(StreamOpener::create(Suite::kAes256Gcm, key).value());
    }
    std::vector<Bytes> sealed(kKeys, Bytes(100 + kTagSize));
    for (size_t i = 0; i < kKeys; ++i) ASSERT_TRUE(sealers[i].seal(0, {}, Bytes(100, 7), sealed[i].data()));
    std::vector<std::thread> threads;
    std::atomic<size_t> good{0};
    for (unsigned seed = 0; seed < 4; ++seed) {
      threads.emplace_back([&, seed] {
        std::minstd_rand random(seed);
        Bytes out(100);
        for (int round = 0; round < 20'000; ++round) {
          const size_t i = random() % kKeys;
          if (openers[i].open(0, {}, sealed[i], out.data()) && out == Bytes(100, 7)) ++good;
        }
      });
    }
    for (std::thread& thread : threads) thread.join();
    EXPECT_EQ(good, 80'000u);
    EXPECT_EQ(key_memory().secrets.unlocked_bytes, 0u);
    EXPECT_LE(key_memory().secrets.locked_bytes, kLimit);
    if (kMemoryIsLocked) {
      EXPECT_EQ(locked_memory(), key_memory().secrets.locked_bytes);
    }
  });
}

TEST(RestingKeyMemory, AKeyThatIsGoneIsNowhere) {
  in_child([] {
    limit_locked_memory(0);  // no key stays expanded
    auto key = random_key<StreamRole>(44).value();
    const Needles needles(key.reveal().first(32));
    auto sealer = std::make_unique<StreamSealer>(StreamSealer::create(Suite::kAes256Gcm, key).value());
    key = {};
    EXPECT_EQ(needles.found(), 0u);
    Bytes sealed(kTagSize);
    ASSERT_TRUE(sealer->seal(0, {}, {}, sealed.data()));
    EXPECT_GE(needles.found(), 2u);  // where it was used last
    sealer.reset();
    EXPECT_EQ(needles.found(), 0u);
  });
}

class ForkedKeyMemory : public testing::TestWithParam<const CryptoBackend*> {};
INSTANTIATE_TEST_SUITE_P(EveryBackend, ForkedKeyMemory, testing::ValuesIn(usable_backends()),
                         [](const auto& instance) { return test_name_of(*instance.param); });

constexpr std::array<uint8_t, kNonceSize> kBase{};

TEST_P(ForkedKeyMemory, AChildHasNoAeadKeyAndIsTold) {
  for (Suite suite : {Suite::kAes256Gcm, Suite::kChaCha20Poly1305}) {
    SecretBytes key = random_secret(32).value();
    const Needles needles(key.reveal());
    const auto aead = AeadKey::create(suite, key.reveal(), *GetParam()).value();
    Bytes sealed(100 + kTagSize), opened(100, 9);
    ASSERT_TRUE(aead->seal(Nonce(kBase, 1), {}, Bytes(100, 7), sealed.data()));
    in_child([&] {
      EXPECT_EQ(needles.found(), 0u);
      const Bytes before = sealed;
      EXPECT_EQ(aead->seal(Nonce(kBase, 2), {}, Bytes(100, 7), sealed.data()).code(), Code::kKeyUnavailable);
      EXPECT_EQ(sealed, before);
      EXPECT_FALSE(aead->open(Nonce(kBase, 1), {}, sealed, opened.data()));
      EXPECT_EQ(opened, Bytes(100));
      EXPECT_EQ(aead->usable().code(), Code::kKeyUnavailable);
      // Its own keys are as good as any.
      const auto own = AeadKey::create(suite, Bytes(32, 1), *GetParam()).value();
      ASSERT_TRUE(own->seal(Nonce(kBase, 1), {}, Bytes(100, 7), sealed.data()));
      EXPECT_TRUE(own->open(Nonce(kBase, 1), {}, sealed, opened.data()));
    });
    EXPECT_TRUE(aead->open(Nonce(kBase, 1), {}, sealed, opened.data()));
  }
}

TEST_P(ForkedKeyMemory, AChildHasNoCounterModeKeyAndNoMacKey) {
  SecretBytes key = random_secret(44).value();
  const Needles needles(key.reveal().first(32));
  const auto mode = CounterMode::create(Suite::kAes256Ctr, key.reveal(), *GetParam()).value();
  const auto gmac = GmacComputation::create(key.reveal(), *GetParam()).value();
  key = SecretBytes();
  Bytes text(100);
  mode->apply(0, text, text.data());
  gmac->update(text);
  in_child([&] {
    EXPECT_EQ(needles.found(), 0u);
    EXPECT_EQ(mode->usable().code(), Code::kKeyUnavailable);
  });
  EXPECT_TRUE(mode->usable());
  (void)gmac->finish();
}

TEST(ForkedRestingKeyMemory, DoesNotOpenInAChild) {
  const auto key = random_key<TestRole>(32).value();
  const auto resting = RestingKey<TestRole>::seal(key).value();
  in_child([&] {
    EXPECT_EQ(resting.open().code(), Code::kKeyUnavailable);
    EXPECT_TRUE(RestingKey<TestRole>::seal(random_key<TestRole>(32).value()).value().open().is_ok());
    EXPECT_EQ(resting.open().code(), Code::kKeyUnavailable);
  });
  EXPECT_TRUE(resting.open().is_ok());
}

TEST(KeyMemoryReport, SaysWhatOpenSslHas) {
  const size_t before = key_memory().openssl_keys;
  const auto aead = AeadKey::create(Suite::kAes256Gcm, Bytes(32, 1), openssl_backend()).value();
  EXPECT_EQ(key_memory().openssl_keys, before + 1);
  EXPECT_FALSE(key_memory().is_protected());
  EXPECT_EQ(describe({{4096, 64}, 2}),
            "4096 bytes locked, 64 bytes with keys could not be, OpenSSL has 2 keys on its heap, which is not");
}

}  // namespace
}  // namespace coffer
