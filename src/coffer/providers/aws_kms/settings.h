// Which key of AWS KMS is the root key, and where: aws-kms://REGION/KEY?OPTIONS. docs/providers/aws-kms.md has the
// options.
#pragma once

#include "coffer/net/http/http.h"

namespace coffer::aws_kms {

struct Settings {
  std::string region;
  std::string key;               // a key's id or ARN, or alias/NAME
  std::string endpoint;          // https://HOST[:PORT]; empty: the region's
  std::string sts_endpoint;      // the same, for web identities
  std::string profile;           // empty: as the environment says
  std::string credentials_file;  // empty: as the environment says
  http::HttpSettings http;
  std::string uri;

  std::string kms_address() const;
  std::string sts_address() const;
};

Result<Settings> read_settings(const ProviderUri& uri);

}  // namespace coffer::aws_kms
