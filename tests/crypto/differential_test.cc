// Every backend against OpenSSL, over random sizes and around every boundary.
#include <gtest/gtest.h>

#include <thread>

#include "coffer/crypto/aead.h"
#include "coffer/crypto/counter_mode.h"
#include "coffer/crypto/ctr.h"
#include "coffer/crypto/gmac.h"
#include "crypto/backends.h"
#include "support/random_source.h"

namespace coffer {
namespace {

constexpr Suite kAeadSuites[] = {Suite::kAes128Gcm, Suite::kAes192Gcm, Suite::kAes256Gcm, Suite::kChaCha20Poly1305};
constexpr Suite kCtrSuites[] = {Suite::kAes128Ctr, Suite::kAes192Ctr, Suite::kAes256Ctr};
constexpr uint64_t kCarry = uint64_t{1} << 36;  // where the counter's last 32 bits overflow: 64 GiB

// Mostly small, now and then large: where tails and vectorised loops meet.
size_t random_size(RandomSource& source) {
  switch (source.below(8)) {
    case 0: return 0;
    case 1: return source.below(70000);
    case 2: return source.below(5000);
    default: return source.below(600);
  }
}

class AeadPair {
 public:
  AeadPair(Suite suite, const CryptoBackend& backend, RandomSource& source) {
    Bytes key = source.bytes(suite_info(suite).key_size);
    reference_ = AeadKey::create(suite, key, openssl_backend()).value();
    candidate_ = AeadKey::create(suite, key, backend).value();
    for (uint8_t& byte : base_) byte = static_cast<uint8_t>(source.next());
  }

  // Each seals, the other opens, in place and not; then one flipped bit anywhere must be refused.
  void expect_agreement(size_t size, size_t associated_size, uint64_t index, RandomSource& source) const {
    Nonce nonce(base_, index);
    Bytes plaintext = source.bytes(size), associated = source.bytes(associated_size);
    Bytes expected(size + kTagSize);
    ASSERT_TRUE(reference_->seal(nonce, associated, plaintext, expected.data()));
    Bytes sealed(plaintext);
    sealed.resize(size + kTagSize);
    ASSERT_TRUE(candidate_->seal(nonce, associated, ByteView(sealed).first(size), sealed.data()));
    ASSERT_EQ(sealed, expected) << size << " bytes, " << associated_size << " associated";
    Bytes opened(size, 0xee);
    ASSERT_TRUE(reference_->open(nonce, associated, sealed, opened.data()));
    ASSERT_EQ(opened, plaintext);
    ASSERT_TRUE(candidate_->open(nonce, associated, sealed, sealed.data()));
    ASSERT_EQ(Bytes(sealed.begin(), sealed.begin() + static_cast<ptrdiff_t>(size)), plaintext);
    expect_refusal(nonce, associated, expected, source);
  }

 private:
  void expect_refusal(const Nonce& nonce, Bytes associated, Bytes sealed, RandomSource& source) const {
    size_t bit = source.below((associated.size() + sealed.size()) * 8);
    size_t byte = bit / 8;
    uint8_t flip = static_cast<uint8_t>(1 << bit % 8);
    (byte < associated.size() ? associated[byte] : sealed[byte - associated.size()]) ^= flip;
    for (const auto* key : {&reference_, &candidate_}) {
      Bytes opened(sealed.size() - kTagSize, 0xee);
      ASSERT_FALSE((*key)->open(nonce, associated, sealed, opened.data())) << "bit " << bit;
      ASSERT_EQ(opened, Bytes(opened.size())) << "bit " << bit;
    }
  }

