#include "coffer/providers/uri.h"

#include "coffer/providers/kmip/settings.h"

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

// What is between "kmip:" or "kmip://…" and "?": the key's name, for a configured group behind the group's name.
Status take_names(const ProviderUri& uri, const Groups& groups, KmipSettings& out) {
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
  const auto found = groups.find(group);
  if (found == groups.end()) {
    return {Code::kInvalidArgument, "the group " + group +
                                        " is not configured; add it to kmip_hosts in coffer.yaml, or " +
                                        "name the hosts: kmip://HOST[:PORT]/KEY?OPTIONS"};
  }
  out.group = found->second;
  out.key.key_name = path.substr(slash + 1);
  return Status::ok();
}

Result<KmipSettings> settings_of(const ProviderUri& uri, const Groups& groups) {
  KmipSettings out;
  COFFER_TRY(take_names(uri, groups, out));
  for (const auto& [name, value] : uri.options) COFFER_TRY(set_option(out, name, value, !uri.authority));
  StorePlace& identity = out.group.tls.identity;
  StorePlace& trust = out.group.tls.trust;
  for (std::string* path :
       {&identity.path, &identity.key_path, &identity.password.file, &trust.path, &trust.password.file}) {
    COFFER_TRY(make_absolute(*path));
  }
  COFFER_TRY(check_settings(out.group));
  COFFER_TRY(check_settings(out.key));
  if (format_kmip_uri(out).size() > kUriSizeMax) {
    return {Code::kLimitExceeded, "longer than 1024 bytes; configure a group in kmip_hosts and write kmip:GROUP/KEY"};
  }
  return out;
}

}  // namespace

Result<KmipSettings> parse_kmip_uri(const std::string& uri, const Groups& groups) {
  COFFER_ASSIGN(const ProviderUri parsed, parse_provider_uri(uri));
  if (parsed.scheme != "kmip") return {Code::kInvalidArgument, "not a kmip: URI"};
  auto settings = settings_of(parsed, groups);
  if (!settings) return settings.status().with_context("kmip URI");
  return settings;
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
