// Where an etcd is and how it is spoken to: etcd://HOST[:PORT][,HOST…]/PREFIX and its options. docs/cluster.md.
#pragma once

#include "coffer/net/http/http.h"

namespace coffer::etcd {

struct Settings {
  std::vector<std::string> endpoints;  // "https://HOST:PORT"
  std::string prefix;                  // "/PREFIX", without a slash at its end
  std::string name;                    // "etcd://HOST:PORT,…/PREFIX", for messages
  http::HttpSettings http;
  std::string user;  // empty: etcd asks for none
  SecretSource password;
  bool compacts = true;  // what a save has replaced is taken out of etcd's history
};

// kInvalidArgument for what is no such URI or option, kPermissionDenied and kNotFound for files it names.
Result<Settings> read_settings(const ProviderUri& uri, const std::string& sealing_key);

}  // namespace coffer::etcd
