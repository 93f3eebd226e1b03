// A node of its own keys, for streams, without a coffer around it.
#pragma once

#include "coffer/format/file_stream.h"

namespace coffer {

class StreamNode final : public FileStreamNode {
 public:
  StreamNode(X25519Private agreement, SecretBytes seed) : agreement_(std::move(agreement)), seed_(std::move(seed)) {}

  X25519Public agreement() const override { return x25519_public(agreement_).value(); }
  SignaturePublicKey signing() const override { return coffer::sign(seed_.reveal(), {}).value().public_key; }
  Result<Signature> sign(ByteView message) const override {
    COFFER_ASSIGN(const Signed out, coffer::sign(seed_.reveal(), labelled(kSays, message)));
    return out.signature;
  }
  Result<HpkeSealed> seal(const X25519Public& to, ByteView associated, ByteView plaintext) const override {
    return hpke_seal({.info = as_bytes(kSays), .associated = associated}, to, agreement_, plaintext);
  }
  Result<SecretBytes> open(const X25519Public& from, ByteView associated, const HpkeSealed& sealed) const override {
    return hpke_open({.info = as_bytes(kSays), .associated = associated}, agreement_, from, sealed.encapsulated,
                     sealed.ciphertext);
  }

 private:
  static constexpr std::string_view kSays = "coffer/v1 node stream";
  X25519Private agreement_;
  SecretBytes seed_;
};

}  // namespace coffer
