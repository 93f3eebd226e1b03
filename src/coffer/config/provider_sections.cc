#include "coffer/config/provider_sections.h"

#include <algorithm>

#include "coffer/config/yaml_quoted.h"
#include "coffer/keys/keyring_body.h"

namespace coffer {
namespace {

// A root for each key group that there may be, and some for the keyring.
constexpr size_t kNamesMax = kKeyGroupCountMax + 64;
constexpr size_t kFingerprintDigits = 32;

// What both sections have in common: mappings of options under names. `add` begins a URI by the option `first`.
class SectionReader {
 public:
  SectionReader(const YamlReader& reader, std::string section, std::string first)
      : reader_(reader), section_(std::move(section)), first_(std::move(first)) {}

  template <class Begin>
  Result<NamedProviders> read(const YAML::Node& section, Begin begin) const {
    NamedProviders out;
    const Status status = reader_.each(section, section_ + ": ", [&](const YamlReader::Entry& entry) -> Status {
      COFFER_TRY(check_name(entry));
      if (out.size() == kNamesMax)
        return reader_.error(entry.key_node, section_ + ": more than " + std::to_string(kNamesMax) + " names");
      COFFER_ASSIGN(ProviderUri uri, read_one(entry, section_ + ": " + entry.key + ": ", begin));
      out.emplace(entry.key, std::move(uri));
      return Status::ok();
    });
    if (!status) return status;
    return out;
  }

  template <class Begin>
  Result<ProviderUri> read_one(const YamlReader::Entry& section, Begin begin) const {
    return read_one(section, section_ + ": ", begin);
  }

 private:
  Status check_name(const YamlReader::Entry& entry) const {
    if (valid_root_name(entry.key)) return Status::ok();
    return reader_.error(entry.key_node,
                         section_ + ": a name has 1 to 64 letters, digits, dots, underscores or dashes");
  }

  template <class Begin>
  Result<ProviderUri> read_one(const YamlReader::Entry& named, const std::string& what, Begin begin) const {
    ProviderUri uri;
    if (named.value.IsMap() && named.value[first_]) {
      COFFER_ASSIGN(const std::string text, reader_.text_or_list(named.value[first_], what + first_));
      const Status begun = begin(text, uri);
      if (!begun) return reader_.error(named.value[first_], what + first_ + ": " + std::string(begun.message()));
    } else if (named.value.IsMap()) {
      return reader_.error(named.value, what + first_ + " is missing");
    }
    uri.place = reader_.place(named.key_node) + ": " + what.substr(0, what.size() - 2);
    const Status status = reader_.each(named.value, what, [&](const YamlReader::Entry& option) -> Status {
      // HCD's name for what is called so everywhere else.
      const std::string name = section_ == "kmip_hosts" && option.key == "timeout" ? "timeout_millis" : option.key;
      const auto is_there = [&](const auto& known) { return known.first == name; };
      if (std::ranges::any_of(uri.options, is_there)) {
        return reader_.error(option.key_node, what + option.key + " is there twice; keep one");
      }
      if (option.key == first_) return Status::ok();
      if (option.key.empty()) return reader_.error(option.key_node, what + "an option without a name");
      COFFER_ASSIGN(std::string value, reader_.text_or_list(option.value, what + option.key));
      uri.options.emplace_back(name, std::move(value));
      uri.option_places[name] = reader_.place(option.key_node) + ": " + what + option.key;
      return Status::ok();
    });
    if (!status) return status;
    return uri;
  }

  const YamlReader& reader_;
  const std::string section_, first_;
};

std::string format_options(const ProviderUri& uri) {
  std::string out;
  for (const auto& [option, value] : uri.options) {
    out += "    " + yaml_quoted(option) + ": " + yaml_quoted(value) + "\n";
  }
  return out;
}

std::string format_section(const std::string& section, const NamedProviders& providers,
                           std::string (*first)(const ProviderUri& uri)) {
  if (providers.empty()) return {};
  std::string out = section + ":\n";
  for (const auto& [name, uri] : providers) {
    out += "  " + yaml_quoted(name) + ":\n    " + first(uri) + "\n" + format_options(uri);
  }
  return out;
}

std::string uri_line(const ProviderUri& uri) {
  const std::string authority = uri.authority.has_value() ? "//" + *uri.authority : "";
  return "uri: " + yaml_quoted(uri.scheme + ":" + authority + uri.raw_path);
}

Status begin_by_uri(const std::string& text, ProviderUri& uri) {
  auto parsed = parse_provider_uri(text);
  if (parsed.is_ok()) uri = std::move(*parsed);
  return parsed.status();
}

bool is_fingerprint(std::string_view text) {
  const auto is_digit = [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); };
  return text.size() == kFingerprintDigits && std::ranges::all_of(text, is_digit);
}

}  // namespace

