#include "coffer/net/kmip/settings.h"

#include <algorithm>
#include <charconv>

#include "coffer/base/text.h"
#include "coffer/config/sealed_value.h"
#include "coffer/net/kmip/names.h"

namespace coffer::kmip {
namespace {

constexpr size_t kNameSizeMax = 200;
constexpr std::chrono::milliseconds kTimeoutMax{600'000};
constexpr std::chrono::milliseconds kKeyCacheMax{7 * 24 * 3600 * 1000};
constexpr int kRetriesMax = 10;

Status wrong(std::string_view option, std::string_view expectation) {
  return {Code::kInvalidArgument, std::string(option) + ": expected " + std::string(expectation)};
}

template <class Number>
std::optional<Number> number_of(std::string_view text, Number smallest, Number largest) {
  Number value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value < smallest || value > largest ? std::nullopt : std::optional(value);
}

std::vector<std::string_view> split_list(std::string_view text) {
  std::vector<std::string_view> out;
  while (true) {
    const size_t comma = text.find(',');
    out.push_back(trimmed(text.substr(0, comma), " \t"));
    if (comma == std::string_view::npos) return out;
    text.remove_prefix(comma + 1);
  }
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
  const auto number = number_of<uint16_t>(port, 1, 65535);
  if (!number) return wrong("hosts", "a port from 1 to 65535 after the colon");
  out.port = *number;
  return out;
}

Status set_millis(std::chrono::milliseconds& out, std::string_view name, std::string_view value,
                  std::chrono::milliseconds smallest, std::chrono::milliseconds largest) {
  const auto number = number_of<int64_t>(value, smallest.count(), largest.count());
  if (!number) {
    return wrong(name, "milliseconds, " + std::to_string(smallest.count()) + " to " + std::to_string(largest.count()));
  }
  out = std::chrono::milliseconds(*number);
  return Status::ok();
}

Status set_flag(bool& out, std::string_view name, std::string_view value) {
  const bool on = value == "1" || value == "true";
  if (!on && value != "0" && value != "false") return wrong(name, "true or false");
  out = on;
  return Status::ok();
}

Status set_store_type(StoreType& out, std::string_view name, std::string_view value) {
  std::string lower(value);
  for (char& c : lower) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  if (lower == "pem") {
    out = StoreType::kPem;
  } else if (lower == "pkcs12" || lower == "p12") {
    out = StoreType::kPkcs12;
  } else if (lower == "jks") {
    out = StoreType::kJks;
  } else {
    return wrong(name, "pem, pkcs12 or jks");
  }
  return Status::ok();
}

Status set_version(std::optional<ProtocolVersion>& out, std::string_view value) {
  for (const ProtocolVersion version : kVersionsByPreference) {
    if (version.text() == value) {
      out = version;
      return Status::ok();
    }
  }
  return wrong("kmip_version", "1.0, 1.1, 1.2, 1.3, 1.4, 2.0 or 2.1");
}

Status set_protocol(std::string& out, std::string_view value) {
  if (value != "TLSv1.2" && value != "TLSv1.3" && value != "TLS") return wrong("protocol", "TLS, TLSv1.2 or TLSv1.3");
  out = value == "TLS" ? "" : value;
  return Status::ok();
}

Status set_cipher_suites(std::vector<std::string>& out, std::string_view value) {
  out.clear();
  for (const std::string_view suite : split_list(value)) {
    const bool plain = std::ranges::all_of(
        suite, [](char c) { return std::isalnum(static_cast<unsigned char>(c)) || c == '-' || c == '_'; });
    if (suite.empty() || !plain) return wrong("cipher_suites", "names of cipher suites, separated by commas");
    out.emplace_back(suite);
  }
  return Status::ok();
}

// keystore_… and truststore_… alike: what follows the prefix.
Status set_store_option(StorePlace& store, std::string_view prefix, std::string_view name, std::string_view value) {
  const std::string whole = std::string(prefix) + std::string(name);
  if (name == "path") {
    store.path = value;
  } else if (name == "type") {
    return set_store_type(store.type, whole, value);
  } else if (name == "password_file") {
    store.password.file = value;
  } else if (name == "password_env") {
    store.password.environment = value;
  } else if (name == "password_sealed") {
    COFFER_TRY(check_sealed_value(value).with_context(whole));
    store.password.sealed = value;
    store.password.sealed_for = std::string(prefix) + "password";
  } else if (name == "password") {
    return {Code::kInvalidArgument, whole + ": a password does not stand in clear here; put it into a file and give " +
                                        whole + "_file, or into the environment and give " + whole +
                                        "_env, or seal it and give " + whole + "_sealed"};
  } else {
    return {Code::kNotFound, whole};
  }
  return value.empty() ? wrong(whole, "a value") : Status::ok();
}

Status set_pem(StorePlace& store, std::string& path, std::string_view name, std::string_view value) {
  if (value.empty()) return wrong(name, "the path of a PEM file");
  store.type = StoreType::kPem;
  path = value;
  return Status::ok();
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

Status set_option(GroupSettings& group, std::string_view name, std::string_view value) {
  StorePlace& identity = group.tls.identity;
  if (name.starts_with("keystore_")) return set_store_option(identity, "keystore_", name.substr(9), value);
  if (name.starts_with("truststore_")) return set_store_option(group.tls.trust, "truststore_", name.substr(11), value);
  if (name == "cert") return set_pem(identity, identity.path, name, value);
  if (name == "key") return set_pem(identity, identity.key_path, name, value);
  if (name == "ca") return set_pem(group.tls.trust, group.tls.trust.path, name, value);
  if (name == "timeout") return set_millis(group.timeout, name, value, std::chrono::milliseconds(1), kTimeoutMax);
  if (name == "key_cache_millis") {
    return set_millis(group.key_cache, name, value, std::chrono::milliseconds(0), kKeyCacheMax);
  }
  if (name == "protocol") return set_protocol(group.tls.protocol, value);
  if (name == "cipher_suites") return set_cipher_suites(group.tls.cipher_suites, value);
  if (name == "verify_host") return set_flag(group.tls.verify_host, name, value);
  if (name == "kmip_version") return set_version(group.version, value);
  if (name == "retries") {
    const auto number = number_of<int>(value, 0, kRetriesMax);
    if (!number) return wrong(name, "a number from 0 to " + std::to_string(kRetriesMax));
    group.retries = *number;
    return Status::ok();
  }
  return {Code::kNotFound, std::string(name)};
}

Status set_option(KeySettings& key, std::string_view name, std::string_view value) {
  if (name == "namespace") {
    key.key_namespace = value;
  } else if (name == "namespace_attribute") {
    key.namespace_attribute = value;
  } else if (name == "algorithm") {
    key.algorithm = value;
  } else if (name == "strength") {
    const auto bits = number_of<int>(value, 1, 4096);
    if (!bits) return wrong(name, "a number of bits");
    key.bits = *bits;
  } else if (name == "create") {
    return set_flag(key.create, name, value);
  } else if (name == "policy") {
    key.operation_policy = value;
  } else if (name == "use") {
    if (value != "auto" && value != "get" && value != "encrypt") return wrong(name, "auto, get or encrypt");
    key.use = value == "get" ? KeyUse::kGet : value == "encrypt" ? KeyUse::kEncrypt : KeyUse::kAuto;
  } else {
    return {Code::kNotFound, std::string(name)};
  }
  return Status::ok();
}

Options options_of(const GroupSettings& group) {
  const GroupSettings standard;
  Options out;
  const auto add = [&](const char* name, const std::string& value) {
    if (!value.empty()) out.emplace_back(name, value);
  };
  const auto add_store = [&](const StorePlace& store, const std::string& prefix, const char* pem) {
    constexpr const char* kTypes[] = {"pem", "pkcs12", "jks"};
    const bool is_pem = store.type == StoreType::kPem;
    add(is_pem ? pem : (prefix + "path").c_str(), store.path);
    if (!is_pem) add((prefix + "type").c_str(), kTypes[static_cast<int>(store.type)]);
    add("key", store.key_path);
    add((prefix + "password_file").c_str(), store.password.file);
    add((prefix + "password_env").c_str(), store.password.environment);
    add((prefix + "password_sealed").c_str(), store.password.sealed);
  };
  add_store(group.tls.identity, "keystore_", "cert");
  add_store(group.tls.trust, "truststore_", "ca");
  if (group.timeout != standard.timeout) add("timeout", std::to_string(group.timeout.count()));
  if (group.key_cache != standard.key_cache) add("key_cache_millis", std::to_string(group.key_cache.count()));
  if (group.retries != standard.retries) add("retries", std::to_string(group.retries));
  add("protocol", group.tls.protocol);
  std::string suites;
  for (const std::string& suite : group.tls.cipher_suites) suites += (suites.empty() ? "" : ",") + suite;
  add("cipher_suites", suites);
  if (!group.tls.verify_host) add("verify_host", "false");
  if (group.version) add("kmip_version", group.version->text());
  return out;
}

Options options_of(const KeySettings& key) {
  const KeySettings standard;
  Options out;
  if (!key.key_namespace.empty()) out.emplace_back("namespace", key.key_namespace);
  if (!key.namespace_attribute.empty()) out.emplace_back("namespace_attribute", key.namespace_attribute);
  if (key.algorithm != standard.algorithm) out.emplace_back("algorithm", key.algorithm);
  if (key.bits != standard.bits) out.emplace_back("strength", std::to_string(key.bits));
  if (key.create) out.emplace_back("create", "true");
  if (key.use != KeyUse::kAuto) out.emplace_back("use", key.use == KeyUse::kGet ? "get" : "encrypt");
  if (!key.operation_policy.empty()) out.emplace_back("policy", key.operation_policy);
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
  for (const StorePlace* store : {&identity, &group.tls.trust}) {
    const SecretSource& password = store->password;
    if (!password.file.empty() + !password.environment.empty() + !password.sealed.empty() > 1) {
      return {Code::kInvalidArgument,
              "a store's password is given twice; give one of file, environment and sealed value"};
    }
  }
  return Status::ok();
}

Status check_settings(const KeySettings& key) {
  for (const std::string* name : {&key.key_name, &key.key_namespace, &key.namespace_attribute, &key.operation_policy}) {
    const bool plain = std::ranges::none_of(*name, [](char c) { return static_cast<unsigned char>(c) < 0x20; });
    if (name->size() > kNameSizeMax || !plain) {
      return {Code::kInvalidArgument, "names of keys and namespaces are at most 200 bytes, without control characters"};
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
  if (key.bits != 128 && key.bits != 192 && key.bits != 256) return wrong("strength", "128, 192 or 256");
  return Status::ok();
}

}  // namespace coffer::kmip
