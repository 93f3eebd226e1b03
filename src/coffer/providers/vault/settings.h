// Where a Vault (or OpenBao) is, which key of its Transit engine is the root key, and how to log in:
// vault://HOST:PORT/MOUNT/KEY?OPTIONS. docs/providers/vault.md has the options.
#pragma once

#include "coffer/net/http/http.h"

namespace coffer::vault {

enum class Login { kToken, kAppRole, kKubernetes };

struct Settings {
  std::string address;  // https://HOST:PORT
  std::string host;     // HOST:PORT, for messages
  std::string mount;    // of the Transit engine; may have slashes in it
  std::string key;
  std::string vault_namespace;  // empty: the root namespace
  Login login = Login::kToken;
  std::string login_mount;  // of the login method: "approle"
  SecretSource token;       // kToken; not given: VAULT_TOKEN, then ~/.vault-token
  std::string role;         // kAppRole: the role id; kKubernetes: the role's name
  SecretSource secret_id;   // kAppRole
  std::string jwt_file;     // kKubernetes
  bool allow_weak = false;  // a key of 128 bits may wrap
  http::HttpSettings http;
  std::string uri;  // that needs none of Vault's variables but VAULT_TOKEN

  std::string key_name() const { return mount + "/" + key; }
};

// What the URI leaves open is taken from VAULT_ADDR, VAULT_NAMESPACE and VAULT_CACERT, as Vault's own tools do.
Result<Settings> read_settings(const ProviderUri& uri, const std::string& sealing_key = {});

}  // namespace coffer::vault
