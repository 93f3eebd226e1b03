// To whom credentials may be sent.
//
// The URI of a slot stands in the clear part of the keyring: whoever can write that file can put another address into
// it, and would be sent a token that opens the root key. So a slot may name the vendor's own hosts and this machine;
// any other has to be configured in coffer.yaml, under key_providers.
#pragma once

#include <functional>
#include <span>
#include <string>

#include "coffer/config/provider_config.h"

namespace coffer::oauth {

// `url` is https:// at one of the domains (".example.com" is any host below it), or on this machine, or
// `is_meant` by one of the configured providers. kPermissionDenied otherwise: says where to configure it.
Status check_trusted(const std::string& url, std::span<const std::string_view> domains, const ProviderConfig& config,
                     const std::function<bool(const ProviderUri& configured)>& is_meant);
bool has_option(const ProviderUri& uri, std::string_view name, std::string_view value);

}  // namespace coffer::oauth
