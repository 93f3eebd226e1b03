// What a client asks of a server that only answers: the head of an HTTP/1 request (RFC 9112), read from a buffer. No
// I/O. What is not a plain question for a document is refused here.
#pragma once

#include <optional>
#include <string_view>

#include "coffer/base/secret.h"

namespace coffer::serve {

inline constexpr size_t kRequestSizeMax = 8192;
inline constexpr size_t kRequestHeadersMax = 64;

// Views of the buffer.
struct Request {
  bool head_only = false;          // HEAD
  std::string_view path;           // begins with "/"; without what follows "?"
  std::string_view host;           // as it was sent; empty: none
  std::string_view authorization;  // the same
};

// How a server answers what is no such question.
struct Refusal {
  int status = 400;
};

// Nothing yet where the head has not ended. Of two headers of one name that matter here: refused. What follows the head
// is not looked at: whoever announces a body is refused.
struct ParsedRequest {
  std::optional<Request> request;
  std::optional<Refusal> refusal;
};
ParsedRequest parse_request(std::string_view received);

// "localhost", an address in 127.0.0.0/8 or [::1], each with or without a port: what a browser says that was led to
// this machine by its user, and not by somebody's name server.
bool names_loopback(std::string_view host);

// The token of "Bearer TOKEN", or of "Basic" the base64 text of USER:TOKEN, which is still encoded then.
struct Credentials {
  enum class Scheme { kNone, kBearer, kBasic };
  Scheme scheme = Scheme::kNone;
  std::string_view text;
};
Credentials credentials_of(std::string_view authorization);
// In constant time for what is as long as the token.
bool has_token(const Credentials& given, const SecretBytes& token);

}  // namespace coffer::serve
