// Every form of key file, and what is nearly one.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "coffer/base/base64.h"
#include "coffer/config/key_file.h"
#include "coffer/crypto/kdf.h"

namespace coffer {
namespace {

using testing::HasSubstr;

// Not text in any of its bytes.
Bytes key_bytes(size_t size) {
  Bytes bytes(size);
  for (size_t i = 0; i < size; ++i) bytes[i] = static_cast<uint8_t>(0x80 + i);
  return bytes;
}

std::string base64url(ByteView bytes) {
  Bytes out(base64url_size(bytes.size()));
  encode_base64url(bytes, out);
  return std::string(as_text(out));
}

std::string base64(ByteView bytes) {
  std::string text = base64url(bytes);
  for (char& c : text) c = c == '-' ? '+' : c == '_' ? '/' : c;
  text.append((4 - text.size() % 4) % 4, '=');
  return text;
}

std::string jwk(const std::string& alg, const std::string& k, const std::string& kid = "00ff",
                const std::string& kty = "oct") {
  return R"({"alg":")" + alg + R"(","k":")" + k + R"(","kid":")" + kid + R"(","kty":")" + kty + R"("})";
}

void expect_key(std::string_view contents, size_t size, const Bytes& key_id) {
  auto file = parse_key_file(as_bytes(contents));
  ASSERT_TRUE(file.is_ok()) << file.status().to_string() << "\n" << contents;
  EXPECT_TRUE(equal_constant_time(file->key.reveal(), key_bytes(size))) << contents;
  EXPECT_EQ(file->key_id, key_id);
}

void expect_refused(std::string_view contents, const std::string& reason) {
  auto file = parse_key_file(as_bytes(contents));
  ASSERT_EQ(file.code(), Code::kInvalidArgument) << contents;
  EXPECT_THAT(std::string(file.status().message()), HasSubstr(reason)) << contents;
}

TEST(KeyFileForms, RawKeysAreRecognisedBySize) {
  const Bytes id(32, 0xee);
  for (size_t size : {16u, 24u, 32u}) {
    expect_key(as_text(key_bytes(size)), size, {});
    Bytes with_id = id;
    Bytes key = key_bytes(size);
    with_id.insert(with_id.end(), key.begin(), key.end());
    expect_key(as_text(with_id), size, id);
  }
}

TEST(KeyFileForms, EveryOtherSizeIsRefusedWithTheListOfForms) {
  expect_refused("", "it is empty");
  for (size_t size = 1; size <= 130; ++size) {
    if (size == 16 || size == 24 || size == 32 || size == 48 || size == 56 || size == 64) continue;
    expect_refused(as_text(key_bytes(size)), "it has " + std::to_string(size) + " bytes");
    expect_refused(as_text(key_bytes(size)), "48, 56 or 64 bytes");
    expect_refused(as_text(key_bytes(size)), "16, 24 or 32 bytes");
  }
}

TEST(KeyFileForms, JsonWebKeysAloneAndInASet) {
  for (int bits : {128, 192, 256}) {
    const size_t size = static_cast<size_t>(bits) / 8;
    for (const char* version : {"v1", "v2"}) {
      const std::string alg = "cockroach-aes-" + std::to_string(bits) + "-ctr-" + version;
      const std::string key = jwk(alg, base64url(key_bytes(size)));
      expect_key(key, size, {0x00, 0xff});
      expect_key("{\"keys\":[" + key + "]}", size, {0x00, 0xff});
      expect_key(" \n{ \"keys\" : [ " + key + " ] }\r\n", size, {0x00, 0xff});
    }
  }
}

TEST(KeyFileForms, CockroachsMisnamed256BitKeysAreRead) {
  expect_key(jwk("cockroach-aes-192-ctr-v2", base64url(key_bytes(32))), 32, {0x00, 0xff});
  expect_refused(jwk("cockroach-aes-192-ctr-v1", base64url(key_bytes(32))), "its k has 256 bits");
  expect_refused(jwk("cockroach-aes-128-ctr-v2", base64url(key_bytes(32))), "its k has 256 bits");
}

TEST(KeyFileForms, OtherMembersOfAJsonWebKeyAreSkipped) {
  const std::string key = jwk("cockroach-aes-128-ctr-v2", base64url(key_bytes(16)));
  const std::string rest = key.substr(1);
  for (const char* member :
       {R"("use":"enc",)", R"("x":{"k":"no","a":[1,-2.5e3,{}]},)", R"("key_ops":["wrapKey","unwrapKey"],)",
        R"("ext":true,"n":null,)", R"("note":"a \"quoted\" k",)", R"("x":[],)", "\"\xc3\xa4\":\"\xc3\xb6\","}) {
    expect_key(std::string("{") + member + rest, 16, {0x00, 0xff});
  }
}

TEST(KeyFileForms, BadJsonWebKeysAreRefused) {
  const std::string k = base64url(key_bytes(16));
  const std::string alg = "cockroach-aes-128-ctr-v2";
  const std::string good = jwk(alg, k);
  expect_refused(jwk(alg, k, "00ff", "RSA"), "kty");
  expect_refused(jwk("A128KW", k), "alg");
  expect_refused(jwk("cockroach-aes-512-ctr-v2", k), "alg");
  expect_refused(jwk("cockroach-aes-128-ctr-v3", k), "alg");
  expect_refused(jwk(alg, k, ""), "kid");
  expect_refused(jwk(alg, k, "0"), "kid");
  expect_refused(jwk(alg, k, "xyz0"), "kid");
  expect_refused(jwk(alg, k, std::string(130, '0')), "kid");
  expect_refused(jwk(alg, ""), "its k has 0 bits");
  expect_refused(jwk(alg, k + "A"), "its k has 136 bits");
  expect_refused(jwk(alg, k.substr(1) + "+"), "its k");
  expect_refused(jwk(alg, k.substr(0, 21)), "its k");
  expect_refused("{\"keys\":[]}                                                                ", "a set without keys");
  expect_refused("{\"keys\":[" + good + "," + good + "]}", "more than one key");
  expect_refused("{\"keys\":[" + good + "],\"k\":\"" + k + "\"}", "at once");
  expect_refused("{\"k\":\"" + k + "\"," + good.substr(1), "its k is there twice");
  expect_refused(jwk(alg, k, "00\\u0066"), "escapes");
  expect_refused(good + "x", "text after the end");
  for (size_t size = 1; size < good.size(); ++size) {
    EXPECT_EQ(parse_key_file(as_bytes(good.substr(0, size))).code(), Code::kInvalidArgument) << good.substr(0, size);
  }
  expect_refused("{\"x\":" + std::string(1000, '[') + std::string(1000, ']') + "}", "nested too deeply");
}

TEST(KeyFileForms, CipherLinesAreAesOnly) {
  for (int bits : {128, 192, 256}) {
    const size_t size = static_cast<size_t>(bits) / 8;
    for (const char* cipher : {"AES", "AES/CBC/PKCS5Padding", "AES/ECB/PKCS5Padding", "AES/CFB8/NoPadding"}) {
      const std::string line = cipher + (":" + std::to_string(bits)) + ":" + base64(key_bytes(size));
      expect_key(line, size, {});
      expect_key(line + "\n", size, {});
      expect_key("\n" + line + "\r\n\n", size, {});
    }
  }
  for (const char* cipher : {"DES", "DESede", "Blowfish", "RC2"}) {
    expect_refused(std::string(cipher) + "/CBC/PKCS5Padding:128:" + base64(key_bytes(16)),
                   std::string("its cipher is ") + cipher + ";");
  }
}

TEST(KeyFileForms, BadCipherLinesAreRefused) {
  const std::string key = base64(key_bytes(16));
  expect_refused("AES:128:" + key + "\nAES:128:" + key + "\n", "several lines");
  expect_refused("ChaCha20:128:" + key, "must begin with AES");
  expect_refused("AESx:128:" + key, "must begin with AES");
  expect_refused("AES:256:" + key, "128 bits, its line says 256");
  expect_refused("AES:0:" + key, "128, 192 or 256");
  expect_refused("AES:128 :" + key, "128, 192 or 256");
  expect_refused("AES:99999999999999999999:" + key, "128, 192 or 256");
  expect_refused("AES::" + key, "128, 192 or 256");
  expect_refused("AES:128:", "0 bits");
  expect_refused("AES:128:" + key.substr(0, 23), "base64");
  expect_refused("AES:128:" + key + ":", "base64");
  expect_refused("AES:128", "not cipher:bits:base64");
}

// Encoded keys have sizes that a raw key may have, too: 64 hexadecimal digits are 256 bits, and also an id and a key.
TEST(KeyFileForms, EncodedTextIsNotTakenForRawBytes) {
  for (size_t size : {8u, 12u, 16u, 24u, 28u, 32u}) {
    expect_refused(to_hex(key_bytes(size)), "decode it first");
    expect_refused(to_hex(key_bytes(size)) + "\n", "decode it first");
  }
  for (size_t size : {12u, 18u, 24u, 36u, 42u, 48u}) expect_refused(base64(key_bytes(size)), "decode it first");
  expect_refused("correct horse ba", "it holds text");
  expect_refused("a passphrase of thirty-two bytes", "it holds text");
  expect_refused(" \n", "it holds text");
}

// YugabyteDB writes "nonce[12] ‖ counter[4] ‖ key" (openssl rand -out FILE 32, 40 or 48 makes one).
TEST(KeyFileForms, UniverseKeysOfYugabyteDbOnRequestOnly) {
  for (size_t size : {16u, 24u, 32u}) {
    Bytes contents(16, 0xee);
    const Bytes key = key_bytes(size);
    contents.insert(contents.end(), key.begin(), key.end());
    auto file = parse_key_file(contents, KeyFileReading::kYugabyte);
    ASSERT_TRUE(file.is_ok()) << file.status().to_string();
    EXPECT_TRUE(equal_constant_time(file->key.reveal(), key));
    EXPECT_TRUE(file->key_id.empty());
    auto unasked = parse_key_file(contents);
    EXPECT_TRUE(!unasked.is_ok() || !equal_constant_time(unasked->key.reveal(), key)) << "sizes collide";
  }
  expect_refused(as_text(key_bytes(40)), "with form=yugabyte in the URI, 32, 40 or 48 bytes");
}

TEST(KeyFileForms, WhatIsNoUniverseKeyIsRefusedWhereOneIsAskedFor) {
  const auto refused = [](ByteView contents) {
    auto file = parse_key_file(contents, KeyFileReading::kYugabyte);
    EXPECT_EQ(file.code(), Code::kInvalidArgument) << contents.size();
    return std::string(file.status().message());
  };
  for (size_t size = 1; size <= 130; ++size) {
    if (size == 32 || size == 40 || size == 48) continue;
    EXPECT_THAT(refused(key_bytes(size)), testing::AllOf(HasSubstr("it has " + std::to_string(size) + " bytes; "),
                                                         HasSubstr("32, 40 or 48 bytes: a 12-byte nonce")));
  }
  EXPECT_EQ(refused({}), "it is empty");
  const std::string key = jwk("cockroach-aes-128-ctr-v2", base64url(key_bytes(16)));
  EXPECT_THAT(refused(as_bytes(key)), HasSubstr("it holds text; a universe key of YugabyteDB"));
  EXPECT_THAT(refused(as_bytes(to_hex(key_bytes(16)))), HasSubstr("it holds text"));
}

TEST(KeyFileForms, ARawKeyMayBeginLikeText) {
  for (size_t size : {16u, 24u, 32u}) {
    for (char first : {'{', '\n', 'A', ':'}) {
      Bytes key = key_bytes(size);
      key[0] = static_cast<uint8_t>(first);
      auto file = parse_key_file(key);
      ASSERT_TRUE(file.is_ok()) << file.status().to_string();
      EXPECT_TRUE(equal_constant_time(file->key.reveal(), key));
    }
  }
}

TEST(Base64, FollowsThePublishedVectors) {
  const std::pair<const char*, const char*> vectors[] = {{"", ""},
                                                         {"f", "Zg=="},
                                                         {"fo", "Zm8="},
                                                         {"foo", "Zm9v"},
                                                         {"foob", "Zm9vYg=="},
                                                         {"fooba", "Zm9vYmE="},
                                                         {"foobar", "Zm9vYmFy"}};  // RFC 4648 section 10
  for (const auto& [plain, encoded] : vectors) {
    auto decoded = decode_base64(as_bytes(encoded), Base64Alphabet::kStandard);
    ASSERT_TRUE(decoded.is_ok()) << encoded;
    EXPECT_EQ(as_text(decoded->reveal()), plain);
    EXPECT_EQ(base64(as_bytes(plain)), encoded);
  }
}

TEST(Base64, EveryByteComesBackAndNothingElseIsAccepted) {
  Bytes every(256);
  for (size_t i = 0; i < 256; ++i) every[i] = static_cast<uint8_t>(i);
  auto decoded = decode_base64(as_bytes(base64url(every)), Base64Alphabet::kUrl);
  ASSERT_TRUE(decoded.is_ok());
  EXPECT_TRUE(equal_constant_time(decoded->reveal(), every));
  for (int c = 0; c < 256; ++c) {
    const uint8_t text[] = {'A', 'A', 'A', static_cast<uint8_t>(c)};
    const bool digit = std::isalnum(c) != 0;
    EXPECT_EQ(decode_base64(text, Base64Alphabet::kStandard).is_ok(), digit || c == '+' || c == '/' || c == '=') << c;
    EXPECT_EQ(decode_base64(text, Base64Alphabet::kUrl).is_ok(), digit || c == '-' || c == '_' || c == '=') << c;
  }
  for (const char* bad : {"A", "A=", "AA=", "AAA==", "=", "==", "====", "AAAA=", "AAAA====", "AB==", "AAB=", "A=AA"}) {
    EXPECT_EQ(decode_base64(as_bytes(bad), Base64Alphabet::kStandard).code(), Code::kInvalidArgument) << bad;
  }
}

}  // namespace
}  // namespace coffer
