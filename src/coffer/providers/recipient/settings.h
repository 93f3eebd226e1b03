// What a recipient: URI says: docs/providers/recipient.md.
#pragma once

#include "coffer/config/provider_config.h"
#include "coffer/crypto/x25519.h"

namespace coffer::recipient {

// What the private half comes from.
enum class Source : uint8_t { kKeyFile, kPassphrase, kShares };

inline constexpr int kShareCountMax = 16;
inline constexpr size_t kPassphraseSizeMin = 12;
inline constexpr size_t kPassphraseSizeMax = 1024;
inline constexpr size_t kSaltSize = 16;

struct Settings {
  X25519Public recipient{};
  std::optional<X25519Public> sender;  // whose slots are believed; nothing for a recipient that is new
  Source source = Source::kKeyFile;
  std::string key_path;     // empty: not said
  SecretSource passphrase;  // of the key file, or the one itself
  int scrypt_log2 = 0;
  Bytes salt;
  int threshold = 0;                     // so many shares
  int share_count = 0;                   // of so many
  std::vector<std::string> share_files;  // empty: they are asked for
  ProviderUri uri;                       // what coffer.yaml is to keep

  bool opens_by_itself() const;
  // "private key", "passphrase", "3 of 5 shares"
  std::string kind() const;
};

Result<Settings> settings_of(const ProviderUri& uri, const ProviderConfig& config);

}  // namespace coffer::recipient
