// A login at Vault, renewed or repeated as needed, and requests made with it. Thread-safe.
#pragma once

#include "coffer/net/http/credential_cache.h"
#include "coffer/providers/vault/settings.h"

namespace coffer::vault {

class Session {
 public:
  explicit Session(Settings settings) : settings_(std::move(settings)) {}

  const Settings& settings() const { return settings_; }

  // Any answer that is neither a refused token nor an unavailable service: 2xx, 400, 404. A token that is refused is
  // obtained anew, once. `path` stands behind /v1/ and is encoded already.
  //   kPermissionDenied     the token is refused, or there is none; says which
  //   kProviderUnavailable  away, sealed, standby, overloaded
  Result<http::Response> ask(const std::string& method, const std::string& path, const SecretBytes& body,
                             http::Deadline deadline);

 private:
  struct Token {
    SecretBytes token;
    std::string origin;  // "the token in /etc/coffer/token"
    bool renewable = false;

    friend bool are_same(const Token& a, const Token& b) { return http::are_same(a.token, b.token); }
  };
  using Tokens = http::CredentialCache<Token>;

  Result<http::Response> send(const std::string& method, const std::string& path, const SecretBytes& body,
                              const SecretBytes* token, http::Deadline deadline) const;
  Result<Tokens::Fetched> obtain(const Tokens::Pointer& previous, http::Deadline deadline) const;
  Result<Tokens::Fetched> read_token(const Tokens::Pointer& previous, http::Deadline deadline) const;
  Result<Tokens::Fetched> log_in(http::Deadline deadline) const;
  Result<SecretBytes> login_body() const;
  std::optional<Tokens::Fetched> renew(const Tokens::Pointer& previous, http::Deadline deadline) const;

  const Settings settings_;
  Tokens tokens_;
};

// What Vault's "errors" say, in one line; empty when they say nothing.
std::string errors_of(const http::Response& response);

}  // namespace coffer::vault
