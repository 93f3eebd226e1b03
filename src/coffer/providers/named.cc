#include "coffer/providers/named.h"

#include <yaml-cpp/yaml.h>

namespace coffer {
namespace {

constexpr size_t kNamedMax = 64;
constexpr std::string_view kNameCharacters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";

class SectionParser {
 public:
  explicit SectionParser(const std::string& name) : name_(name) {}

  Result<NamedProviders> parse(const YAML::Node& root) const {
    NamedProviders out;
    if (!root.IsMap()) return out;
    for (const auto& item : root) {
      if (scalar(item.first) != "key_providers") continue;
      if (!item.second.IsMap()) return error(item.second, "expected a mapping of names");
      for (const auto& entry : item.second) COFFER_TRY(add(entry.first, entry.second, out));
    }
    return out;
  }

 private:
  Status add(const YAML::Node& name_node, const YAML::Node& options, NamedProviders& out) const {
    const std::string name = scalar(name_node);
    if (name.empty() || name.size() > 64 || name.find_first_not_of(kNameCharacters) != std::string::npos) {
      return error(name_node, "a provider's name has 1 to 64 letters, digits, dots, underscores or dashes");
    }
    if (out.contains(name)) return error(name_node, name + " is there twice");
    if (out.size() == kNamedMax) return error(name_node, "more than 64 providers");
    if (!options.IsMap() || !options["uri"] || !options["uri"].IsScalar()) {
      return error(options, name + ": expected a mapping with a uri, such as vault://vault.example:8200/transit");
    }
    auto uri = parse_provider_uri(options["uri"].Scalar());
    if (!uri.is_ok()) return error(options["uri"], name + ": uri: " + std::string(uri.status().message()));
    for (const auto& option : options) {
      const std::string key = scalar(option.first);
      if (key == "uri") continue;
      if (!option.second.IsScalar()) return error(option.second, name + ": " + key + ": expected one value");
      for (const auto& [known, value] : uri->options) {
        if (known == key) return error(option.first, name + ": " + key + " is there twice");
      }
      uri->options.emplace_back(key, option.second.Scalar());
    }
    out.emplace(name, std::move(*uri));
    return Status::ok();
  }

  static std::string scalar(const YAML::Node& node) { return node.IsScalar() ? node.Scalar() : std::string(); }

  Status error(const YAML::Node& node, const std::string& text) const {
    const YAML::Mark mark = node.Mark();
    const std::string where = mark.is_null() ? "" : ":" + std::to_string(mark.line + 1);
    return {Code::kInvalidArgument, name_ + where + ": key_providers: " + text};
  }

  const std::string& name_;
};

class Named final : public RootKeyProvider {
 public:
  Named(std::unique_ptr<RootKeyProvider> provider, std::string uri)
      : provider_(std::move(provider)), uri_(std::move(uri)) {}

  Result<RootKeyHandle> current() override { return provider_->current(); }
  Result<WrappedKeyringKey> wrap(const RootKeyHandle& handle, const WrapContext& context,
                                 const KeyringKey& key) override {
    return provider_->wrap(handle, context, key);
  }
  Result<KeyringKey> unwrap(const RootKeyHandle& handle, const WrapContext& context,
                            const WrappedKeyringKey& wrapped) override {
    return provider_->unwrap(handle, context, wrapped);
  }
  std::string uri() const override { return uri_; }
  std::string describe() const override { return provider_->describe(); }
  std::string describe(const RootKeyHandle& handle) const override { return provider_->describe(handle); }

 private:
  const std::unique_ptr<RootKeyProvider> provider_;
  const std::string uri_;
};

}  // namespace

Result<NamedProviders> parse_key_providers(const ProviderConfig& config) {
  try {
    return SectionParser(config.name).parse(YAML::Load(config.yaml));
  } catch (const YAML::Exception& e) {
    return {Code::kInvalidArgument, config.name + ":" + std::to_string(e.mark.line + 1) + ": not valid YAML: " + e.msg};
  }
}

Result<std::string> parse_sealing_key(const ProviderConfig& config) {
  try {
    const YAML::Node root = YAML::Load(config.yaml);
    if (!root.IsMap() || !root["sealing_key"]) return std::string();
    const YAML::Node value = root["sealing_key"];
    if (value.IsScalar() && value.Scalar().starts_with('/')) return value.Scalar();
    return {Code::kInvalidArgument, config.name + ":" + std::to_string(value.Mark().line + 1) +
                                        ": sealing_key: expected the absolute path of a key file"};
  } catch (const YAML::Exception& e) {
    return {Code::kInvalidArgument, config.name + ":" + std::to_string(e.mark.line + 1) + ": not valid YAML: " + e.msg};
  }
}

Result<ProviderUri> expand_named(const ProviderUri& uri, const NamedProviders& known, const std::string& config_name) {
  const size_t slash = std::min(uri.path.find('/'), uri.path.size());
  const std::string name = uri.path.substr(0, slash);
  if (uri.authority.has_value() || name.empty()) {
    return {Code::kInvalidArgument,
            "expected provider:NAME or provider:NAME/KEY, with a NAME of key_providers in " + config_name};
  }
  const auto found = known.find(name);
  if (found == known.end()) {
    return {Code::kInvalidArgument,
            "no provider \"" + name + "\" is configured; add it to key_providers in " + config_name};
  }
  ProviderUri out = found->second;
  if (slash < uri.path.size()) {
    for (std::string* path : {&out.path, &out.raw_path}) {
      if (path->ends_with('/')) path->pop_back();
    }
  }
  out.path += uri.path.substr(slash);
  out.raw_path += encode_uri_path(uri.path.substr(slash));
  for (const auto& option : uri.options) {
    for (const auto& [given, value] : out.options) {
      if (given == option.first) {
        return {Code::kInvalidArgument,
                "root key URI option " + given + " is set for provider " + name + " in " + config_name + " already"};
      }
    }
    out.options.push_back(option);
  }
  return out;
}

std::unique_ptr<RootKeyProvider> under_name(std::unique_ptr<RootKeyProvider> provider, const ProviderUri& uri) {
  return std::make_unique<Named>(std::move(provider), format_provider_uri(uri));
}

}  // namespace coffer
