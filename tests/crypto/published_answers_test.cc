#include "coffer/crypto/published_answers.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "coffer/crypto/aead.h"
#include "coffer/crypto/counter_mode.h"
#include "coffer/crypto/ctr.h"
#include "coffer/crypto/gmac.h"
#include "coffer/crypto/kdf.h"
#include "coffer/crypto/key_wrap.h"
#include "coffer/crypto/key_wrap_any.h"
#include "coffer/crypto/openssl.h"
#include "coffer/crypto/random.h"
#include "coffer/crypto/stream.h"
#include "crypto/backends.h"

namespace coffer {
namespace {

TEST(PublishedAnswers, EveryUsableBackendGivesThem) {
  for (const CryptoBackend* backend : usable_backends()) {
    for (Suite suite : kEverySuite) EXPECT_EQ(check_published_suite(suite_info(suite), *backend).to_string(), "ok");
    EXPECT_EQ(check_published_gmac(*backend).to_string(), "ok");
  }
}

// As a backend with a fault would: the key is another one.
Bytes with_bit_flipped(ByteView key) {
  Bytes out(key.begin(), key.end());
  out.back() ^= 1;
  return out;
}

CryptoBackend faulty_backend() {
  return {"faulty",
          Status::ok,
          false,
          [](Suite suite, ByteView key, Expansion expansion) {
            return openssl_backend().aead_key(suite, with_bit_flipped(key), expansion);
          },
          [](Suite suite, ByteView key, ByteView iv) {
            return openssl_backend().counter_mode(suite, with_bit_flipped(key), iv);
          },
          [](ByteView key, ByteView nonce) { return openssl_backend().gmac(with_bit_flipped(key), nonce); }};
}

TEST(PublishedAnswers, ABackendThatGivesAnotherMakesTheAlgorithmUnusableAndIsNotPassedOver) {
  // Beside one that is right, and as the one that all are compared with.
  const std::vector<CryptoBackend> tables[] = {{openssl_backend(), faulty_backend()}, {faulty_backend()}};
  for (const auto& table : tables) {
    for (Suite suite : kEverySuite) {
      const Status status = choose_backend(table, suite_info(suite)).status();
      EXPECT_EQ(status.code(), Code::kInternal);
      EXPECT_THAT(std::string(status.message()),
                  testing::HasSubstr(std::string(suite_info(suite).name) + " of faulty"));
    }
    EXPECT_EQ(choose_gmac_backend(table).code(), Code::kInternal);
  }
}

[[noreturn]] void say_choice_of_faulty() {
  setenv("COFFER_CRYPTO", "faulty", 1);
  const std::vector<CryptoBackend> table = {openssl_backend(), faulty_backend()};
  const Status status = choose_backend(table, suite_info(Suite::kAes256Gcm)).status();
  std::fprintf(stderr, "%s\n", status.to_string().c_str());
  std::exit(0);
}

TEST(PublishedAnswers, ABackendThatIsForcedIsAskedToo) {
  testing::FLAGS_gtest_death_test_style = "threadsafe";
  EXPECT_EXIT(say_choice_of_faulty(), testing::ExitedWithCode(0), "internal: aes-256-gcm of faulty");
}

// One bit of what the function gave is another.
Status with_wrong_bit(ByteView key, ByteView data, MutableBytes out) {
  COFFER_TRY(hkdf_expand_sha256(key, data, out));
  out.back() ^= 1;
  return Status::ok();
}

TEST(PublishedAnswers, AHashOrKeyWrapThatGivesAnotherIsRefused) {
  for (HashAnswer of :
       {HashAnswer::kHmacSha256, HashAnswer::kHkdfExpandSha256, HashAnswer::kHkdfExpandSha512, HashAnswer::kSha256}) {
    EXPECT_EQ(check_published_hash(of, with_wrong_bit).code(), Code::kInternal);
  }
  EXPECT_TRUE(check_published_hash(HashAnswer::kHkdfExpandSha256, hkdf_expand_sha256));
  const KeyWrapFunction other_wrap = [](ByteView wrap_key, ByteView key) {
    return kwp_wrap_any(with_bit_flipped(wrap_key), key);
  };
  const KeyUnwrapFunction trusting_unwrap = [](ByteView, ByteView) -> Result<SecretBytes> {
    return SecretBytes::copy_of(from_hex("287326b5ed0078e7ca0164d748f667e7").value());
  };
  EXPECT_TRUE(check_published_key_wrap(kwp_wrap_any, kwp_unwrap_any));
  EXPECT_EQ(check_published_key_wrap(other_wrap, kwp_unwrap_any).code(), Code::kInternal);
  EXPECT_EQ(check_published_key_wrap(kwp_wrap_any, trusting_unwrap).code(), Code::kInternal);
}

// OpenSSL in this process computes other algorithms, which have keys and results of the same sizes.
void break_openssl() {
  auto& algorithms = const_cast<OpenSslAlgorithms&>(openssl_algorithms());
  const auto cipher = [](const char* name) { return EVP_CIPHER_fetch(nullptr, name, nullptr); };
  algorithms.aes_gcm[2] = cipher("ARIA-256-GCM");
  algorithms.aes_ctr[2] = cipher("ARIA-256-CTR");
  algorithms.aes_wrap_pad[2] = cipher("AES-256-WRAP-PAD-INV");
  algorithms.sha256 = EVP_MD_fetch(nullptr, "BLAKE2S-256", nullptr);
  algorithms.sha512 = EVP_MD_fetch(nullptr, "BLAKE2B-512", nullptr);
}

// Which uses do not fail as they must; "" if none.
std::string uses_that_go_on() {
  const Bytes key(32, 1);
  Bytes out(32);
  const std::pair<const char*, Status> uses[] = {
      {"seal", StreamSealer::create(Suite::kAes256Gcm, random_key<StreamRole>(44).value()).status()},
      {"open", StreamOpener::create(Suite::kAes256Gcm, random_key<StreamRole>(44).value()).status()},
      {"ctr", CtrStream::create(Suite::kAes256Ctr, random_key<CtrRole>(44).value()).status()},
      {"wrap", kwp_wrap(WrapKey::copy_of(key), key).status()},
      {"unwrap", kwp_unwrap(WrapKey::copy_of(key), Bytes(40)).status()},
      {"expand 256", hkdf_expand_sha256(key, {}, out)},
      {"expand 512", hkdf_expand_sha512(key, {}, out)},
      {"hkdf", hkdf_sha256(key, {}, {}, out)},
      {"derive", derive(key, "label", {}, 32).status()},
      {"hmac", hmac_sha256(key, {}).status()},
      {"sha256", sha256({}).status()},
  };
  std::string names;
  for (const auto& [name, status] : uses) {
    if (status.code() != Code::kInternal) names.append(name).append("; ");
  }
  return names;
}

TEST(PublishedAnswers, WhereOpenSslGivesOthersEveryUseFails) {
  testing::FLAGS_gtest_death_test_style = "threadsafe";
  const auto use = [](const char* backend) {
    setenv("COFFER_CRYPTO", backend, 1);
    break_openssl();
    std::fprintf(stderr, "go on: %s.\n", uses_that_go_on().c_str());
    std::_Exit(0);  // what OpenSSL was made to load is not worth freeing
  };
  EXPECT_EXIT(use("openssl"), testing::ExitedWithCode(0), "go on: \\.");
  EXPECT_EXIT(use(""), testing::ExitedWithCode(0), "go on: \\.");
}

}  // namespace
}  // namespace coffer
