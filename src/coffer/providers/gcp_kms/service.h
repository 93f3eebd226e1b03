// Encrypt and Decrypt of Google Cloud KMS (REST, v1), with its checksums verified both ways.
#pragma once

#include "coffer/net/oauth/token.h"

namespace coffer::gcp_kms {

inline constexpr size_t kCiphertextSizeMax = 1024;
inline constexpr size_t kPlaintextSizeMax = 1024;

struct ServiceSettings {
  http::HttpSettings http;
  std::string endpoint;          // "https://cloudkms.googleapis.com"
  std::string credentials_file;  // empty: Google's defaults
};

struct Encrypted {
  std::string version;  // the resource name of the key version that was used, as the service gives it
  Bytes ciphertext;
};

// Thread-safe.
class Service {
 public:
  explicit Service(ServiceSettings settings);

  // `key`: of a key (its primary version is used) or of a version. Besides the codes of transport
  // (kProviderUnavailable, kTampered, kPermissionDenied) what the service refuses: kNotFound, kKeyUnavailable,
  // kPermissionDenied and, for what it cannot open, kInvalidArgument.
  Result<Encrypted> encrypt(const std::string& key, ByteView associated_data, ByteView plaintext);
  Result<SecretBytes> decrypt(const std::string& key, ByteView associated_data, ByteView ciphertext);

  const std::string& host() const { return host_; }

 private:
  Result<http::Response> call(const std::string& path, SecretBytes body, const http::IsTransient& is_transient);

  const ServiceSettings settings_;
  const std::string host_;
  oauth::TokenCache tokens_;
};

}  // namespace coffer::gcp_kms
