#include "coffer/net/kmip/settings.h"

#include <algorithm>
#include <charconv>

namespace coffer::kmip {
namespace {

constexpr size_t kNameSizeMax = 200;
constexpr size_t kUriSizeMax = 1024;  // what a keyring's slot holds
constexpr uint64_t kTimeoutMillisMax = 600'000;
constexpr uint64_t kKeyCacheMillisMax = uint64_t{7} * 24 * 3600 * 1000;

constexpr Choice<StoreType> kStoreTypes[] = {
    {"pem", StoreType::kPem}, {"pkcs12", StoreType::kPkcs12}, {"p12", StoreType::kPkcs12}, {"jks", StoreType::kJks}};
constexpr Choice<const char*> kProtocols[] = {{"TLS", ""}, {"TLSv1.2", "TLSv1.2"}, {"TLSv1.3", "TLSv1.3"}};
constexpr Choice<KeyUse> kUses[] = {{"auto", KeyUse::kAuto}, {"get", KeyUse::kGet}, {"encrypt", KeyUse::kEncrypt}};
constexpr Choice<std::optional<ProtocolVersion>> kVersions[] = {{"1.0", kKmip10}, {"1.1", {{1, 1}}}, {"1.2", {{1, 2}}},
                                                                {"1.3", kKmip13}, {"1.4", kKmip14},  {"2.0", kKmip20},
                                                                {"2.1", kKmip21}};
constexpr Choice<int> kStrengths[] = {{"128", 128}, {"192", 192}, {"256", 256}};

constexpr Choice<bool> kStartRequires[] = {{"all", true}, {"used", false}};

// Where a store's options are: `pem` is the short form of a path to PEM.
struct StoreOptions {
  std::string prefix, pem;
};

Status take_store(UriOptions& options, const StoreOptions& names, StorePlace& out) {
  COFFER_ASSIGN(const std::string pem, options.take_path(names.pem));
  COFFER_ASSIGN(out.path, options.take_path(names.prefix + "path"));
  COFFER_ASSIGN(out.type, options.take_choice(names.prefix + "type", kStoreTypes, StoreType::kPem));
  COFFER_ASSIGN(out.password, options.take_secret(names.prefix + "password"));
  if (pem.empty()) return Status::ok();
  if (!out.path.empty() || out.type != StoreType::kPem) {
    return options.wrong(names.pem, "the path of a PEM file, or else " + names.prefix + "path with its type");
  }
  out.path = pem;
  return Status::ok();
}

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

std::string list_of(const std::vector<HostAddress>& hosts, const char* separator) {
  std::string out;
  for (const HostAddress& host : hosts) out += (out.empty() ? "" : separator) + host.text();
  return out;
}

Status take_cipher_suites(UriOptions& options, std::vector<std::string>& out) {
  const std::optional<std::string> text = options.take("cipher_suites");
  if (!text.has_value()) return Status::ok();
  for (const std::string_view suite : split_list(*text)) {
    const bool plain = std::ranges::all_of(
        suite, [](char c) { return std::isalnum(static_cast<unsigned char>(c)) || c == '-' || c == '_'; });
    if (suite.empty() || !plain) {
      return options.wrong("cipher_suites", "names of cipher suites, separated by commas");
    }
    out.emplace_back(suite);
  }
  return Status::ok();
}

Status take_millis(UriOptions& options, std::string_view name, uint64_t smallest, uint64_t largest,
                   std::chrono::milliseconds& out) {
  COFFER_ASSIGN(const uint64_t millis,
                options.take_number(name, static_cast<uint64_t>(out.count()), smallest, largest));
  out = std::chrono::milliseconds(millis);
  return Status::ok();
}

Status take_group_options(UriOptions& options, GroupSettings& out) {
  COFFER_TRY(take_store(options, {"keystore_", "cert"}, out.tls.identity));
  COFFER_ASSIGN(out.tls.identity.key_path, options.take_path("key"));
  COFFER_TRY(take_store(options, {"truststore_", "ca"}, out.tls.trust));
  COFFER_TRY(take_millis(options, "timeout_millis", 1, kTimeoutMillisMax, out.timeout));
  COFFER_TRY(take_millis(options, "key_cache_millis", 0, kKeyCacheMillisMax, out.key_cache));
  COFFER_ASSIGN(out.tls.protocol, options.take_choice("protocol", kProtocols, ""));
  COFFER_TRY(take_cipher_suites(options, out.tls.cipher_suites));
  COFFER_ASSIGN(out.tls.verify_host, options.take_switch("verify_host", true));
  COFFER_ASSIGN(out.version, options.take_choice("kmip_version", kVersions, std::optional<ProtocolVersion>()));
  return Status::ok();
}

Status take_key_options(UriOptions& options, KeySettings& out) {
  out.space.name = options.take("namespace", "");
  out.space.attribute = options.take("namespace_attribute", "");
  out.algorithm = options.take("algorithm", out.algorithm);
  COFFER_ASSIGN(out.bits, options.take_choice("strength", kStrengths, out.bits));
  COFFER_ASSIGN(out.create, options.take_switch("create", false));
  COFFER_ASSIGN(out.allow_weak, options.take_switch("allow_weak_root", false));
  out.operation_policy = options.take("policy", "");
  COFFER_ASSIGN(out.use, options.take_choice("use", kUses, KeyUse::kAuto));
  return Status::ok();
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
  for (const std::string* name : {&key.key_name, &key.space.name, &key.space.attribute, &key.operation_policy}) {
    if (name->size() > kNameSizeMax) {
      return {Code::kInvalidArgument, "names of keys and namespaces are at most 200 bytes"};
    }
  }
  if (key.key_name.empty()) return {Code::kInvalidArgument, "the name of the key is missing"};
  if (!key.space.attribute.empty() && !key.space.attribute.starts_with("x-")) {
    return wrong("namespace_attribute", "the name of a custom attribute, which begins with x-");
  }
  if (!key.space.attribute.empty() && key.space.name.empty()) {
    return {Code::kInvalidArgument, "namespace_attribute: there is no namespace to keep in it"};
  }
  if (key.algorithm != "AES") {
    return wrong("algorithm", "AES, the only algorithm that Coffer wraps keyring keys with");
  }
  return Status::ok();
}

Result<GroupSettings> configured_group(const std::string& name, ProviderUri uri, const std::string& sealing_key) {
  GroupSettings out;
  out.name = name;
  uri.configured_as = "kmip:" + name;
  auto hosts = parse_hosts(uri.authority.value_or(""));
  if (!hosts) return hosts.status().with_context(uri.place);
  out.hosts = std::move(*hosts);
  UriOptions options(uri, sealing_key);
  COFFER_TRY(take_group_options(options, out));
  COFFER_ASSIGN(out.needed_at_start, options.take_choice("start_requires", kStartRequires, false));
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
  if (!all_known && !uri.authority) {
    return {all_known.code(), std::string(all_known.message()) + "; those of the hosts belong into the configuration"};
  }
  COFFER_TRY(all_known);
  ProviderUri kept = options.kept();
  if (uri.authority) kept.authority = list_of(out.group.hosts, ",");
  kept.path = out.group.name + "/" + out.key.key_name;
  out.uri = format_provider_uri(kept);
  return out;
}

Result<KmipSettings> checked_settings(const ProviderUri& uri, const ProviderConfig& config) {
  COFFER_ASSIGN(KmipSettings out, take_settings(uri, config));
  COFFER_TRY(check_settings(out.group));
  COFFER_TRY(check_settings(out.key));
  if (out.uri.size() <= kUriSizeMax) return out;
  return {Code::kLimitExceeded, "longer than 1024 bytes; configure a group in kmip_hosts and write kmip:GROUP/KEY"};
}

}  // namespace

std::string HostAddress::text() const {
  const bool numeric6 = name.find(':') != std::string::npos;
  return (numeric6 ? "[" + name + "]" : name) + ":" + std::to_string(port);
}

std::string GroupSettings::describe() const {
  const std::string list = list_of(hosts, ", ");
  return name.empty() ? "kmip " + list : "kmip group " + name + " (" + list + ")";
}

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
  auto settings = checked_settings(uri, config);
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

}  // namespace coffer::kmip
