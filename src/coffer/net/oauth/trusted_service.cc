#include "coffer/net/oauth/trusted_service.h"

#include <algorithm>

#include "coffer/net/http/http.h"

namespace coffer::oauth {

Status check_trusted(const std::string& url, std::span<const std::string_view> domains, const ProviderConfig& config,
                     const std::function<bool(const ProviderUri& configured)>& is_meant) {
  COFFER_ASSIGN(const std::string host_and_port, http::host_of_url(url));
  const std::string host = lower_case(host_and_port.substr(0, host_and_port.rfind(':')));
  if (http::is_this_machine(host)) return Status::ok();
  const bool is_vendors = std::any_of(domains.begin(), domains.end(), [&](std::string_view domain) {
    return domain.starts_with('.') ? host.ends_with(domain) : host == domain;
  });
  if (is_vendors && url.starts_with("https:")) return Status::ok();
  for (const auto& [name, uri] : config.key_providers) {
    if (is_meant(uri)) return Status::ok();
  }
  return {Code::kPermissionDenied, "credentials are not sent to " + host_and_port +
                                       " because a keyring says so; configure this address under key_providers in " +
                                       config.name + " if it is right"};
}

bool has_option(const ProviderUri& uri, std::string_view name, std::string_view value) {
  return std::ranges::any_of(uri.options,
                             [&](const auto& option) { return option.first == name && option.second == value; });
}

}  // namespace coffer::oauth
