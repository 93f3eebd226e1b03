// Google's application default credentials: a service account's key, a user's refresh token, or the metadata server of
// the machine. docs/providers/gcp-kms.md, "Credentials".
#pragma once

#include "coffer/net/oauth/token.h"

namespace coffer::gcp_kms {

// Looked up anew for every token, so that a replaced file counts. `file`: the URI's option, may be empty; then the file
// that GOOGLE_APPLICATION_CREDENTIALS names, the one that gcloud writes, or the metadata server.
Result<oauth::TokenCache::Fetched> fetch_google_token(const std::string& file, const http::HttpSettings& settings,
                                                      http::Deadline deadline);

}  // namespace coffer::gcp_kms
