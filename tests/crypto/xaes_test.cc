#include "coffer/crypto/xaes.h"

#include <gtest/gtest.h>

#include <optional>
#include <set>
#include <thread>

#include "coffer/crypto/random.h"
#include "crypto/backends.h"
#include "support/forked_child.h"

namespace coffer {
namespace {

class Xaes : public testing::TestWithParam<const CryptoBackend*> {
 protected:
  static XaesGcm with(const XaesKey& key) { return XaesGcm::create(key.reveal(), *GetParam()).value(); }

  const XaesKey key_ = random_key<XaesRole>(32).value();
  XaesGcm xaes_ = with(key_);
};

INSTANTIATE_TEST_SUITE_P(EveryBackend, Xaes, testing::ValuesIn(usable_backends()),
                         [](const auto& backend) { return test_name_of(*backend.param); });

struct XaesMessage {
  Bytes ciphertext;
  XaesSeal seal;
};

XaesMessage seal_one(const XaesGcm& key, ByteView associated, ByteView plaintext) {
  XaesMessage out{Bytes(plaintext.begin(), plaintext.end()), {}};
  auto sealing = XaesSealing::begin(key).value();
  EXPECT_TRUE(sealing.seal(associated, out.ciphertext, out.ciphertext.data(), out.seal));
  return out;
}

bool opens(const XaesGcm& key, ByteView associated, const XaesMessage& message, Bytes& out) {
  out.assign(message.ciphertext.size(), 0xee);
  return XaesOpening(key).open(associated, message.ciphertext, message.seal, out.data());
}

TEST_P(Xaes, WhatIsSealedOpensAndNothingElseDoes) {
  const XaesGcm other = with(random_key<XaesRole>(32).value());
  for (size_t size : {0u, 1u, 16u, 17u, 4096u, 65536u}) {
    Bytes plaintext(size), opened;
    ASSERT_TRUE(random_bytes(plaintext));
    const Bytes associated = {1, 2, 3};
    const XaesMessage message = seal_one(xaes_, associated, plaintext);
    EXPECT_TRUE(opens(xaes_, associated, message, opened));
    EXPECT_EQ(opened, plaintext);

    EXPECT_FALSE(opens(xaes_, Bytes{1, 2}, message, opened));
    EXPECT_EQ(opened, Bytes(size));
    EXPECT_FALSE(opens(other, associated, message, opened));
    EXPECT_EQ(opened, Bytes(size));
    for (size_t i = 0; i < XaesSeal::kNonceSize + kTagSize; ++i) {
      XaesMessage altered = message;
      (i < XaesSeal::kNonceSize ? altered.seal.nonce.at(i) : altered.seal.tag.at(i - XaesSeal::kNonceSize)) ^= 0x40;
      EXPECT_FALSE(opens(xaes_, associated, altered, opened)) << i;
      EXPECT_EQ(opened, Bytes(size));
    }
    if (size == 0) continue;
    XaesMessage altered = message;
    altered.ciphertext.at(size / 2) ^= 1;
    EXPECT_FALSE(opens(xaes_, associated, altered, opened));
    EXPECT_EQ(opened, Bytes(size));
  }
}

TEST_P(Xaes, NoNonceIsUsedTwice) {
  std::set<std::array<uint8_t, XaesSeal::kNonceSize>> nonces;
  for (int run = 0; run < 20; ++run) {
    auto sealing = XaesSealing::begin(xaes_).value();
    for (int i = 0; i < 300; ++i) {
      XaesSeal seal;
      ASSERT_TRUE(sealing.seal({}, {}, nullptr, seal));
      EXPECT_TRUE(nonces.insert(seal.nonce).second);
    }
  }
}

TEST_P(Xaes, MessagesThatWereSealedAtOnceOpenInAnyOrderAmongOthers) {
  std::vector<XaesMessage> messages;
  for (int run = 0; run < 3; ++run) {
    auto sealing = XaesSealing::begin(xaes_).value();
    for (uint8_t i = 0; i < 4; ++i) {
      XaesMessage message{Bytes(100, i), {}};
      ASSERT_TRUE(sealing.seal({}, message.ciphertext, message.ciphertext.data(), message.seal));
      messages.push_back(std::move(message));
    }
  }
  XaesOpening opening(xaes_);
  for (size_t i = 0; i < messages.size(); ++i) {
    const size_t at = i * 5 % messages.size();
    Bytes opened(100);
    EXPECT_TRUE(opening.open({}, messages[at].ciphertext, messages[at].seal, opened.data())) << at;
    EXPECT_EQ(opened, Bytes(100, static_cast<uint8_t>(at % 4)));
  }
}

// More than there are places for derived keys, and of two keys in turn.
TEST_P(Xaes, AnyNumberOfOpeningsAndSealingsLiveAtOnce) {
  const XaesGcm other = with(random_key<XaesRole>(32).value());
  std::vector<XaesSealing> sealings;
  std::vector<XaesOpening> openings;
  std::vector<XaesMessage> messages;
  for (uint8_t i = 0; i < 150; ++i) {
    const XaesGcm& key = i % 2 == 0 ? xaes_ : other;
    sealings.push_back(XaesSealing::begin(key).value());
    openings.emplace_back(key);
    messages.push_back({Bytes(100, i), {}});
  }
  for (size_t i = 0; i < messages.size(); ++i) {
    auto& [ciphertext, seal] = messages[i];
    ASSERT_TRUE(sealings[i].seal({}, ciphertext, ciphertext.data(), seal));
  }
  for (int round = 0; round < 2; ++round) {
    for (size_t i = 0; i < messages.size(); ++i) {
      Bytes opened(100);
      EXPECT_TRUE(openings[i].open({}, messages[i].ciphertext, messages[i].seal, opened.data()));
      EXPECT_EQ(opened, Bytes(100, static_cast<uint8_t>(i)));
      EXPECT_FALSE(openings[i ^ 1].open({}, messages[i].ciphertext, messages[i].seal, opened.data()));
    }
  }
}

TEST_P(Xaes, ASealingOutlivesItsKey) {
  std::optional<XaesGcm> key = with(key_);
  auto sealing = XaesSealing::begin(*key).value();
  key.reset();
  XaesMessage message{Bytes(50, 7), {}};
  ASSERT_TRUE(sealing.seal({}, message.ciphertext, message.ciphertext.data(), message.seal));
  Bytes opened;
  EXPECT_TRUE(opens(xaes_, {}, message, opened));
}

TEST_P(Xaes, ManyThreadsUseItAtOnce) {
  std::vector<std::thread> threads;
  for (uint8_t t = 0; t < 8; ++t) {
    threads.emplace_back([&, t] {
      const XaesGcm own = with(random_key<XaesRole>(32).value());
      for (int i = 0; i < 200; ++i) {
        const XaesGcm& key = i % 2 == 0 ? xaes_ : own;
        Bytes opened;
        const XaesMessage message = seal_one(key, {}, Bytes(50, t));
        EXPECT_TRUE(opens(key, {}, message, opened));
        EXPECT_EQ(opened, Bytes(50, t));
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
}

TEST_P(Xaes, OneDrawOfRandomnessHasItsLimit) {
  auto sealing = XaesSealing::begin(xaes_).value();
  XaesSeal seal;
  for (uint64_t i = 0; i < XaesSealing::kMessagesMax; ++i) ASSERT_TRUE(sealing.seal({}, {}, nullptr, seal));
  EXPECT_EQ(sealing.seal({}, {}, nullptr, seal).code(), Code::kLimitExceeded);
}

TEST_P(Xaes, AKeyCanBeDroppedAndTakenAgain) {
  Bytes opened;
  const XaesMessage message = seal_one(xaes_, {}, Bytes(50, 7));
  xaes_.drop_key();
  xaes_.take_key(with(key_));
  EXPECT_TRUE(opens(xaes_, {}, message, opened));
  EXPECT_EQ(opened, Bytes(50, 7));
}

TEST_P(Xaes, AChildOfForkHasNoKey) {
  const XaesMessage message = seal_one(xaes_, {}, Bytes(50, 7));
  in_child([&] {
    Bytes opened;
    EXPECT_EQ(xaes_.usable().code(), Code::kKeyUnavailable);
    EXPECT_FALSE(opens(xaes_, {}, message, opened));
    EXPECT_EQ(opened, Bytes(50));
    EXPECT_EQ(XaesSealing::begin(xaes_).code(), Code::kKeyUnavailable);
  });
}

TEST(XaesKey, HasTheSizeOfItsCipher) {
  for (size_t size : {0u, 16u, 24u, 31u, 33u}) {
    EXPECT_EQ(XaesGcm::create(XaesKey(SecretBytes(size))).code(), Code::kInvalidArgument) << size;
  }
}

}  // namespace
}  // namespace coffer
