// Bearer tokens (OAuth 2.0, RFC 6749 and 6750): asked for with a form, kept until they expire, renewed when refused.
#pragma once

#include <functional>

#include "coffer/net/http/credential_cache.h"
#include "coffer/net/http/json_body.h"

namespace coffer::oauth {

using TokenCache = http::CredentialCache<SecretBytes>;
using FetchToken = std::function<Result<TokenCache::Fetched>(http::Deadline deadline)>;

// application/x-www-form-urlencoded, in secret memory.
class Form {
 public:
  Form& add(std::string_view name, std::string_view value) { return add(name, as_bytes(value)); }
  Form& add(std::string_view name, const SecretBytes& value) { return add(name, value.reveal()); }
  SecretBytes take() { return out_.take(); }

 private:
  Form& add(std::string_view name, ByteView value);

  http::SecretText out_;
};

// A POST of the form.
http::Request token_request(const std::string& url, SecretBytes form);

// {"access_token": …, "expires_in": …}. kPermissionDenied when the service says no, with its words;
// kProviderUnavailable when it says neither; kTampered for an answer that is no token.
Result<TokenCache::Fetched> fetch_token(const http::HttpSettings& settings, const http::Request& request,
                                        http::Deadline deadline);

// What a service's "error" member means: its code there, and what it says.
using Refusal = std::function<Status(const http::Response& response, const http::JsonView& error, std::string words)>;

// Sends with "Authorization: Bearer …"; a token that is refused (401) is fetched anew, once. Gives a success; for
// {"error": {CODE: "…", "message": "…"}} what `refusal` says; else kProviderUnavailable.
Result<http::Response> send_with_token(const http::HttpSettings& settings, http::Request request,
                                       http::Deadline deadline, TokenCache& tokens, const FetchToken& fetch,
                                       const char* code, const Refusal& refusal);

// What a service says, made fit for an error: its first line, at most 600 printable characters. Of JSON: empty for what
// is no text.
std::string words_of(ByteView text);
std::string words_of(const http::JsonView& text);

}  // namespace coffer::oauth
