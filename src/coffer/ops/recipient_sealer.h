// Sealing a backup's key to roots: part of ops/lockbox.
#pragma once

#include <set>

#include "coffer/keys/recipient_file.h"
#include "coffer/store/coffer.h"

namespace coffer {

struct SealedRecipient {
  std::string name;
  RootKeyHandle handle;
  Bytes file;
};

// What it is made of outlives it.
class RecipientSealer {
 public:
  RecipientSealer(Coffer& coffer, ProviderOpener opener, const Id& backup, const KeyringKey& backup_key,
                  ProviderConfig config)
      : coffer_(coffer), opener_(opener), backup_(backup), key_(backup_key), config_(std::move(config)) {}

  // `root`: a name in coffer.yaml, or a URI, which gets one that is not `taken`. kInvalidArgument: no such root, or one
  // of a key group; else errors as make_slot().
  Result<SealedRecipient> seal(const std::string& root, const std::set<std::string>& taken) const;

 private:
  Result<SealedRecipient> seal_configured(const std::string& name) const;
  Result<SealedRecipient> seal_uri(const std::string& uri, const std::set<std::string>& taken) const;
  Result<SealedRecipient> file_of(const RootKeyProvider& provider, Result<KeyringSlot> slot) const;

  Coffer& coffer_;
  const ProviderOpener opener_;
  const Id& backup_;
  const KeyringKey& key_;
  const ProviderConfig config_;
};

}  // namespace coffer
