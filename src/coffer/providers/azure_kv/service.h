// Keys of an Azure Key Vault or Managed HSM (REST, 7.4): looked at, wrapping, unwrapping.
#pragma once

#include <mutex>
#include <optional>

#include "coffer/providers/azure_kv/challenge.h"
#include "coffer/providers/azure_kv/credentials.h"

namespace coffer::azure_kv {

inline constexpr size_t kWrappedSizeMax = 1024;

struct ServiceSettings {
  http::HttpSettings http;
  std::string vault;  // "https://NAME.vault.azure.net"
  CredentialSettings credentials;
};

// One version of a key, as the service describes it.
struct KeyVersion {
  std::string kid;  // "https://NAME.vault.azure.net/keys/KEY/VERSION"
  std::string type;
  bool is_enabled = true;
  bool wraps = true;  // by its list of permitted operations
};

// Thread-safe. In all calls `key` is KEY or KEY/VERSION. Besides the codes of transport (kProviderUnavailable,
// kTampered, kPermissionDenied) what the service refuses: kNotFound, kKeyUnavailable, kPermissionDenied and, for what
// it cannot open, kInvalidArgument.
class Service {
 public:
  explicit Service(ServiceSettings settings);

  Result<KeyVersion> look_at(const std::string& key);
  // Returns the kid the service used along with the bytes.
  struct Wrapped {
    std::string kid;
    Bytes bytes;
  };
  Result<Wrapped> wrap(const std::string& key, std::string_view algorithm, ByteView plaintext);
  Result<SecretBytes> unwrap(const std::string& key, std::string_view algorithm, ByteView wrapped);

  const std::string& host() const { return host_; }

 private:
  Result<http::Response> call(http::Request request);
  Result<http::Response> operate(const std::string& key, std::string_view operation, std::string_view algorithm,
                                 ByteView value);
  Result<Challenge> challenge(const std::string& url, http::Deadline deadline);
  void forget_challenge();

  const ServiceSettings settings_;
  const std::string host_;
  oauth::TokenCache tokens_;
  std::mutex mutex_;
  std::optional<Challenge> challenge_;
};

}  // namespace coffer::azure_kv
