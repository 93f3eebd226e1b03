// The backends that this machine and build offer, for tests that run with each.
#pragma once

#include <vector>

#include "coffer/crypto/aead.h"

namespace coffer {

inline std::vector<CryptoBackend> usable_backends() {
  std::vector<CryptoBackend> out;
  for (CryptoBackend backend : {CryptoBackend::kOpenSsl, CryptoBackend::kIpsecMb}) {
    if (AeadKey::create(Suite::kAes256Gcm, Bytes(32), backend)) out.push_back(backend);
  }
  return out;
}

}  // namespace coffer
