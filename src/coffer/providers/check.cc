#include "coffer/providers/check.h"

#include "coffer/crypto/kdf.h"
#include "coffer/crypto/random.h"
#include "coffer/keys/keyring.h"
#include "coffer/providers/registry.h"

namespace coffer {
namespace {

using Clock = std::chrono::steady_clock;

class Check {
 public:
  Check(const std::string& uri, const ProviderConfig& config) : uri_(uri), config_(config) {}

  ProviderCheck run() {
    [[maybe_unused]] const bool all =
        step("open", [&] { return open(); }) && step("current key", [&] { return find_key(); }) &&
        step("wrap", [&] { return wrap(); }) && step("unwrap", [&] { return unwrap(*provider_); }) &&
        step("another slot is refused", [&] { return try_another_slot(); }) &&
        step("unwrap by the slot's URI", [&] { return unwrap_by_slot_uri(); });
    return std::move(out_);
  }

 private:
  template <class Work>
  bool step(std::string_view name, Work work) {
    const Clock::time_point begin = Clock::now();
    Status status = work();
    out_.steps.push_back({name, std::move(status), Clock::now() - begin});
    return out_.steps.back().status.is_ok();
  }

  Status open() {
    COFFER_ASSIGN(provider_, open_provider(uri_, config_));
    out_.uri = provider_->uri();
    out_.provider = provider_->describe();
    return Status::ok();
  }

  Status find_key() {
    COFFER_ASSIGN(handle_, provider_->current());
    out_.key = provider_->describe(handle_);
    return Status::ok();
  }

  Status wrap() {
    COFFER_ASSIGN(key_, random_key<KeyringRole>(kKeyringKeySize));
    COFFER_ASSIGN(context_.coffer_id, random_id());
    COFFER_ASSIGN(context_.slot_id, random_id());
    COFFER_ASSIGN(wrapped_, provider_->wrap(handle_, context_, key_));
    return Status::ok();
  }

  Status unwrap(RootKeyProvider& provider) {
    COFFER_ASSIGN(const KeyringKey key, provider.unwrap(handle_, context_, wrapped_));
    if (equal_constant_time(key.reveal(), key_.reveal())) return Status::ok();
    return {Code::kInternal, "what was unwrapped is not what was wrapped"};
  }

  Status try_another_slot() {
    WrapContext other = context_;
    COFFER_ASSIGN(other.slot_id, random_id());
    const Status status = provider_->unwrap(handle_, other, wrapped_).status();
    if (status.code() == Code::kWrongKey) return Status::ok();
    if (!status.is_ok()) return status;
    return {Code::kInternal, "a keyring key that was wrapped for one slot is unwrapped for another"};
  }

  Status unwrap_by_slot_uri() {
    COFFER_ASSIGN(const auto again, open_provider(out_.uri, config_));
    return unwrap(*again);
  }

  const std::string& uri_;
  const ProviderConfig& config_;
  ProviderCheck out_;
  std::unique_ptr<RootKeyProvider> provider_;
  RootKeyHandle handle_;
  WrapContext context_;
  KeyringKey key_;
  WrappedKeyringKey wrapped_;
};

}  // namespace

ProviderCheck check_provider(const std::string& uri, const ProviderConfig& config) { return Check(uri, config).run(); }

}  // namespace coffer
