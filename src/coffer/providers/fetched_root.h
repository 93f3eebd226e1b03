// A provider whose root key comes here for a moment (key file, keystore, TPM, KMIP Get): the keyring key is wrapped
// with it at this end, by wrap algorithm 1 of docs/format.md, section 7.
#pragma once

#include <array>

#include "coffer/providers/root.h"

namespace coffer {

// Tells root keys apart without giving anything away of them. It stands in every handle, in front of the provider's
// own fields, and it decides: a name may be given to another key.
using RootFingerprint = std::array<uint8_t, 16>;
Result<RootFingerprint> fingerprint_of(const RootKey& root);

inline constexpr uint8_t kWrapAlgorithmFetched = 1;

class FetchedRoot : public Root {
 public:
  struct Found {
    KeyFields fields;
    RootKey key;
    std::string not_for_wrapping;  // why it must wrap nothing new: "it is deactivated"; empty when it may
  };

  // The key that the URI stands for now. kNotFound, kPermissionDenied, kInvalidArgument, kProviderUnavailable.
  virtual Result<Found> current() = 0;
  // The key of that name, or whatever stands in its place. kNotFound when there is none; else as current().
  virtual Result<Found> find(const KeyFields& wanted) = 0;

  // Whether a key of less than 256 bits may wrap.
  virtual bool weak_is_allowed() const { return false; }

  uint8_t wrap_algorithm() const final { return kWrapAlgorithmFetched; }
  std::optional<std::string> fingerprint_in(const KeyFields& handle_fields) const final;
  Result<KeyFields> fields_now() final;
  std::optional<std::string> text_of(const KeyFields& handle_fields) const final;
  Result<Bytes> wrap(const KeyFields& wanted, const WrapContext& context, const KeyringKey& key) final;
  Result<KeyringKey> unwrap(const KeyFields& wanted, const WrapContext& context, ByteView wrapped) final;
  Status check(const KeyFields& wanted) override;

 private:
  Result<Found> find_wanted(const KeyFields& wanted);
};

}  // namespace coffer
