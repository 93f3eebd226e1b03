// A provider whose root key comes here for a moment (key file, keystore, TPM, KMIP Get): the keyring key is wrapped
// with it at this end, by wrap algorithm 1 of docs/format.md, section 7.
#pragma once

#include <array>

#include "coffer/providers/root.h"

namespace coffer {

// Tells root keys apart without giving anything away of them. The adapter keeps it in every handle, in front of the
// provider's own fields, and it decides: a name may be given to another key.
using RootFingerprint = std::array<uint8_t, 16>;
Result<RootFingerprint> fingerprint_of(const RootKey& root);

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
};

// REQUIRES: `scheme` lives as long as the program.
std::unique_ptr<RootKeyProvider> make_provider(std::string_view scheme, std::unique_ptr<FetchedRoot> root);

}  // namespace coffer
