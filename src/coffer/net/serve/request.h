// What a client of the server asks for, and whether it may. docs/adr/0048.
#pragma once

#include <string_view>

#include "coffer/base/secret.h"

namespace coffer::serve {

// Views of what was received.
struct Request {
  std::string_view path;           // begins with "/"; without what follows "?"
  std::string_view host;           // as it was sent; empty: none
  std::string_view authorization;  // the same
};

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