  std::unique_ptr<AeadKey> reference_, candidate_;
  std::array<uint8_t, kNonceSize> base_{};
};

class Differential : public testing::TestWithParam<const CryptoBackend*> {};

INSTANTIATE_TEST_SUITE_P(EveryBackend, Differential, testing::ValuesIn(usable_backends()),
                         [](const auto& instance) { return test_name_of(*instance.param); });

TEST_P(Differential, AeadsAgreeOnEverySizeUpTo1100) {
  RandomSource source;
  SCOPED_TRACE(source.trace());
  for (Suite suite : kAeadSuites) {
    AeadPair pair(suite, *GetParam(), source);
    for (size_t size = 0; size <= 1100; ++size) {
      pair.expect_agreement(size, size % 67, size, source);
      if (HasFatalFailure()) FAIL() << suite_info(suite).name;
    }
  }
}

TEST_P(Differential, AeadsAgreeOnRandomSizesAndIndices) {
  RandomSource source;
  SCOPED_TRACE(source.trace());
  for (Suite suite : kAeadSuites) {
    for (int key = 0; key < 20; ++key) {
      AeadPair pair(suite, *GetParam(), source);
      for (int i = 0; i < 10; ++i) {
        pair.expect_agreement(random_size(source), random_size(source) % 3000, source.next(), source);
        if (HasFatalFailure()) FAIL() << suite_info(suite).name;
      }
    }
  }
}

TEST_P(Differential, OneKeyServesManyThreads) {
  RandomSource source;
  SCOPED_TRACE(source.trace());
  for (Suite suite : kAeadSuites) {
    AeadPair pair(suite, *GetParam(), source);
    std::vector<std::thread> threads;
    // More threads than a pool of contexts has slots.
    for (uint64_t number = 0; number < 20; ++number) {
      threads.emplace_back([&pair, seed = source.next(), number] {
        RandomSource own(seed);
        for (uint64_t i = 0; i < 40; ++i) pair.expect_agreement(own.below(3000), own.below(50), number << 32 | i, own);
      });
    }
    for (std::thread& thread : threads) thread.join();
  }
}

TEST_P(Differential, CounterModeAgreesAtEveryBoundary) {
  RandomSource source;
  SCOPED_TRACE(source.trace());
  const uint64_t around[] = {0, kCarry, 2 * kCarry, CounterMode::kOffsetMax - kCarry};
  for (Suite suite : kCtrSuites) {
    Bytes key = source.bytes(ctr_key_size(suite));
    // All ones carry furthest.
    if (source.below(2) == 0) std::fill(key.end() - kNonceSize, key.end(), uint8_t{0xff});
    auto reference = CounterMode::create(suite, key, openssl_backend()).value();
    auto candidate = CounterMode::create(suite, key, *GetParam()).value();
    Bytes text = source.bytes(5000);
    for (uint64_t centre : around) {
      for (uint64_t offset = centre < 40 ? 0 : centre - 40; offset <= centre + 40; ++offset) {
        for (size_t size : {0u, 1u, 15u, 16u, 17u, 31u, 32u, 33u, 64u, 255u, 256u, 257u, 4999u}) {
          Bytes expected(size, 0xee), in_place(text.begin(), text.begin() + size);
          reference->apply(offset, in_place, expected.data());
          candidate->apply(offset, in_place, in_place.data());
          ASSERT_EQ(in_place, expected) << suite_info(suite).name << " offset " << offset << " size " << size;
        }
      }
    }
  }
}

TEST_P(Differential, OneCounterModeServesManyThreads) {
  RandomSource source;
  SCOPED_TRACE(source.trace());
  for (Suite suite : kCtrSuites) {
    auto mode = CounterMode::create(suite, source.bytes(ctr_key_size(suite)), *GetParam()).value();
    Bytes whole(100000);
    mode->apply(kCarry - 50000, whole, whole.data());
    std::vector<std::thread> threads;
    for (int number = 0; number < 20; ++number) {
      threads.emplace_back([&, seed = source.next()] {
        RandomSource own(seed);
        for (int i = 0; i < 100; ++i) {
          size_t from = own.below(whole.size()), size = own.below(std::min<size_t>(whole.size() - from, 3000));
          Bytes piece(size);
          mode->apply(kCarry - 50000 + from, piece, piece.data());
          ASSERT_TRUE(std::equal(piece.begin(), piece.end(), whole.begin() + static_cast<ptrdiff_t>(from)));
        }
      });
    }
    for (std::thread& thread : threads) thread.join();
  }
}

TEST_P(Differential, GmacAgreesHoweverTheMessageIsCut) {
  RandomSource source;
  SCOPED_TRACE(source.trace());
  for (size_t round = 0; round < 300; ++round) {
    Bytes key = source.bytes(Gmac::kKeySize);
    Bytes message = source.bytes(round < 100 ? round : random_size(source));
    auto reference = GmacComputation::create(key, openssl_backend()).value();
    auto candidate = GmacComputation::create(key, *GetParam()).value();
    if (!message.empty()) reference->update(message);
    for (ByteView rest = message; !rest.empty();) {
      size_t size = 1 + source.below(std::min<size_t>(rest.size(), source.below(2) == 0 ? 40 : 5000));
      candidate->update(rest.first(size));
      rest = rest.subspan(size);
    }
    ASSERT_EQ(to_hex(reference->finish()), to_hex(candidate->finish())) << message.size();
  }
}

// GMAC is GCM of an empty plaintext (SP 800-38D section 3).
TEST_P(Differential, GmacIsGcmWithoutPlaintext) {
  RandomSource source;
  SCOPED_TRACE(source.trace());
  Bytes key = source.bytes(Gmac::kKeySize), message = source.bytes(1000);
  std::array<uint8_t, kNonceSize> nonce{};
  std::copy(key.end() - kNonceSize, key.end(), nonce.begin());
  Bytes tag(kTagSize);
  auto gcm = AeadKey::create(Suite::kAes256Gcm, ByteView(key).first(32), *GetParam()).value();
  ASSERT_TRUE(gcm->seal(Nonce(nonce, 0), message, {}, tag.data()));
  auto gmac = GmacComputation::create(key, *GetParam()).value();
  gmac->update(message);
  EXPECT_EQ(to_hex(gmac->finish()), to_hex(tag));
}

}  // namespace
}  // namespace coffer
