// Which key of AWS KMS is the root key, and where: aws-kms://REGION/KEY?OPTIONS. docs/providers/aws-kms.md has the
// options.
#pragma once

#include "coffer/net/http/http.h"

namespace coffer::aws_kms {

// arn:PARTITION:kms:REGION:ACCOUNT:RESOURCE, of a key (RESOURCE is key/ID) or an alias (alias/NAME).
struct Arn {
  std::string partition, region, account, resource;

  std::string text() const { return "arn:" + partition + ":kms:" + region + ":" + account + ":" + resource; }
  // Its replicas in other regions have the same id and key bytes, and open what it has wrapped.
  bool is_multi_region() const { return resource.starts_with("key/mrk-"); }
};
std::optional<Arn> parse_arn(std::string_view text);
// "ID" of "key/ID".
inline std::string_view without_kind(std::string_view resource) {
  return resource.starts_with("key/") ? resource.substr(4) : resource;
}

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
