#include "coffer/providers/named.h"

#include <algorithm>

namespace coffer {
namespace {

class Named final : public RootKeyProvider {
 public:
  Named(std::unique_ptr<RootKeyProvider> provider, std::string uri)
      : provider_(std::move(provider)), uri_(std::move(uri)) {}

  Result<RootKeyHandle> current() override { return provider_->current(); }
  Result<WrappedKeyringKey> wrap(const RootKeyHandle& handle, const WrapContext& context,
                                 const KeyringKey& key) override {
    return provider_->wrap(handle, context, key);
  }
  Result<WrappedKeyringKey> renew(const RootKeyHandle& handle, const WrapContext& context, const KeyringKey& key,
                                  const EarlierWrapping& earlier) override {
    return provider_->renew(handle, context, key, earlier);
  }
  bool opens_by_itself() const override { return provider_->opens_by_itself(); }
  Result<KeyringKey> unwrap(const RootKeyHandle& handle, const WrapContext& context,
                            const WrappedKeyringKey& wrapped) override {
    return provider_->unwrap(handle, context, wrapped);
  }
  Status check(const RootKeyHandle& handle) override { return provider_->check(handle); }
  std::chrono::milliseconds check_interval() const override { return provider_->check_interval(); }
  std::string uri() const override { return uri_; }
  std::optional<std::string> fingerprint(const RootKeyHandle& handle) const override {
    return provider_->fingerprint(handle);
  }
  std::string describe() const override { return provider_->describe(); }
  std::string describe(const RootKeyHandle& handle) const override { return provider_->describe(handle); }

 private:
  const std::unique_ptr<RootKeyProvider> provider_;
  const std::string uri_;
};

constexpr std::string_view kStartRequiresOption = "start_requires";

}  // namespace

Result<bool> is_needed_at_start(const ProviderUri& configured) {
  constexpr Choice<bool> kChoices[] = {{"all", true}, {"used", false}};
  return UriOptions(configured).take_choice(kStartRequiresOption, kChoices, false);
}

Result<ProviderUri> expand_named(const ProviderUri& uri, const ProviderConfig& config) {
  const size_t slash = std::min(uri.path.find('/'), uri.path.size());
  const std::string name = uri.path.substr(0, slash);
  if (uri.authority.has_value() || name.empty()) {
    return {Code::kInvalidArgument,
            "expected provider:NAME or provider:NAME/KEY, with a NAME of key_providers in " + config.name};
  }
  const auto found = config.key_providers.find(name);
  if (found == config.key_providers.end()) {
    return {Code::kInvalidArgument,
            "no provider \"" + name + "\" is configured; add it to key_providers in " + config.name};
  }
  ProviderUri out = found->second;
  out.configured_as = "provider:" + name;
  std::erase_if(out.options, [](const auto& option) { return option.first == kStartRequiresOption; });
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
                "root key URI option " + given + " is set for provider " + name + " in " + config.name + " already"};
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
