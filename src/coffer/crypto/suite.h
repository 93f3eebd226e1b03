// The cipher suites a file may name, with their numbers on disk (docs/format.md, "Suites").
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace coffer {

enum class Suite : uint8_t {
  kAes128Gcm = 1,
  kAes192Gcm = 2,
  kAes256Gcm = 3,
  kChaCha20Poly1305 = 4,
  kXaes256Gcm = 5,
  kAes128Ctr = 16,
  kAes192Ctr = 17,
  kAes256Ctr = 18,
};

inline constexpr size_t kNonceSize = 12;
inline constexpr size_t kTagSize = 16;

enum class CipherMode : uint8_t {
  kAead,          // 12-byte nonces that count (crypto/stream.h)
  kExtendedAead,  // 24-byte nonces that are drawn (crypto/xaes.h)
  kCounter,       // a key stream, without authentication (crypto/ctr.h)
};

struct SuiteInfo {
  Suite suite;
  std::string_view name;       // as in coffer.yaml and status: "aes-256-gcm"
  std::string_view iana_name;  // in key derivation: "AEAD_AES_256_GCM"; empty for all but kAead
  uint8_t key_size;            // bytes: 16, 24 or 32
  CipherMode mode;
};

// Nothing for a number or name that is not a suite.
const SuiteInfo* find_suite(uint8_t number);
const SuiteInfo* find_suite(std::string_view name);
// REQUIRES: `suite` is one of the enumerators.
const SuiteInfo& suite_info(Suite suite);

}  // namespace coffer
