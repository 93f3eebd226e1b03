// AWS Signature Version 4, in the Authorization header: who asks, bound to what is asked and when. Pure: the time is
// the caller's.
#pragma once

#include <ctime>

#include "coffer/net/http/http.h"

namespace coffer::aws_kms {

struct Credentials {
  std::string access_key_id;
  SecretBytes secret_access_key;
  SecretBytes session_token;  // empty: none
  std::string origin;         // where they come from, for messages
};

struct SigningScope {
  std::string region;
  std::string service;
  time_t time = 0;
};

// "20150830T123600Z"
std::string amz_date(time_t time);

// Adds X-Amz-Date, X-Amz-Security-Token (where there is one) and Authorization. Everything in request.headers is
// signed, and so are host, path, query and body; they must not be changed afterwards.
Status sign(const Credentials& credentials, const SigningScope& scope, http::Request& request);

// The steps of sign(), for its tests. `request` has its X-Amz-… headers already.
Result<SecretBytes> canonical_request(const http::Request& request);
Result<std::string> string_to_sign(const SigningScope& scope, const http::Request& request);

}  // namespace coffer::aws_kms
