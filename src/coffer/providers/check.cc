#include "coffer/providers/check.h"

#include <functional>

#include "coffer/crypto/kdf.h"
#include "coffer/crypto/random.h"
#include "coffer/keys/keyring.h"
#include "coffer/providers/registry.h"

namespace coffer {

ProviderCheck check_provider(const std::string& uri, const ProviderConfig& config) {
  ProviderCheck out;
  std::unique_ptr<RootKeyProvider> provider;
  RootKeyHandle handle;
  WrapContext context;
  KeyringKey key;
  WrappedKeyringKey wrapped;
  const auto unwrap = [&](RootKeyProvider& by) -> Status {
    COFFER_ASSIGN(const KeyringKey back, by.unwrap(handle, context, wrapped));
    if (equal_constant_time(back.reveal(), key.reveal())) return Status::ok();
    return {Code::kInternal, "what was unwrapped is not what was wrapped"};
  };
  const auto step = [&](std::string_view name, const std::function<Status()>& work) {
    const auto begin = std::chrono::steady_clock::now();
    Status status = work();
    out.steps.push_back({name, std::move(status), std::chrono::steady_clock::now() - begin});
    return out.works();
  };
  [[maybe_unused]] const bool all =
      step("open",
           [&]() -> Status {
             COFFER_ASSIGN(provider, open_provider(uri, config));
             out.uri = provider->uri();
             out.provider = provider->describe();
             return Status::ok();
           }) &&
      step("current key",
           [&]() -> Status {
             COFFER_ASSIGN(handle, provider->current());
             out.key = provider->describe(handle);
             return Status::ok();
           }) &&
      step("wrap",
           [&]() -> Status {
             COFFER_ASSIGN(key, random_key<KeyringRole>(kKeyringKeySize));
             COFFER_ASSIGN(context.coffer_id, random_id());
             COFFER_ASSIGN(context.slot_id, random_id());
             COFFER_ASSIGN(wrapped, provider->wrap(handle, context, key));
             return Status::ok();
           }) &&
      step("unwrap", [&] { return unwrap(*provider); }) &&
      step("another slot is refused",
           [&]() -> Status {
             WrapContext other = context;
             COFFER_ASSIGN(other.slot_id, random_id());
             const Status status = provider->unwrap(handle, other, wrapped).status();
             if (status.code() == Code::kWrongKey) return Status::ok();
             if (!status.is_ok()) return status;
             return {Code::kInternal, "a keyring key that was wrapped for one slot is unwrapped for another"};
           }) &&
      step("unwrap by the kept URI", [&]() -> Status {
        COFFER_ASSIGN(const auto again, open_provider(out.uri, config));
        return unwrap(*again);
      });
  return out;
}

}  // namespace coffer
