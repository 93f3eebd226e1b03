#include "coffer/config/provider_sections.h"

#include <algorithm>

#include "coffer/config/yaml_quoted.h"

namespace coffer {
namespace {

constexpr size_t kNamesMax = 64;
constexpr size_t kNameSizeMax = 64;
constexpr std::string_view kNameCharacters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";

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
      if (out.size() == kNamesMax) return reader_.error(entry.key_node, section_ + ": more than 64 names");
      COFFER_ASSIGN(ProviderUri uri, read_one(entry, begin));
      out.emplace(entry.key, std::move(uri));
      return Status::ok();
    });
    if (!status) return status;
    return out;
  }

 private:
  Status check_name(const YamlReader::Entry& entry) const {
    const std::string& name = entry.key;
    if (!name.empty() && name.size() <= kNameSizeMax && name.find_first_not_of(kNameCharacters) == std::string::npos) {
      return Status::ok();
    }
    return reader_.error(entry.key_node,
                         section_ + ": a name has 1 to 64 letters, digits, dots, underscores or dashes");
  }

  template <class Begin>
  Result<ProviderUri> read_one(const YamlReader::Entry& named, Begin begin) const {
    const std::string what = section_ + ": " + named.key + ": ";
    ProviderUri uri;
    if (named.value.IsMap() && named.value[first_]) {
      COFFER_ASSIGN(const std::string text, reader_.text_or_list(named.value[first_], what + first_));
      const Status begun = begin(text, uri);
      if (!begun) return reader_.error(named.value[first_], what + first_ + ": " + std::string(begun.message()));
    } else if (named.value.IsMap()) {
      return reader_.error(named.value, what + first_ + " is missing");
    }
    uri.place = reader_.place(named.key_node) + ": " + section_ + ": " + named.key;
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

std::string format_section(const std::string& section, const NamedProviders& providers,
                           std::string (*first)(const ProviderUri& uri)) {
  if (providers.empty()) return {};
  std::string out = section + ":\n";
  for (const auto& [name, uri] : providers) {
    out += "  " + yaml_quoted(name) + ":\n    " + first(uri) + "\n";
    for (const auto& [option, value] : uri.options) {
      out += "    " + yaml_quoted(option) + ": " + yaml_quoted(value) + "\n";
    }
  }
  return out;
}

}  // namespace

Result<NamedProviders> read_key_providers(const YamlReader& reader, const YAML::Node& section) {
  return SectionReader(reader, "key_providers", "uri").read(section, [](const std::string& text, ProviderUri& uri) {
    auto parsed = parse_provider_uri(text);
    if (parsed.is_ok()) uri = std::move(*parsed);
    return parsed.status();
  });
}

Result<NamedProviders> read_kmip_hosts(const YamlReader& reader, const YAML::Node& section) {
  return SectionReader(reader, "kmip_hosts", "hosts").read(section, [](const std::string& text, ProviderUri& uri) {
    uri.scheme = "kmip";
    uri.authority = text;
    return Status::ok();
  });
}

std::string format_providers(const ProviderConfig& config) {
  std::string out;
  if (!config.sealing_key.empty()) out += "sealing_key: " + yaml_quoted(config.sealing_key) + "\n";
  out += format_section("key_providers", config.key_providers, [](const ProviderUri& uri) {
    const std::string authority = uri.authority.has_value() ? "//" + *uri.authority : "";
    return "uri: " + yaml_quoted(uri.scheme + ":" + authority + uri.raw_path);
  });
  out += format_section("kmip_hosts", config.kmip_hosts,
                        [](const ProviderUri& uri) { return "hosts: " + yaml_quoted(uri.authority.value_or("")); });
  return out;
}

}  // namespace coffer
