#include "coffer/providers/azure_kv/challenge.h"

#include <algorithm>
#include <map>

namespace coffer::azure_kv {
namespace {

// name="value", name=value …
std::map<std::string, std::string> parameters_of(std::string_view text) {
  std::map<std::string, std::string> out;
  while (!text.empty()) {
    const size_t start = std::min(text.find_first_not_of(", \t"), text.size());
    text.remove_prefix(start);
    const size_t equals = text.find('=');
    if (equals == std::string_view::npos) break;
    const std::string name(text.substr(0, equals));
    text.remove_prefix(equals + 1);
    const bool is_quoted = text.starts_with('"');
    if (is_quoted) text.remove_prefix(1);
    const size_t end = std::min(text.find_first_of(is_quoted ? "\"" : ", \t"), text.size());
    out.emplace(name, text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return out;
}

// Behind the host of "https://login.example/TENANT".
std::string tenant_of(const std::string& authorization) {
  const size_t host = authorization.find("://");
  if (host == std::string::npos) return {};
  const size_t slash = authorization.find('/', host + 3);
  if (slash == std::string::npos) return {};
  return authorization.substr(slash + 1, authorization.find('/', slash + 1) - slash - 1);
}

}  // namespace

std::string_view vault_domain_of(const std::string& host) {
  const auto found = std::find_if(kVaultDomains.begin(), kVaultDomains.end(),
                                  [&](std::string_view domain) { return host.ends_with(domain); });
  return found == kVaultDomains.end() ? std::string_view() : *found;
}

Result<Challenge> parse_challenge(std::string_view www_authenticate, const std::string& vault_host) {
  constexpr std::string_view kBearer = "Bearer ";
  constexpr std::string_view kDefault = "/.default";
  Challenge out;
  if (www_authenticate.starts_with(kBearer)) {
    std::map<std::string, std::string> parameters = parameters_of(www_authenticate.substr(kBearer.size()));
    out.tenant =
        tenant_of(parameters.contains("authorization") ? parameters["authorization"] : parameters["authorization_uri"]);
    out.resource = parameters.contains("resource") ? parameters["resource"] : parameters["scope"];
    if (out.resource.ends_with(kDefault)) out.resource.resize(out.resource.size() - kDefault.size());
  }
  if (out.resource.empty()) {
    return {Code::kTampered, vault_host + ": it does not say, as a key vault does, how to ask for a token; is it one?"};
  }
  const std::string host = vault_host.substr(0, vault_host.rfind(':'));
  const std::string_view of_vault = vault_domain_of(host);
  constexpr std::string_view kHttps = "https://";
  const bool is_known = std::any_of(kVaultDomains.begin(), kVaultDomains.end(), [&](std::string_view domain) {
    return out.resource == std::string(kHttps) + std::string(domain.substr(1)) &&
           (of_vault.empty() || of_vault == domain);
  });
  if (!is_known) {
    return {Code::kTampered, vault_host + ": it asks for a token for another service; it gets none"};
  }
  return out;
}

}  // namespace coffer::azure_kv
