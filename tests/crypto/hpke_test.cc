// HPKE, X25519 and scrypt against what was published for them, and against what must be refused.
#include "coffer/crypto/hpke.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "coffer/base/text.h"
#include "coffer/crypto/kdf.h"
#include "coffer/crypto/scrypt.h"

namespace coffer {
namespace {

Bytes unhex(std::string_view text) {
  Bytes out;
  for (size_t i = 0; i + 1 < text.size(); i += 2) {
    out.push_back(static_cast<uint8_t>(std::stoi(std::string(text.substr(i, 2)), nullptr, 16)));
  }
  return out;
}

X25519Public public_of(std::string_view hex) {
  X25519Public out{};
  std::ranges::copy(unhex(hex), out.begin());
  return out;
}

// Mode Auth, DHKEM(X25519, HKDF-SHA256), HKDF-SHA256, the first message.
struct Vector {
  uint16_t aead;
  const char *recipient, *ephemeral, *sender;                   // private
  const char *recipient_public, *encapsulated, *sender_public;  // enc is the ephemeral key's public half
  const char* ciphertext;
};
constexpr Vector kVectors[] = {
    // RFC 9180, A.1.3
    {0x0001, "fdea67cf831f1ca98d8e27b1f6abeb5b7745e9d35348b80fa407ff6958f9137e",
     "ff4442ef24fbc3c1ff86375b0be1e77e88a0de1e79b30896d73411c5ff4c3518",
     "dc4a146313cce60a278a5323d321f051c5707e9c45ba21a3479fecdf76fc69dd",
     "1632d5c2f71c2b38d0a8fcc359355200caa8b1ffdf28618080466c909cb69b2e",
     "23fb952571a14a25e3d678140cd0e5eb47a0961bb18afcf85896e5453c312e76",
     "8b0c70873dc5aecb7f9ee4e62406a397b350e57012be45cf53b7105ae731790b",
     "5fd92cc9d46dbf8943e72a07e42f363ed5f721212cd90bcfd072bfd9f44e06b80fd17824947496e21b680c141b"},
    // The suite of slots: from test-vectors.json, which RFC 9180's appendix is an extract of.
    {0x0002, "47f1eee3670dfaaf27c30a83d06ee9f257af174727c17b35328ef730dfc1cd81",
     "805b278cabd22c9dbd461bf25771703eda4950ed3ef35b369163097899555356",
     "98fdf9b9773578a79d4ba82fbe483c74cc2e3b8d9525d148a18969fd79a74876",
     "3668d659cec6f338f4f8dc6da6733118d2a633f186a3c1415c895111a8eb7c7d",
     "9e59f4b1fa5c876f684765290c34e51145894cc4f244342b9fb1a4bdfd8bb426",
     "4a91c3d0893433f5e31a79fc520f885527a1bc60bf2b0c72693dd7f0b2e41a5a",
     "10b964283ac2cc0bdc4c85ab617291b446bf3832e9359b2c3a0facc50ea75a3c1afd08aeaacd6041d02eb560ec"}};

class Hpke : public testing::TestWithParam<Vector> {
 protected:
  static X25519Private key(std::string_view hex) { return X25519Private::copy_of(unhex(hex)); }
  const Bytes info_ = unhex("4f6465206f6e2061204772656369616e2055726e");
  const Bytes associated_ = unhex("436f756e742d30");
  const Bytes plaintext_ = unhex("4265617574792069732074727574682c20747275746820626561757479");
  const HpkeContext context_{{.aead = GetParam().aead}, info_, associated_};
};

INSTANTIATE_TEST_SUITE_P(Published, Hpke, testing::ValuesIn(kVectors),
                         [](const auto& given) { return "Aead" + std::to_string(given.param.aead); });

TEST_P(Hpke, SealsAndOpensAsPublished) {
  const Vector& vector = GetParam();
  EXPECT_EQ(x25519_public(key(vector.recipient)).value(), public_of(vector.recipient_public));
  EXPECT_EQ(x25519_public(key(vector.sender)).value(), public_of(vector.sender_public));
  const auto sealed = hpke_seal_with(context_, key(vector.ephemeral), public_of(vector.recipient_public),
                                     key(vector.sender), plaintext_);
  ASSERT_TRUE(sealed.is_ok()) << sealed.status().to_string();
  EXPECT_EQ(sealed->encapsulated, public_of(vector.encapsulated));
  EXPECT_EQ(sealed->ciphertext, unhex(vector.ciphertext));
  const auto opened = hpke_open(context_, key(vector.recipient), public_of(vector.sender_public),
                                public_of(vector.encapsulated), unhex(vector.ciphertext));
  ASSERT_TRUE(opened.is_ok()) << opened.status().to_string();
  EXPECT_TRUE(std::ranges::equal(opened->reveal(), plaintext_));
}

TEST_P(Hpke, OpensNothingThatIsNotExactlyWhatWasSealed) {
  const Vector& vector = GetParam();
  const auto open = [&](const HpkeContext& context, std::string_view recipient, const X25519Public& sender,
                        X25519Public encapsulated, const Bytes& ciphertext) {
    return hpke_open(context, key(recipient), sender, encapsulated, ciphertext).code();
  };
  const X25519Public sender = public_of(vector.sender_public), encapsulated = public_of(vector.encapsulated);
  const Bytes ciphertext = unhex(vector.ciphertext);
  EXPECT_EQ(open(context_, vector.recipient, public_of(vector.recipient_public), encapsulated, ciphertext),
            Code::kWrongKey)
      << "another sender";
  EXPECT_EQ(open(context_, vector.sender, sender, encapsulated, ciphertext), Code::kWrongKey) << "another recipient";
  EXPECT_EQ(open({context_.suite, associated_, associated_}, vector.recipient, sender, encapsulated, ciphertext),
            Code::kWrongKey)
      << "another place";
  EXPECT_EQ(open({{.kem = 0x0021}, info_, associated_}, vector.recipient, sender, encapsulated, ciphertext),
            Code::kUnsupported);
  for (size_t bit = 0; bit < 256; ++bit) {
    X25519Public altered = encapsulated;
    altered[bit / 8] ^= static_cast<uint8_t>(1 << bit % 8);
    EXPECT_NE(open(context_, vector.recipient, sender, altered, ciphertext), Code::kOk) << bit;
  }
  for (size_t bit = 0; bit < 8 * ciphertext.size(); ++bit) {
    Bytes altered = ciphertext;
    altered[bit / 8] ^= static_cast<uint8_t>(1 << bit % 8);
    EXPECT_EQ(open(context_, vector.recipient, sender, encapsulated, altered), Code::kWrongKey) << bit;
  }
}

// RFC 9180, A.1.1: ikmR and skRm.
TEST(HpkeKeys, AreDerivedAsPublished) {
  const auto derived = hpke_derive_private(unhex("6db9df30aa07dd42ee5e8181afdb977e538f5e1fec8a06223f33f7013e525037"));
  ASSERT_TRUE(derived.is_ok());
  EXPECT_TRUE(
      std::ranges::equal(derived->reveal(), unhex("4612c550263fc8ad58375df3f557aac531d26850903e55a9f23f21d8534e8ac8")));
  EXPECT_EQ(hpke_derive_private(Bytes(31)).code(), Code::kInvalidArgument);
}

// Whoever seals to one, or takes what comes from one, shares the secret zero with everybody.
TEST(HpkeKeys, OfSmallOrderAreRefused) {
  const X25519Private mine = new_x25519_private().value();
  const Bytes sealed(48);
  // Of order 1, 2, 4 and 8, and those that are the same modulo 2^255 - 19.
  for (const char* hex : {"0000000000000000000000000000000000000000000000000000000000000000",
                          "0100000000000000000000000000000000000000000000000000000000000000",
                          "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
                          "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
                          "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
                          "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
                          "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f"}) {
    EXPECT_EQ(x25519_shared(mine, public_of(hex)).code(), Code::kInvalidArgument) << hex;
    EXPECT_EQ(hpke_seal({}, public_of(hex), mine, sealed).code(), Code::kInvalidArgument) << hex;
    EXPECT_EQ(hpke_open({}, mine, x25519_public(mine).value(), public_of(hex), sealed).code(), Code::kInvalidArgument);
  }
}

TEST(Scrypt, GivesWhatPythonsDoesAndKeepsItsBounds) {
  const Bytes salt(16, 7);
  const auto key = scrypt(as_bytes("correct horse battery staple"), salt, kScryptLog2Min, 32);
  ASSERT_TRUE(key.is_ok()) << key.status().to_string();
  // hashlib.scrypt(b"correct horse battery staple", salt=b"\x07"*16, n=2**16, r=8, p=1, maxmem=1<<27, dklen=32)
  EXPECT_EQ(to_hex(key->reveal()), "de94df8215e00c023d289f18904750b6bd66615f0d5bd7c2ef6e712059b5bfd6");
  for (const int n_log2 : {-1, 0, 10, 15, 21, 33, 63, 1'000'000}) {
    EXPECT_EQ(scrypt(as_bytes("x"), salt, n_log2, 32).code(), Code::kInvalidArgument) << n_log2;
  }
}

}  // namespace
}  // namespace coffer
