// What a vault answers to a request without a token: who gives tokens for it (RFC 6750, section 3, with Microsoft's
// members).
#pragma once

#include <array>
#include <string>

#include "coffer/base/status.h"

namespace coffer::azure_kv {

// Where Microsoft has key vaults: hosts below these.
inline constexpr std::array<std::string_view, 6> kVaultDomains = {
    ".vault.azure.net",      ".vault.azure.cn",      ".vault.usgovcloudapi.net",
    ".managedhsm.azure.net", ".managedhsm.azure.cn", ".managedhsm.usgovcloudapi.net"};

struct Challenge {
  std::string tenant;    // may be empty
  std::string resource;  // "https://vault.azure.net"
};

// `vault_host`: whom the answer is from, "HOST:PORT". A token is asked for Microsoft's own key services only, and where
// the vault is at one of their domains, for that domain: else a stranger's vault could have a token for another.
// kTampered for anything else.
Result<Challenge> parse_challenge(std::string_view www_authenticate, const std::string& vault_host);

// That of kVaultDomains; empty when the host is below none.
std::string_view vault_domain_of(const std::string& host);

}  // namespace coffer::azure_kv
