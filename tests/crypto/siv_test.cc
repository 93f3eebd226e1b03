#include "coffer/crypto/siv.h"

#include <gtest/gtest.h>
#include <openssl/evp.h>

#include "coffer/crypto/openssl_handles.h"
#include "coffer/crypto/random.h"
#include "crypto/backends.h"
#include "support/forked_child.h"
#include "support/random_source.h"
#include "support/vectors.h"

namespace coffer {
namespace {

class Siv : public testing::TestWithParam<const CryptoBackend*> {
 protected:
  static AesSiv with(ByteView key) { return AesSiv::create(key, *GetParam()).value(); }
};

INSTANTIATE_TEST_SUITE_P(EveryBackend, Siv, testing::ValuesIn(usable_backends()),
                         [](const auto& backend) { return test_name_of(*backend.param); });

std::vector<ByteView> views_of(const std::vector<Bytes>& parts) { return {parts.begin(), parts.end()}; }

Bytes sealed_by(const AesSiv& siv, const std::vector<Bytes>& associated, ByteView plaintext) {
  Bytes out(AesSiv::kTagSize + plaintext.size());
  EXPECT_TRUE(siv.seal(views_of(associated), plaintext, out));
  return out;
}

// As OpenSSL's own cipher seals.
Bytes sealed_by_openssl(ByteView key, const std::vector<Bytes>& associated, ByteView plaintext) {
  const std::unique_ptr<EVP_CIPHER, OpenSslFree<EVP_CIPHER_free>> cipher(
      EVP_CIPHER_fetch(nullptr, "AES-256-SIV", nullptr));
  const CipherContext context(EVP_CIPHER_CTX_new());
  int count = 0;
  EXPECT_EQ(EVP_EncryptInit_ex2(context.get(), cipher.get(), key.data(), nullptr, nullptr), 1);
  for (const Bytes& each : associated) {
    EXPECT_EQ(EVP_EncryptUpdate(context.get(), nullptr, &count, each.data(), static_cast<int>(each.size())), 1);
  }
  Bytes out(AesSiv::kTagSize + plaintext.size());
  EXPECT_EQ(EVP_EncryptUpdate(context.get(), out.data() + AesSiv::kTagSize, &count, plaintext.data(),
                              static_cast<int>(plaintext.size())),
            1);
  EXPECT_EQ(EVP_CIPHER_CTX_ctrl(context.get(), EVP_CTRL_AEAD_GET_TAG, AesSiv::kTagSize, out.data()), 1);
  return out;
}

TEST_P(Siv, GivesThePublishedAnswers) {
  for_each_vector("aes_siv.txt", [](VectorRecord& record) {
    SCOPED_TRACE(record.text("case"));
    std::vector<Bytes> associated;
    for (std::string list = record.text("associated"); !list.empty();) {
      const size_t end = std::min(list.find(','), list.size());
      associated.push_back(from_hex(list.substr(0, end)).value());
      list.erase(0, end + 1);
    }
    const AesSiv siv = with(record.hex("key"));
    EXPECT_EQ(to_hex(sealed_by(siv, associated, record.hex("plaintext"))), to_hex(record.hex("sealed")));
  });
}

TEST_P(Siv, SealsAsOpenSslDoesAndOpensWhatItSealed) {
  RandomSource source;
  for (size_t size = 1; size < 300; ++size) {
    const Bytes key = source.bytes(AesSiv::kKeySize), plaintext = source.bytes(size);
    const std::vector<Bytes> associated(source.below(3), source.bytes(1 + source.below(40)));
    const AesSiv siv = with(key);
    const Bytes sealed = sealed_by(siv, associated, plaintext);
    ASSERT_EQ(sealed, sealed_by_openssl(key, associated, plaintext)) << size;
    Bytes opened(size);
    ASSERT_TRUE(siv.open(views_of(associated), sealed, opened));
    ASSERT_EQ(opened, plaintext);
  }
}

TEST_P(Siv, OpensNothingThatWasAlteredNorWithOtherAssociatedData) {
  const AesSiv siv = with(random_key<SivRole>(AesSiv::kKeySize).value().reveal());
  const Bytes plaintext(20, 'p');
  const Bytes sealed = sealed_by(siv, {{1}}, plaintext);
  for (size_t i = 0; i < sealed.size() * 8; ++i) {
    Bytes altered = sealed, opened(plaintext.size(), 0xee);
    altered[i / 8] ^= static_cast<uint8_t>(1 << i % 8);
    const Bytes one{1};
    const ByteView with_one[] = {one};
    ASSERT_EQ(siv.open(with_one, altered, opened).code(), Code::kTampered);
    ASSERT_EQ(opened, Bytes(plaintext.size()));
  }
  for (const std::vector<Bytes>& other : {std::vector<Bytes>{}, {{2}}, {{1}, {1}}, {{1, 0}}}) {
    Bytes opened(plaintext.size(), 0xee);
    EXPECT_EQ(siv.open(views_of(other), sealed, opened).code(), Code::kTampered);
    EXPECT_EQ(opened, Bytes(plaintext.size()));
  }
}

TEST_P(Siv, AKeyCanBeDroppedAndTakenAgain) {
  const Bytes key(AesSiv::kKeySize, 9);
  AesSiv siv = with(key);
  const Bytes sealed = sealed_by(siv, {}, Bytes(5, 'x'));
  siv.drop_key();
  siv.take_key(with(key));
  EXPECT_EQ(sealed_by(siv, {}, Bytes(5, 'x')), sealed);
}

TEST_P(Siv, AChildOfForkHasNoKey) {
  const AesSiv siv = with(Bytes(AesSiv::kKeySize, 9));
  in_child([&] {
    Bytes out(AesSiv::kTagSize + 1);
    EXPECT_EQ(siv.seal({}, Bytes(1), out).code(), Code::kKeyUnavailable);
  });
}

TEST(SivKeySize, IsThatOfItsCipher) {
  for (size_t size : {0u, 32u, 63u, 65u}) {
    EXPECT_EQ(AesSiv::create(SivKey(SecretBytes(size))).code(), Code::kInvalidArgument) << size;
  }
}

}  // namespace
}  // namespace coffer