Result<NamedProviders> read_key_providers(const YamlReader& reader, const YAML::Node& section) {
  return SectionReader(reader, "key_providers", "uri").read(section, begin_by_uri);
}

Result<RootSettings> read_roots(const YamlReader& reader, const YAML::Node& section) {
  COFFER_ASSIGN(NamedProviders uris, SectionReader(reader, "roots", "uri").read(section, begin_by_uri));
  RootSettings out;
  for (auto& [name, uri] : uris) {
    RootSetting root;
    const auto pin = std::ranges::find(uri.options, "fingerprint", [](const auto& option) { return option.first; });
    if (pin != uri.options.end()) {
      if (!is_fingerprint(pin->second)) {
        return {Code::kInvalidArgument,
                uri.option_places["fingerprint"] + ": expected 32 hexadecimal digits in lower case"};
      }
      root.fingerprint = pin->second;
      uri.options.erase(pin);
    }
    const auto group = std::ranges::find(uri.options, "key_group", [](const auto& option) { return option.first; });
    if (group != uri.options.end()) {
      if (!valid_domain_name(group->second)) {
        return {Code::kInvalidArgument,
                uri.option_places["key_group"] + ": expected a key group's name, 1 to 64 of [a-z0-9._-]"};
      }
      root.key_group = group->second;
      uri.options.erase(group);
    }
    root.uri = std::move(uri);
    root.uri.configured_as = "root:" + name;
    out.emplace(name, std::move(root));
  }
  return out;
}

std::string format_root(const std::string& name, const RootSetting& root) {
  std::string out = "  " + yaml_quoted(name) + ":\n    " + uri_line(root.uri) + "\n";
  if (!root.fingerprint.empty()) out += "    fingerprint: " + yaml_quoted(root.fingerprint) + "\n";
  if (!root.key_group.empty()) out += "    key_group: " + yaml_quoted(root.key_group) + "\n";
  return out + format_options(root.uri);
}

Result<ProviderUri> read_keyring_store(const YamlReader& reader, const YamlReader::Entry& section) {
  COFFER_ASSIGN(ProviderUri uri, SectionReader(reader, "keyring_store", "uri").read_one(section, begin_by_uri));
  uri.configured_as = "keyring_store";
  return uri;
}

Result<NamedProviders> read_kmip_hosts(const YamlReader& reader, const YAML::Node& section) {
  return SectionReader(reader, "kmip_hosts", "hosts").read(section, [](const std::string& text, ProviderUri& uri) {
    uri.scheme = "kmip";
    uri.authority = text;
    return Status::ok();
  });
}

std::string format_keyring_store(const ProviderUri& store) {
  std::string out = "keyring_store:\n  " + uri_line(store) + "\n";
  for (const auto& [option, value] : store.options) {
    out += "  " + yaml_quoted(option) + ": " + yaml_quoted(value) + "\n";
  }
  return out;
}

std::string format_roots(const RootSettings& roots) {
  std::string out = roots.empty() ? "" : "roots:\n";
  for (const auto& [name, root] : roots) out += format_root(name, root);
  return out;
}

std::string format_providers(const ProviderConfig& config) {
  std::string out;
  if (!config.sealing_key.empty()) out += "sealing_key: " + yaml_quoted(config.sealing_key) + "\n";
  out += format_section("key_providers", config.key_providers, uri_line);
  out += format_section("kmip_hosts", config.kmip_hosts,
                        [](const ProviderUri& uri) { return "hosts: " + yaml_quoted(uri.authority.value_or("")); });
  return out;
}

}  // namespace coffer
