#include "coffer/crypto/backend.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "coffer/crypto/aead.h"
#include "coffer/crypto/counter_mode.h"
#include "coffer/crypto/ctr.h"
#include "coffer/crypto/gmac.h"
#include "coffer/crypto/known_answers.h"
#include "coffer/crypto/random.h"
#include "coffer/crypto/stream.h"
#include "crypto/backends.h"

namespace coffer {
namespace {

// The choice is made once per process, so each wish is tried in a process of its own; what it says goes to stderr.
[[noreturn]] void say_choice(const char* wish) {
  setenv("COFFER_CRYPTO", wish, 1);
  const Result<const CryptoBackend*> backend = crypto_backend(Suite::kAes256Gcm);
  if (backend) {
    std::fprintf(stderr, "%s\n", std::string((*backend)->name).c_str());
    std::exit(0);
  }
  std::fprintf(stderr, "%s\n", backend.status().to_string().c_str());
  bool all_refuse =
      StreamSealer::create(Suite::kAes256Gcm, random_key<StreamRole>(44).value()).code() == backend.code() &&
      StreamOpener::create(Suite::kAes256Gcm, random_key<StreamRole>(44).value()).code() == backend.code() &&
      CtrStream::create(Suite::kAes256Ctr, random_key<CtrRole>(44).value()).code() == backend.code() &&
      Gmac::create(random_key<Gmac::Role>(44).value()).code() == backend.code();
  std::exit(all_refuse ? 1 : 2);
}

class BackendDeathTest : public testing::Test {
 protected:
  BackendDeathTest() { testing::FLAGS_gtest_death_test_style = "threadsafe"; }
  bool has_ipsec_mb_ = usable_backends().size() > 1;
};

TEST_F(BackendDeathTest, OpenSslCanBeForced) {
  EXPECT_EXIT(say_choice("openssl"), testing::ExitedWithCode(0), "^openssl\n");
}

TEST_F(BackendDeathTest, AnEmptyWishIsNoWish) {
  EXPECT_EXIT(say_choice(""), testing::ExitedWithCode(0), has_ipsec_mb_ ? "^ipsec-mb\n" : "^openssl\n");
}

TEST_F(BackendDeathTest, IpsecMbCanBeForcedWhereItWorks) {
  if (has_ipsec_mb_) {
    EXPECT_EXIT(say_choice("ipsec-mb"), testing::ExitedWithCode(0), "^ipsec-mb\n");
  } else {
    EXPECT_EXIT(say_choice("ipsec-mb"), testing::ExitedWithCode(1), "COFFER_CRYPTO=ipsec-mb");
  }
}

TEST_F(BackendDeathTest, AnUnknownBackendIsAnErrorEverywhere) {
  EXPECT_EXIT(say_choice("rot13"), testing::ExitedWithCode(1), "invalid_argument: COFFER_CRYPTO=rot13");
}

TEST(KnownAnswers, EveryUsableBackendComputesWhatOpenSslDoes) {
  for (const CryptoBackend* backend : usable_backends()) {
    for (Suite suite : kEverySuite) {
      EXPECT_EQ(check_suite_against_openssl(suite_info(suite), *backend).to_string(), "ok");
    }
    EXPECT_EQ(check_gmac_against_openssl(*backend).to_string(), "ok");
  }
}

// As a backend with a fault would: the key is another one.
Bytes altered(ByteView key) {
  Bytes out(key.begin(), key.end());
  out.back() ^= 1;
  return out;
}

TEST(KnownAnswers, ABackendThatComputesSomethingElseIsRefusedForEveryAlgorithm) {
  const CryptoBackend faulty = {
      "faulty",
      Status::ok,
      false,
      [](Suite suite, ByteView key, Expansion expansion) {
        return openssl_backend().aead_key(suite, altered(key), expansion);
      },
      [](Suite suite, ByteView key, ByteView iv) { return openssl_backend().counter_mode(suite, altered(key), iv); },
      [](ByteView key, ByteView nonce) { return openssl_backend().gmac(altered(key), nonce); }};
  for (Suite suite : kEverySuite) {
    const Status status = check_suite_against_openssl(suite_info(suite), faulty);
    EXPECT_EQ(status.code(), Code::kUnsupported);
    EXPECT_THAT(std::string(status.message()), testing::StartsWith(std::string(suite_info(suite).name) + " of "));
  }
  EXPECT_EQ(check_gmac_against_openssl(faulty).code(), Code::kUnsupported);
}

TEST(KnownAnswers, AnAlgorithmIsTestedBeforeItsFirstUseAndTheChoiceStays) {
  for (Suite suite : kEverySuite) {
    auto first = crypto_backend(suite);
    ASSERT_TRUE(first) << first.status().to_string();
    EXPECT_EQ(*first, *crypto_backend(suite));
  }
  ASSERT_TRUE(gmac_backend());
}

}  // namespace
}  // namespace coffer
