// Where AWS's credentials come from, in the order that users of AWS's own tools expect: environment, web identity,
// shared files, container, instance. Those of web identities, containers and instances are lent for a while.
#pragma once

#include "coffer/net/http/credential_cache.h"
#include "coffer/providers/aws_kms/settings.h"

namespace coffer::aws_kms {

struct Credentials {
  std::string access_key_id;
  SecretBytes secret_access_key;
  SecretBytes session_token;  // empty: none
  std::string origin;         // where they come from, for messages
};
bool are_same(const Credentials& a, const Credentials& b);

using CredentialStore = http::CredentialCache<Credentials>;

// The first source that is set up; if it fails, no further one is tried. With a profile in the settings the
// environment's keys are passed over. kPermissionDenied when there is none (says where it looked) or one is refused.
Result<CredentialStore::Fetched> find_credentials(const Settings& settings, http::Deadline deadline);

// Seconds since the epoch of "2026-11-22T01:02:03Z"; nothing for other text. Fractions of seconds are dropped.
std::optional<time_t> parse_utc(std::string_view text);

}  // namespace coffer::aws_kms
