#include "coffer/store/new_root.h"

namespace coffer {

Result<NewRoot> new_root(const std::string& uri, const ProviderConfig& config, ProviderOpener opener) {
  COFFER_ASSIGN(const ProviderUri parsed, parse_provider_uri(uri));
  NewRoot out;
  COFFER_ASSIGN(out.opened.provider, opener(parsed, config));
  COFFER_ASSIGN(out.setting.uri, parse_provider_uri(out.opened.provider->uri()));
  COFFER_ASSIGN(const RootKeyHandle now, out.opened.provider->current());
  out.setting.fingerprint = out.opened.provider->fingerprint(now).value_or("");
  out.opened.fingerprint = out.setting.fingerprint;
  for (int number = 1; out.opened.name.empty() || config.roots.contains(out.opened.name); ++number) {
    out.opened.name = "root-" + std::to_string(number);
  }
  return out;
}

}  // namespace coffer
