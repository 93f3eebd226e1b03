// `crypto: fips`: the decision, and that nothing computes behind its back. Each in a process of its own, since the
// decision stays. With COFFER_FIPS_PROVIDER in the environment (tests/support/build_fips_provider makes one), with the
// real provider as well.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <openssl/provider.h>
#include <openssl/rand.h>

#include "coffer/crypto/aead.h"
#include "coffer/crypto/ctr.h"
#include "coffer/crypto/gmac.h"
#include "coffer/crypto/kdf.h"
#include "coffer/crypto/key_wrap.h"
#include "coffer/crypto/library.h"
#include "coffer/crypto/openssl.h"
#include "coffer/crypto/random.h"
#include "coffer/crypto/stream.h"
#include "coffer/crypto/xaes.h"
#include "crypto/backends.h"

namespace coffer {
namespace {

constexpr Suite kAesSuites[] = {Suite::kAes128Gcm, Suite::kAes192Gcm, Suite::kAes256Gcm,
                                Suite::kAes128Ctr, Suite::kAes192Ctr, Suite::kAes256Ctr};

class FipsDeathTest : public testing::Test {
 protected:
  FipsDeathTest() { testing::FLAGS_gtest_death_test_style = "threadsafe"; }
};

[[noreturn]] void finish(bool as_expected, const std::string& said) {
  std::fprintf(stderr, "%s\n", said.c_str());
  std::exit(as_expected ? 0 : 1);
}

// As Debian 12 is: no provider anywhere.
void hide_providers() {
  setenv("OPENSSL_MODULES", "/var/empty/coffer", 1);
  setenv("OPENSSL_CONF", "/dev/null", 1);
  unsetenv("COFFER_CRYPTO");
}

Result<SecretBytes> wrap_and_unwrap() {
  const WrapKey key(SecretBytes(32));
  COFFER_ASSIGN(const Bytes wrapped, kwp_wrap(key, Bytes(16)));
  return kwp_unwrap(key, wrapped);
}

Status make_stream(Suite suite) {
  switch (suite_info(suite).mode) {
    case CipherMode::kCounter:
      return CtrStream::create(suite, CtrKey(SecretBytes(stream_key_size(suite)))).status();
    case CipherMode::kExtendedAead: return XaesGcm::create(XaesKey(SecretBytes(32))).status();
    case CipherMode::kAead: break;
  }
  return StreamSealer::create(suite, StreamKey(SecretBytes(stream_key_size(suite)))).status();
}

Status expand(Status (*function)(ByteView, ByteView, MutableBytes)) {
  Bytes out(42);
  return function(Bytes(32), Bytes(4), out);
}

// Everything that crypto/ offers to others, each asked for once.
std::vector<Status> use_everything() {
  Bytes some(16);
  std::vector<Status> out = {random_bytes(some),         random_secret(16).status(),
                             sha256(some).status(),      hmac_sha256(some, some).status(),
                             expand(hkdf_expand_sha256), expand(hkdf_expand_sha512),
                             wrap_and_unwrap().status(), Gmac::create(Key<Gmac::Role>(SecretBytes(44))).status()};
  for (const Suite suite : kAesSuites) out.push_back(make_stream(suite));
  out.push_back(make_stream(Suite::kXaes256Gcm));
  out.push_back(make_stream(Suite::kChaCha20Poly1305));
  return out;
}

[[noreturn]] void use_without_provider() {
  hide_providers();
  const Status refused = require_fips();
  const bool undecided = refused.code() == Code::kUnsupported && !is_fips() && fips_provider_version().empty();
  // Whoever did not ask for it goes on as ever.
  const std::vector<Status> used = use_everything();
  finish(undecided && std::ranges::all_of(used, &Status::is_ok), refused.to_string());
}

TEST_F(FipsDeathTest, WithoutAProviderItIsRefusedInOpenSslsWordsAndNothingIsDecided) {
  EXPECT_EXIT(use_without_provider(), testing::ExitedWithCode(0),
              "unsupported: OpenSSL's provider \"fips\" cannot be loaded: .*fips.so.*No such file.*fipsinstall");
}

// The default provider in the FIPS provider's place: it has every algorithm, and none that calls itself fips=yes. What
// works now does not ask for that, or goes another way.
[[noreturn]] void use_what_is_no_fips_provider() {
  hide_providers();
  const Status required = require_provider("default");
  std::string worked;
  size_t number = 0;
  for (const Status& status : use_everything()) {
    if (status.is_ok()) worked += " " + std::to_string(number);
    ++number;
  }
  finish(required.is_ok() && is_fips() && worked.empty(), "worked:" + worked);
}

TEST_F(FipsDeathTest, WhatHasNoFipsAlgorithmsLeavesNothingThatWorks) {
  EXPECT_EXIT(use_what_is_no_fips_provider(), testing::ExitedWithCode(0), "^worked:\n");
}

[[noreturn]] void require_after_use() {
  hide_providers();
  const bool used = sha256({}).is_ok();
  const Status refused = require_provider("default");
  finish(used && refused.code() == Code::kInvalidArgument && !is_fips() && sha256({}).is_ok(), refused.to_string());
}

TEST_F(FipsDeathTest, AProcessThatHasUsedOtherImplementationsIsToldSo) {
  EXPECT_EXIT(require_after_use(), testing::ExitedWithCode(0), "has used other implementations already; open this");
}

[[noreturn]] void require_beside_a_wish() {
  hide_providers();
  setenv("COFFER_CRYPTO", "ipsec-mb", 1);
  const Status refused = require_provider("default");
  finish(refused.code() == Code::kInvalidArgument && !is_fips(), refused.to_string());
}

TEST_F(FipsDeathTest, AnotherImplementationThatTheEnvironmentNamesIsAnError) {
  EXPECT_EXIT(require_beside_a_wish(), testing::ExitedWithCode(0), "COFFER_CRYPTO=ipsec-mb asks for another");
}

[[noreturn]] void look_at_the_host() {
  hide_providers();
  const bool required = require_provider("default").is_ok();
  EVP_MD* const found = EVP_MD_fetch(nullptr, "SHA2-256", nullptr);
  const bool has_digest = found != nullptr;
  EVP_MD_free(found);
  finish(required && has_digest && !is_host_openssl_fips() && RAND_status() == 1, "");
}

TEST_F(FipsDeathTest, TheProcesssOwnOpenSslStaysAsItIs) {
  EXPECT_EXIT(look_at_the_host(), testing::ExitedWithCode(0), "");
}

// --- with the real one

std::string provider_of(const EVP_CIPHER* cipher) {
  return cipher == nullptr ? "none" : OSSL_PROVIDER_get0_name(EVP_CIPHER_get0_provider(cipher));
}

// What is not as it should be.
std::string others_than_fips() {
  const OpenSslAlgorithms& all = openssl_algorithms();
  std::string out;
  for (const EVP_CIPHER* cipher : {all.aes_gcm[0], all.aes_gcm[1], all.aes_gcm[2], all.aes_ctr[0], all.aes_ctr[1],
                                   all.aes_ctr[2], all.aes_wrap_pad[2]}) {
    if (provider_of(cipher) != "fips") out += " " + provider_of(cipher);
  }
  const OSSL_PROVIDER* const rest[] = {EVP_MD_get0_provider(all.sha256), EVP_MD_get0_provider(all.sha512),
                                       EVP_MAC_get0_provider(all.gmac), EVP_MAC_get0_provider(all.hmac),
                                       EVP_KDF_get0_provider(all.hkdf)};
  for (const OSSL_PROVIDER* provider : rest) {
    if (std::string_view(OSSL_PROVIDER_get0_name(provider)) != "fips") out += " another";
  }
  return out;
}

[[noreturn]] void use_the_real_one() {
  const std::string directory = std::getenv("COFFER_FIPS_PROVIDER");
  setenv("OPENSSL_MODULES", directory.c_str(), 1);
  setenv("OPENSSL_CONF", (directory + "/openssl.cnf").c_str(), 1);
  unsetenv("COFFER_CRYPTO");
  const Status required = require_fips();
  if (!required.is_ok()) finish(false, required.to_string());
  std::vector<Status> used = use_everything();
  const Status chacha = used.back();
  used.pop_back();
  std::string wrong = others_than_fips();
  for (const Status& status : used) wrong += status.is_ok() ? "" : " " + status.to_string();
  if (chacha.code() != Code::kUnsupported) wrong += " " + chacha.to_string();
  if (permitted_backends().size() != 1 || (*crypto_backend(Suite::kAes256Gcm))->name != "openssl-fips")
    wrong += " backend";
  if (!require_fips().is_ok() || fips_provider_version().empty()) wrong += " version";
  finish(wrong.empty(), "wrong:" + wrong);
}

// Each algorithm gives its published answer here, as it must before it is used.
TEST_F(FipsDeathTest, TheRealProviderComputesEverythingButChaCha20) {
  if (std::getenv("COFFER_FIPS_PROVIDER") == nullptr)
    GTEST_SKIP() << "no FIPS provider: tests/support/build_fips_provider makes one";
  EXPECT_EXIT(use_the_real_one(), testing::ExitedWithCode(0), "^wrong:\n");
}

}  // namespace
}  // namespace coffer
