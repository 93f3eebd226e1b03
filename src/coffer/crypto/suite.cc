#include "coffer/crypto/suite.h"

#include "coffer/base/check.h"

namespace coffer {
namespace {

constexpr SuiteInfo kSuites[] = {
    {Suite::kAes128Gcm, "aes-128-gcm", "AEAD_AES_128_GCM", 16, CipherMode::kAead},
    {Suite::kAes192Gcm, "aes-192-gcm", "AEAD_AES_192_GCM", 24, CipherMode::kAead},
    {Suite::kAes256Gcm, "aes-256-gcm", "AEAD_AES_256_GCM", 32, CipherMode::kAead},
    {Suite::kChaCha20Poly1305, "chacha20-poly1305", "AEAD_CHACHA20_POLY1305", 32, CipherMode::kAead},
    {Suite::kXaes256Gcm, "xaes-256-gcm", "", 32, CipherMode::kExtendedAead},
    {Suite::kAes128Ctr, "aes-128-ctr", "", 16, CipherMode::kCounter},
    {Suite::kAes192Ctr, "aes-192-ctr", "", 24, CipherMode::kCounter},
    {Suite::kAes256Ctr, "aes-256-ctr", "", 32, CipherMode::kCounter},
};

}  // namespace

const SuiteInfo* find_suite(uint8_t number) {
  for (const SuiteInfo& info : kSuites) {
    if (static_cast<uint8_t>(info.suite) == number) return &info;
  }
  return nullptr;
}

const SuiteInfo* find_suite(std::string_view name) {
  for (const SuiteInfo& info : kSuites) {
    if (info.name == name) return &info;
  }
  return nullptr;
}

const SuiteInfo& suite_info(Suite suite) {
  const SuiteInfo* info = find_suite(static_cast<uint8_t>(suite));
  COFFER_REQUIRE(info != nullptr, "a suite is one of the enumerators");
  return *info;
}

}  // namespace coffer
