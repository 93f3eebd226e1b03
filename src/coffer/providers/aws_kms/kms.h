// Requests to AWS KMS (its JSON protocol), signed with whatever credentials there are. Thread-safe.
#pragma once

#include "coffer/net/http/json_view.h"
#include "coffer/providers/aws_kms/credentials.h"

namespace coffer::aws_kms {

struct KmsAnswer {
  http::Response response;  // `json` looks into it
  http::JsonView json;
  std::string error;  // "NotFoundException"; empty: success
  std::string said;   // in KMS's words

  bool is_success() const { return error.empty(); }
};

class Kms {
 public:
  explicit Kms(Settings settings) : settings_(std::move(settings)) {}

  const Settings& settings() const { return settings_; }
  // "HOST:PORT", for messages.
  std::string host() const;

  // `operation` is KMS's: "Decrypt". An answer is KMS's yes, or a no that has to do with the key; credentials that were
  // refused are obtained anew, once.
  //   kPermissionDenied     no credentials, or refused ones (says where they come from), or not allowed to do this
  //   kProviderUnavailable  away, throttling, failing
  //   kTampered             not KMS's JSON
  Result<KmsAnswer> ask(const std::string& operation, const SecretBytes& body, http::Deadline deadline);

 private:
  Result<KmsAnswer> send(const std::string& operation, const SecretBytes& body, const Credentials& credentials,
                         http::Deadline deadline) const;
  Result<CredentialStore::Pointer> credentials(http::Deadline deadline);
  Status failure(const std::string& operation, const KmsAnswer& answer, const Credentials& credentials) const;

  const Settings settings_;
  CredentialStore credentials_{std::chrono::seconds(300)};
};

}  // namespace coffer::aws_kms
