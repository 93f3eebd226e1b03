// The backends that this machine and build offer, for tests that run with each.
#pragma once

#include <string>
#include <vector>

#include "coffer/crypto/backend.h"

namespace coffer {

inline constexpr Suite kEverySuite[] = {Suite::kAes128Gcm,        Suite::kAes192Gcm, Suite::kAes256Gcm,
                                        Suite::kChaCha20Poly1305, Suite::kXaes256Gcm, Suite::kAes128Ctr,
                                        Suite::kAes192Ctr,        Suite::kAes256Ctr};

inline std::vector<const CryptoBackend*> usable_backends() {
  std::vector<const CryptoBackend*> out;
  for (const CryptoBackend& backend : crypto_backends()) {
    if (backend.usable()) out.push_back(&backend);
  }
  return out;
}

inline const CryptoBackend& openssl_backend() { return crypto_backends().front(); }

// As part of a test's name: "OpenSsl".
inline std::string test_name_of(const CryptoBackend& backend) {
  return &backend == &openssl_backend() ? "OpenSsl" : "IpsecMb";
}

}  // namespace coffer
