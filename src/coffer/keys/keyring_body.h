// The part of a keyring that is sealed, in the clear: the rules and bytes of docs/format.md, section 7, "body". Only
// the codec and its tests have a use for it.
#pragma once

#include "coffer/base/codec.h"
#include "coffer/keys/keyring.h"

namespace coffer {

class KeyringBody {
 public:
  static size_t size(const Keyring& keyring);
  // Fills a secret of exactly size() bytes.
  static Result<SecretBytes> encode(const Keyring& keyring);
  // kTampered, naming the rule that is broken: what sealed this held the key, so no accident explains it. Shards that
  // are not in the body are empty, and for the caller to fill.
  static Result<Keyring> decode(ByteView body);

  // Domains, as they stand in a body or in a shard of their own.
  static size_t size(std::span<const Domain> domains);
  static size_t size(const DomainKeyEntry& key);
  static Status encode(std::span<const Domain> domains, Writer& writer);
  static Result<std::shared_ptr<const Shard>> decode(Reader& reader, const ShardEntry& shard);
};

// The rules that a keyring's parts obey on disk and in memory alike.
bool valid_domain_name(std::string_view name);
bool valid_store_path(std::string_view path);
bool valid_root_name(std::string_view name);  // 1 to 64 letters, digits, dots, underscores or dashes

}  // namespace coffer
