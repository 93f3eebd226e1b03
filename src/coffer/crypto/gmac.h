// One AES-256-GMAC computation: what Gmac is made of, one class per backend. Internal to crypto/.
#pragma once

#include <memory>

#include "coffer/base/secret.h"
#include "coffer/crypto/backend.h"
#include "coffer/crypto/suite.h"

namespace coffer {

class GmacComputation {
 public:
  static constexpr size_t kAesKeySize = 32;

  // `key` is AES key ‖ 12-byte nonce.
  static Result<std::unique_ptr<GmacComputation>> create(ByteView key, const CryptoBackend& backend);
  virtual ~GmacComputation() = default;

  virtual void update(ByteView data) = 0;
  virtual std::array<uint8_t, kTagSize> finish() = 0;
};

// Rows of the table in backend.cc.
std::unique_ptr<GmacComputation> openssl_gmac(ByteView key, ByteView nonce);
std::unique_ptr<GmacComputation> ipsec_mb_gmac(ByteView key, ByteView nonce);

}  // namespace coffer
