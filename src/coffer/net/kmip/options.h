// KMIP's options by their names, as they stand in URIs and in kmip_hosts.
#pragma once

#include "coffer/net/kmip/settings.h"

namespace coffer::kmip {

Status take_group_options(UriOptions& options, GroupSettings& out);
Status take_key_options(UriOptions& options, KeySettings& out);
// Those that differ from the defaults, in a fixed order, behind uri.options; the functions above take them back.
void append_options(const GroupSettings& group, ProviderUri& uri);
void append_options(const KeySettings& key, ProviderUri& uri);

}  // namespace coffer::kmip
