#include "coffer/net/kmip/settings.h"

#include <algorithm>
#include <charconv>

#include "coffer/net/kmip/names.h"

namespace coffer::kmip {
namespace {

constexpr size_t kNameSizeMax = 200;

Status wrong(std::string_view option, std::string_view expectation) {
  return {Code::kInvalidArgument, std::string(option) + ": expected " + std::string(expectation)};
}

Result<HostAddress> parse_host(std::string_view text) {
  HostAddress out;
  std::string_view port;
  const size_t bracket = text.starts_with('[') ? text.find(']') : std::string_view::npos;
  if (bracket != std::string_view::npos) {
    out.name = text.substr(1, bracket - 1);
    text.remove_prefix(bracket + 1);
    if (!text.empty() && text.front() != ':') return wrong("hosts", "[ADDRESS]:PORT");
    port = text.empty() ? text : text.substr(1);
  } else {
    const size_t colon = text.find(':');
    out.name = text.substr(0, colon);
    if (colon != std::string_view::npos) port = text.substr(colon + 1);
    if (port.find(':') != std::string_view::npos) return wrong("hosts", "an IPv6 address in brackets: [ADDRESS]:PORT");
    if (colon != std::string_view::npos && port.empty())
      return wrong("hosts", "a port from 1 to 65535 after the colon");
  }
  const bool plain = std::ranges::all_of(out.name, [](char c) {
    return std::isalnum(static_cast<unsigned char>(c)) || c == '.' || c == '-' || c == ':' || c == '_';
  });
  if (out.name.empty() || out.name.size() > 253 || !plain)
    return wrong("hosts", "names or addresses, separated by commas");
  if (port.empty()) return out;
  const auto [end, failed] = std::from_chars(port.data(), port.data() + port.size(), out.port);
  if (failed != std::errc() || end != port.data() + port.size() || out.port == 0) {
    return wrong("hosts", "a port from 1 to 65535 after the colon");
  }
  return out;
}

}  // namespace

std::string HostAddress::text() const {
  const bool numeric6 = name.find(':') != std::string::npos;
  return (numeric6 ? "[" + name + "]" : name) + ":" + std::to_string(port);
}

std::string GroupSettings::describe() const {
  std::string list;
  for (const HostAddress& host : hosts) list += (list.empty() ? "" : ", ") + host.text();
  return name.empty() ? "kmip " + list : "kmip group " + name + " (" + list + ")";
}

Result<std::vector<HostAddress>> parse_hosts(std::string_view text) {
  std::vector<HostAddress> out;
  for (const std::string_view part : split_list(text)) {
    COFFER_ASSIGN(HostAddress host, parse_host(part));
    if (std::ranges::find(out, host) != out.end()) {
      return {Code::kInvalidArgument, "hosts: " + host.text() + " is listed twice"};
    }
    out.push_back(std::move(host));
  }
  if (out.size() > kHostsMax) return wrong("hosts", "at most " + std::to_string(kHostsMax) + " hosts");
  return out;
}

Status check_settings(const GroupSettings& group) {
  const StorePlace& identity = group.tls.identity;
  if (group.hosts.empty()) return wrong("hosts", "at least one host");
  if (identity.path.empty()) {
    return {Code::kInvalidArgument,
            "a client certificate is needed: give cert and key (PEM), or keystore_path and keystore_type"};
  }
  if (group.tls.trust.path.empty()) {
    return {Code::kInvalidArgument,
            "who signs the hosts' certificates must be given: ca (PEM), or truststore_path and truststore_type"};
  }
  if (identity.type != StoreType::kPem && !identity.key_path.empty()) {
    return {Code::kInvalidArgument, "key: only with a PEM certificate; a keystore holds its key itself"};
  }
  return Status::ok();
}

Status check_settings(const KeySettings& key) {
  for (const std::string* name : {&key.key_name, &key.key_namespace, &key.namespace_attribute, &key.operation_policy}) {
    if (name->size() > kNameSizeMax) {
      return {Code::kInvalidArgument, "names of keys and namespaces are at most 200 bytes"};
    }
  }
  if (key.key_name.empty()) return {Code::kInvalidArgument, "the name of the key is missing"};
  if (!key.namespace_attribute.empty() && !key.namespace_attribute.starts_with("x-")) {
    return wrong("namespace_attribute", "the name of a custom attribute, which begins with x-");
  }
  if (!key.namespace_attribute.empty() && key.key_namespace.empty()) {
    return {Code::kInvalidArgument, "namespace_attribute: there is no namespace to keep in it"};
  }
  if (key.algorithm != "AES") {
    return wrong("algorithm", "AES, the only algorithm that Coffer wraps keyring keys with");
  }
  return Status::ok();
}

}  // namespace coffer::kmip
