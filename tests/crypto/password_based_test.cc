// Against published values; the ciphers' own vectors are OpenSSL's business.
#include "coffer/crypto/password_based.h"

#include <gtest/gtest.h>

namespace coffer {
namespace {

std::string hex(const Result<SecretBytes>& result) {
  return result.is_ok() ? to_hex(result->reveal()) : result.status().to_string();
}

TEST(PasswordBased, Pbkdf2HasTheValuesOfRfc6070AndRfc7914) {
  const auto derive = [](KeystoreHash prf, std::string_view password, std::string_view salt, uint32_t rounds,
                         size_t size) { return hex(pbkdf2(prf, as_bytes(password), as_bytes(salt), rounds, size)); };
  using enum KeystoreHash;
  EXPECT_EQ(derive(kSha1, "password", "salt", 1, 20), "0c60c80f961f0e71f3a9b524af6012062fe037a6");
  EXPECT_EQ(derive(kSha1, "password", "salt", 4096, 20), "4b007901b765489abead49d926f721d065a429c1");
  EXPECT_EQ(derive(kSha1, "passwordPASSWORDpassword", "saltSALTsaltSALTsaltSALTsaltSALTsalt", 4096, 25),
            "3d2eec4fe41c849b80c8d83662c0e44a8b291a964cf2f07038");
  EXPECT_EQ(derive(kSha256, "passwd", "salt", 1, 64),
            "55ac046e56e3089fec1691c22544b605f94185216dde0465e68b9d57c20dacbc4"
            "9ca9cccf179b645991664b39d77ef317c71b845b1e30bd509112041d3a19783");
}

// The values that many implementations compare themselves with: password "smeg" as UTF-16 with its end.
TEST(PasswordBased, Pkcs12DerivationHasTheKnownValues) {
  const Bytes password = from_hex("0073006d006500670000").value();
  const Bytes salt = from_hex("0a58cf64530d823f").value();
  EXPECT_EQ(hex(pkcs12_derive(KeystoreHash::kSha1, Pkcs12Purpose::kKey, password, salt, 1, 24)),
            "8aaae6297b6cb04642ab5b077851284eb7128f1a2a7fbca3");
  EXPECT_EQ(
      hex(pkcs12_derive(KeystoreHash::kSha1, Pkcs12Purpose::kIv, password, from_hex("0a58cf64530d823f").value(), 1, 8)),
      "79993dfe048d3b76");
}

TEST(PasswordBased, HashesHaveTheirKnownValues) {
  EXPECT_EQ(hex(keystore_hash(KeystoreHash::kMd5, {as_bytes("a"), as_bytes("bc")})),
            "900150983cd24fb0d6963f7d28e17f72");
  EXPECT_EQ(hex(keystore_hash(KeystoreHash::kSha1, {as_bytes("abc"), {}})), "a9993e364706816aba3e25717850c26c9cd0d89d");
  EXPECT_EQ(hex(keystore_hmac(KeystoreHash::kSha256, as_bytes("Jefe"), as_bytes("what do ya want for nothing?"))),
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
}

TEST(PasswordBased, AChainIsHashUponHash) {
  const auto once = keystore_hash(KeystoreHash::kMd5, {as_bytes("start"), as_bytes("password")});
  EXPECT_EQ(hex(keystore_hash_chain(KeystoreHash::kMd5, as_bytes("start"), as_bytes("password"), 1)), hex(once));
  EXPECT_EQ(hex(keystore_hash_chain(KeystoreHash::kMd5, as_bytes("start"), as_bytes("password"), 2)),
            hex(keystore_hash(KeystoreHash::kMd5, {once->reveal(), as_bytes("password")})));
}

TEST(PasswordBased, WhatIsEncryptedDecryptsAtEverySize) {
  for (const CbcCipher cipher : {CbcCipher::kAes128, CbcCipher::kAes192, CbcCipher::kAes256, CbcCipher::kTripleDes}) {
    const Bytes key(cbc_key_size(cipher), 0x42), iv(cbc_block_size(cipher), 0x24);
    for (size_t size : {0u, 1u, 7u, 8u, 15u, 16u, 17u, 1000u}) {
      const Bytes plaintext(size, 0x61);
      const Bytes encrypted = cbc_encrypt(cipher, key, iv, plaintext).value();
      EXPECT_EQ(encrypted.size() % iv.size(), 0u);
      EXPECT_GT(encrypted.size(), size);
      auto decrypted = cbc_decrypt(cipher, key, iv, encrypted);
      ASSERT_TRUE(decrypted.is_ok()) << decrypted.status().to_string();
      EXPECT_TRUE(std::ranges::equal(decrypted->reveal(), plaintext));
    }
  }
}

TEST(PasswordBased, WhatIsNoWholeBlocksOrHasNoPaddingIsRefused) {
  const Bytes key(32, 1), iv(16, 2);
  for (size_t size : {0u, 1u, 15u, 17u}) {
    EXPECT_EQ(cbc_decrypt(CbcCipher::kAes256, key, iv, Bytes(size)).code(), Code::kDamaged) << size;
  }
  Bytes encrypted = cbc_encrypt(CbcCipher::kAes256, key, iv, Bytes(20)).value();
  encrypted[15] ^= 0x80;  // the last byte of the padding that the next block opens to
  EXPECT_EQ(cbc_decrypt(CbcCipher::kAes256, key, iv, encrypted).code(), Code::kWrongKey);
}

TEST(PasswordBased, KeysAndVectorsOfAnotherSizeAreRefused) {
  EXPECT_FALSE(cbc_decrypt(CbcCipher::kAes256, Bytes(16), Bytes(16), Bytes(16)).is_ok());
  EXPECT_FALSE(cbc_encrypt(CbcCipher::kTripleDes, Bytes(24), Bytes(16), Bytes(16)).is_ok());
}

}  // namespace
}  // namespace coffer
