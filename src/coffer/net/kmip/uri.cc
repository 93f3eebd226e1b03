// KMIP's URIs, and the groups that coffer.yaml has under names.
#include "coffer/net/kmip/options.h"

namespace coffer::kmip {
namespace {

constexpr size_t kUriSizeMax = 1024;  // what a keyring's slot holds

Result<GroupSettings> configured_group(const std::string& name, const ProviderUri& uri,
                                       const std::string& sealing_key) {
  GroupSettings out;
  out.name = name;
  auto hosts = parse_hosts(uri.authority.value_or(""));
  if (!hosts) return hosts.status().with_context(uri.place);
  out.hosts = std::move(*hosts);
  UriOptions options(uri, sealing_key);
  COFFER_TRY(take_group_options(options, out));
  COFFER_TRY(options.finish());
  COFFER_TRY(check_settings(out).with_context(uri.place));
  return out;
}

// A group that is configured, and the name of the key behind its name.
Status take_configured(const ProviderUri& uri, const ProviderConfig& config, KmipSettings& out) {
  const size_t slash = uri.path.find('/');
  const std::string group = uri.path.substr(0, slash);
  if (group.empty() || slash == std::string::npos) {
    return {Code::kInvalidArgument, "expected kmip://HOST[:PORT][,HOST…]/KEY?OPTIONS or kmip:GROUP/KEY"};
  }
  const auto found = config.kmip_hosts.find(group);
  if (found == config.kmip_hosts.end()) {
    return {Code::kInvalidArgument, "the group " + group + " is not configured; add it to kmip_hosts in " +
                                        config.name + ", or name the hosts: kmip://HOST[:PORT]/KEY?OPTIONS"};
  }
  COFFER_ASSIGN(out.group, configured_group(found->first, found->second, config.sealing_key));
  out.key.key_name = uri.path.substr(slash + 1);
  return Status::ok();
}

// All that is in the URI, paths absolute; whether it is enough is not looked at.
Result<KmipSettings> take_settings(const ProviderUri& uri, const ProviderConfig& config) {
  KmipSettings out;
  UriOptions options(uri, config.sealing_key);
  if (uri.authority) {
    COFFER_ASSIGN(out.group.hosts, parse_hosts(*uri.authority));
    out.key.key_name = uri.path.substr(uri.path.starts_with('/') ? 1 : 0);
    COFFER_TRY(take_group_options(options, out.group));
  } else {
    COFFER_TRY(take_configured(uri, config, out));
  }
  COFFER_TRY(take_key_options(options, out.key));
  const Status all_known = options.finish();
  if (all_known || uri.authority) return all_known ? Result<KmipSettings>(std::move(out)) : all_known;
  return {all_known.code(), std::string(all_known.message()) + "; those of the hosts belong into the configuration"};
}

Result<KmipSettings> settings_of(const ProviderUri& uri, const ProviderConfig& config) {
  COFFER_ASSIGN(KmipSettings out, take_settings(uri, config));
  COFFER_TRY(check_settings(out.group));
  COFFER_TRY(check_settings(out.key));
  if (format_kmip_uri(out).size() > kUriSizeMax) {
    return {Code::kLimitExceeded, "longer than 1024 bytes; configure a group in kmip_hosts and write kmip:GROUP/KEY"};
  }
  return out;
}

}  // namespace

Result<Groups> configured_groups(const ProviderConfig& config) {
  Groups out;
  for (const auto& [name, uri] : config.kmip_hosts) {
    COFFER_ASSIGN(GroupSettings group, configured_group(name, uri, config.sealing_key));
    out.emplace(name, std::move(group));
  }
  return out;
}

Result<KmipSettings> parse_kmip_uri(const ProviderUri& uri, const ProviderConfig& config) {
  if (uri.scheme != "kmip") return {Code::kInvalidArgument, "not a kmip: URI"};
  auto settings = settings_of(uri, config);
  if (!settings) return settings.status().with_context("kmip URI");
  return settings;
}

Result<GroupSettings> parse_kmip_group(const std::string& text, const ProviderConfig& config) {
  if (!text.starts_with("kmip:")) {
    const auto found = config.kmip_hosts.find(text);
    if (found != config.kmip_hosts.end()) return configured_group(text, found->second, config.sealing_key);
    std::string known;
    for (const auto& [name, group] : config.kmip_hosts) known += (known.empty() ? ", it has " : ", ") + name;
    return {Code::kNotFound, "the group " + text + " is not in the configuration's section kmip_hosts" + known +
                                 "; name a coffer.yaml that has it, or give kmip://HOST[:PORT]?OPTIONS"};
  }
  COFFER_ASSIGN(const ProviderUri uri, parse_provider_uri(text));
  auto settings = take_settings(uri, config);
  Status status = settings.status();
  if (settings) status = check_settings(settings->group);
  if (!status) return status.with_context("kmip URI");
  return std::move(settings->group);
}

std::string format_kmip_uri(const KmipSettings& settings) {
  ProviderUri out;
  out.scheme = "kmip";
  if (settings.group.name.empty()) {
    std::string list;
    for (const HostAddress& host : settings.group.hosts) list += (list.empty() ? "" : ",") + host.text();
    out.authority = list;
    append_options(settings.group, out);
  }
  out.path = settings.group.name + "/" + settings.key.key_name;
  append_options(settings.key, out);
  return format_provider_uri(out);
}

}  // namespace coffer::kmip
