#include "coffer/net/kmip/settings.h"

namespace coffer::kmip {
namespace {

constexpr size_t kUriSizeMax = 1024;  // what a keyring's slot holds

Status set_option(KmipSettings& settings, const std::string& name, const std::string& value, bool group_is_named) {
  Status status = set_option(settings.key, name, value);
  if (status.code() != Code::kNotFound) return status;
  GroupSettings ignored;
  status = set_option(group_is_named ? ignored : settings.group, name, value);
  if (status.code() == Code::kNotFound) return {Code::kInvalidArgument, "unknown option " + name};
  if (status && group_is_named)
    return {Code::kInvalidArgument, "option " + name + " belongs into the group's configuration"};
  return status;
}

Status make_absolute(std::string& path) {
  if (path.empty()) return Status::ok();
  COFFER_ASSIGN(path, absolute_provider_path(path));
  return Status::ok();
}

Result<GroupSettings> group_of(const NamedProviders::value_type& configured, const std::string& sealing_key) {
  const ProviderUri& uri = configured.second;
  GroupSettings group;
  group.name = configured.first;
  auto hosts = parse_hosts(uri.authority.value_or(""));
  if (!hosts) return hosts.status().with_context(uri.place);
  group.hosts = std::move(*hosts);
  for (const auto& [name, value] : uri.options) {
    const std::string& place = uri.option_places.at(name);
    const bool path =
        name.ends_with("_path") || name.ends_with("_file") || name == "cert" || name == "key" || name == "ca";
    if (path && !value.starts_with('/')) return {Code::kInvalidArgument, place + ": expected an absolute path"};
    const Status status = set_option(group, name, value);
    if (status.code() == Code::kNotFound) {
      return {Code::kInvalidArgument, place + ": unknown option; see docs/providers/kmip.md"};
    }
    if (!status) return status.with_context(place.substr(0, place.rfind(": ")));
  }
  COFFER_TRY(check_settings(group).with_context(uri.place));
  for (SecretSource* password : {&group.tls.identity.password, &group.tls.trust.password}) {
    if (!password->sealed.empty()) password->sealing_key = sealing_key;
  }
  return group;
}

// What is between "kmip:" or "kmip://…" and "?": the key's name, for a configured group behind the group's name.
Status take_names(const ProviderUri& uri, const ProviderConfig& config, KmipSettings& out) {
  std::string path = uri.path;
  if (uri.authority) {
    if (path.starts_with('/')) path.erase(0, 1);
    COFFER_ASSIGN(out.group.hosts, parse_hosts(*uri.authority));
    out.key.key_name = path;
    return Status::ok();
  }
  const size_t slash = path.find('/');
  const std::string group = path.substr(0, slash);
  if (group.empty() || slash == std::string::npos) {
    return {Code::kInvalidArgument, "expected kmip://HOST[:PORT][,HOST…]/KEY?OPTIONS or kmip:GROUP/KEY"};
  }
  const auto found = config.kmip_hosts.find(group);
  if (found == config.kmip_hosts.end()) {
    return {Code::kInvalidArgument, "the group " + group + " is not configured; add it to kmip_hosts in " +
                                        config.name + ", or " + "name the hosts: kmip://HOST[:PORT]/KEY?OPTIONS"};
  }
  COFFER_ASSIGN(out.group, group_of(*found, config.sealing_key));
  out.key.key_name = path.substr(slash + 1);
  return Status::ok();
}

// All that is in the URI, paths absolute; whether it is enough is not looked at.
Result<KmipSettings> take_settings(const ProviderUri& uri, const ProviderConfig& config) {
  KmipSettings out;
  COFFER_TRY(take_names(uri, config, out));
  for (const auto& [name, value] : uri.options) COFFER_TRY(set_option(out, name, value, !uri.authority));
  StorePlace& identity = out.group.tls.identity;
  StorePlace& trust = out.group.tls.trust;
  for (std::string* path :
       {&identity.path, &identity.key_path, &identity.password.file, &trust.path, &trust.password.file}) {
    COFFER_TRY(make_absolute(*path));
  }
  for (SecretSource* password : {&identity.password, &trust.password}) {
    if (!password->sealed.empty() && uri.authority) password->sealing_key = config.sealing_key;
  }
  return out;
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
  for (const auto& configured : config.kmip_hosts) {
    COFFER_ASSIGN(GroupSettings group, group_of(configured, config.sealing_key));
    out.emplace(configured.first, std::move(group));
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
    COFFER_ASSIGN(const Groups groups, configured_groups(config));
    const auto found = groups.find(text);
    if (found != groups.end()) return found->second;
    std::string known;
    for (const auto& [name, group] : groups) known += (known.empty() ? ", it has " : ", ") + name;
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
  std::string out = "kmip:";
  Options options;
  if (settings.group.name.empty()) {
    std::string list;
    for (const HostAddress& host : settings.group.hosts) list += (list.empty() ? "" : ",") + host.text();
    out += "//" + list;
    options = options_of(settings.group);
  } else {
    out += encode_uri_path(settings.group.name);
  }
  out += "/" + encode_uri_path(settings.key.key_name);
  for (const auto& option : options_of(settings.key)) options.push_back(option);
  char separator = '?';
  for (const auto& [name, value] : options) {
    out += separator + name + "=" + encode_uri_option(value);
    separator = '&';
  }
  return out;
}

}  // namespace coffer::kmip
