// How Coffer proves to Microsoft Entra ID who it is: a client secret or certificate, a workload's token, or the managed
// identity of the machine. docs/providers/azure-kv.md, "Credentials".
#pragma once

#include "coffer/net/oauth/token.h"

namespace coffer::azure_kv {

// What the URI says; the rest is looked up in the environment, anew for every token, as Microsoft's libraries do it.
struct CredentialSettings {
  std::string kind;  // "client_secret", say, of the option auth; empty: by what is there
  std::string tenant;
  std::string client;
  SecretSource secret;
  std::string certificate_file;  // PEM with certificate and private key
  std::string token_file;
  std::string authority;  // "https://login.microsoftonline.com"
  std::string resource;   // for what the token is: "https://vault.azure.net"
};

Result<CredentialSettings> take_credential_settings(UriOptions& options);

// REQUIRES: authority and resource are not empty.
Result<oauth::TokenCache::Fetched> fetch_entra_token(const CredentialSettings& settings,
                                                     const http::HttpSettings& http_settings, http::Deadline deadline);

}  // namespace coffer::azure_kv
