#include "coffer/providers/kmip/provider.h"

#include <ctime>

#include "coffer/crypto/kdf.h"
#include "coffer/providers/kmip/kept_keys.h"
#include "coffer/providers/kmip/key_handle.h"
#include "coffer/providers/kmip/service_key.h"

namespace coffer {
namespace kmip {
namespace {

class KmipProvider final : public RootKeyProvider {
 public:
  KmipProvider(const KmipSettings& settings, const Client& client)
      : settings_(settings), client_(client), keys_(client, settings.key) {}

  Result<RootKeyHandle> current() override;
  Result<WrappedKeyringKey> wrap(const RootKeyHandle& handle, const WrapContext& context,
                                 const KeyringKey& key) override;
  Result<KeyringKey> unwrap(const RootKeyHandle& handle, const WrapContext& context,
                            const WrappedKeyringKey& wrapped) override;
  std::string uri() const override { return format_kmip_uri(settings_); }
  std::string describe() const override;
  std::string describe(const RootKeyHandle& handle) const override;

 private:
  struct WayTaken {
    std::string id;
    KeyWay way;
    std::string reason;
  };

  Result<KeyName> name_of(const RootKeyHandle& handle) const;
  Result<KeyWay> way_for(const KeyAttributes& key);
  Result<WayTaken> choose_way(const KeyAttributes& key) const;
  Result<KeptKeys::Key> fetch(const KeyName& name);
  Status check_may_wrap(const KeyName& name, const KeyAttributes& key) const;
  Result<WrappedKeyringKey> wrap_by_service(const KeyName& name, const WrapContext& context, const KeyringKey& key);
  Result<SecretBytes> unwrap_by_service(const KeyName& name, const WrapContext& context, ByteView wrapped);
  Result<SecretBytes> unwrap_refused(const KeyName& name, const WrapContext& context, ByteView wrapped,
                                     const Status& refusal);
  // "the slot wants KMIP key 42 …": in front of what is wrong with it.
  std::string wanted(const KeyName& name) const { return "the slot wants " + name.text(); }
  Status wrong(const KeyName& name, const std::string& what) const;

  const KmipSettings settings_;
  const Client client_;
  KeptKeys keys_;
  mutable std::mutex mutex_;
  std::optional<WayTaken> taken_;  // what auto came to, for which key
};

Result<RootKeyHandle> KmipProvider::current() {
  COFFER_ASSIGN(const KeptKeys::Key key, keys_.current());
  KeyName name;
  name.id = key->attributes.id;
  COFFER_ASSIGN(name.way, way_for(key->attributes));
  if (name.way == KeyWay::kFetched) {
    COFFER_ASSIGN(const KeptKeys::Key fetched, keys_.fetched(name.id));
    name.fingerprint = fetched->fingerprint;
  }
  return encode_handle(name);
}

Result<KeyWay> KmipProvider::way_for(const KeyAttributes& key) {
  if (settings_.key.use == KeyUse::kGet) return KeyWay::kFetched;
  if (settings_.key.use == KeyUse::kEncrypt) return KeyWay::kInService;
  {
    std::lock_guard lock(mutex_);
    if (taken_ && taken_->id == key.id) return taken_->way;
  }
  COFFER_ASSIGN(WayTaken taken, choose_way(key));
  std::lock_guard lock(mutex_);
  taken_ = std::move(taken);
  return taken_->way;
}

// The key stays in the server wherever that works: tried, not believed.
Result<KmipProvider::WayTaken> KmipProvider::choose_way(const KeyAttributes& key) const {
  const auto fetch = [&](const std::string& reason) { return WayTaken{key.id, KeyWay::kFetched, reason}; };
  constexpr int32_t kServes = kUsageEncrypt | kUsageDecrypt;
  if (key.usage_mask && (*key.usage_mask & kServes) != kServes) {
    return fetch("its usage mask does not allow Encrypt and Decrypt");
  }
  COFFER_ASSIGN(const ServerAbilities abilities, client_.query());
  if (abilities.version < kKmip14) return fetch("the server speaks KMIP " + abilities.version.text());
  if (!abilities.can(Operation::kEncrypt) || !abilities.can(Operation::kDecrypt)) {
    return fetch("the server offers no Encrypt and Decrypt");
  }
  const Status tried = check_service(client_, key.id);
  if (tried) return WayTaken{key.id, KeyWay::kInService, "tried with Encrypt and Decrypt"};
  if (tried.code() == Code::kProviderUnavailable) return tried;
  return fetch("the server does not encrypt with it by AES-GCM");
}

Result<KeyName> KmipProvider::name_of(const RootKeyHandle& handle) const {
  std::optional<KeyName> name = decode_handle(handle);
  if (name) return std::move(*name);
  return {Code::kWrongKey, describe() + " cannot be the key that the slot wants: " + describe(handle)};
}

Status KmipProvider::wrong(const KeyName& name, const std::string& what) const {
  return {Code::kWrongKey, wanted(name) + ", but " + settings_.group.describe() + ": " + what};
}

Result<KeptKeys::Key> KmipProvider::fetch(const KeyName& name) {
  auto key = keys_.fetched(name.id);
  if (!key) return key.status().with_context(wanted(name));
  if (equal_constant_time((*key)->fingerprint, name.fingerprint)) return key;
  KeyName found = name;
  found.fingerprint = (*key)->fingerprint;
  return wrong(name, "it has " + found.text());
}

Status KmipProvider::check_may_wrap(const KeyName& name, const KeyAttributes& key) const {
  const std::string why_not = why_not_to_wrap(key, static_cast<int64_t>(std::time(nullptr)));
  if (why_not.empty()) return Status::ok();
  return {Code::kKeyUnavailable, settings_.group.describe() + ": " + name.text() + ": " + why_not +
                                     ", so it wraps nothing new; use one that is active: coffer rotate root"};
}

Result<WrappedKeyringKey> KmipProvider::wrap(const RootKeyHandle& handle, const WrapContext& context,
                                             const KeyringKey& key) {
  COFFER_ASSIGN(const KeyName name, name_of(handle));
  if (name.way == KeyWay::kInService) return wrap_by_service(name, context, key);
  COFFER_ASSIGN(const KeptKeys::Key root, fetch(name));
  COFFER_TRY(check_may_wrap(name, root->attributes));
  return wrap_locally(root->key, context, key);
}

Result<WrappedKeyringKey> KmipProvider::wrap_by_service(const KeyName& name, const WrapContext& context,
                                                        const KeyringKey& key) {
  auto kept = keys_.attributes(name.id);
  if (!kept) return kept.status().with_context(wanted(name));
  COFFER_TRY(check_may_wrap(name, (*kept)->attributes));
  COFFER_ASSIGN(const SecretBytes plaintext, service_plaintext(context, key));
  auto sealed = seal_by_service(client_, name.id, context, plaintext);
  if (sealed) return WrappedKeyringKey{kWrapAlgorithmService, std::move(*sealed)};
  if (sealed.code() == Code::kProviderUnavailable) return sealed.status();
  // What was kept may be older than a change of the key's state.
  auto fresh = keys_.attributes_now(name.id);
  if (!fresh) return fresh.status().with_context(wanted(name));
  COFFER_TRY(check_may_wrap(name, (*fresh)->attributes));
  return sealed.status();
}

Result<KeyringKey> KmipProvider::unwrap(const RootKeyHandle& handle, const WrapContext& context,
                                        const WrappedKeyringKey& wrapped) {
  COFFER_ASSIGN(const KeyName name, name_of(handle));
  if (name.way == KeyWay::kFetched) {
    COFFER_ASSIGN(const KeptKeys::Key root, fetch(name));
    auto key = unwrap_locally(root->key, context, wrapped);
    if (key.code() != Code::kWrongKey) return key;
    return wrong(name,
                 "it has that key, but it does not unwrap the slot's keyring key: the slot was altered or is "
                 "another coffer's");
  }
  if (wrapped.algorithm != kWrapAlgorithmService) {
    return {Code::kUnsupported, wanted(name) + ", but its keyring key was wrapped by none that stays in a server"};
  }
  COFFER_ASSIGN(const SecretBytes plaintext, unwrap_by_service(name, context, wrapped.bytes));
  auto key = keyring_key_of(context, plaintext);
  if (!key) return key.status().with_context(settings_.group.describe() + ": " + name.text());
  return key;
}

Result<SecretBytes> KmipProvider::unwrap_by_service(const KeyName& name, const WrapContext& context, ByteView wrapped) {
  auto opened = open_by_service(client_, name.id, context, wrapped);
  if (opened || opened.code() == Code::kProviderUnavailable) return opened;
  if (opened.code() == Code::kTampered) return opened.status().with_context(wanted(name));
  return unwrap_refused(name, context, wrapped, opened.status());
}

// Servers say in many ways why they do not decrypt, and some nothing of use: find out what is the case.
Result<SecretBytes> KmipProvider::unwrap_refused(const KeyName& name, const WrapContext& context, ByteView wrapped,
                                                 const Status& refusal) {
  auto kept = keys_.attributes_now(name.id);
  if (!kept) return kept.status().with_context(wanted(name));
  if ((*kept)->attributes.state != State::kActive) {
    // Some decrypt with active keys only. What was wrapped before must stay readable: open it here, if they give the
    // key.
    auto root = keys_.fetched(name.id);
    if (!root) {
      return {Code::kKeyUnavailable, wanted(name) + ": the server neither decrypts with it (" +
                                         std::string(refusal.message()) + ") nor gives it (" +
                                         std::string(root.status().message()) + "); allow one of both in the server"};
    }
    auto opened = open_with_key((*root)->key, context, wrapped);
    if (opened.code() != Code::kWrongKey) return opened;
  } else if (const Status works = check_service(client_, name.id); !works) {
    const Code code = works.code() == Code::kPermissionDenied ? works.code() : Code::kProviderUnavailable;
    return {code,
            wanted(name) + ", but the server does not encrypt and decrypt with it: " + std::string(refusal.message())};
  }
  return wrong(name, "that key does not open the slot's keyring key: the slot was altered or is another coffer's");
}

std::string KmipProvider::describe() const {
  std::string out = settings_.group.describe() + ", key " + settings_.key.key_name;
  if (!settings_.key.key_namespace.empty()) out += " in namespace " + settings_.key.key_namespace;
  constexpr const char* kStays = ", which stays in the server (Encrypt, Decrypt)";
  constexpr const char* kComes = ", which is fetched (Get)";
  if (settings_.key.use != KeyUse::kAuto) return out + (settings_.key.use == KeyUse::kEncrypt ? kStays : kComes);
  std::lock_guard lock(mutex_);
  if (!taken_) return out + ", which stays in the server if that can encrypt, else is fetched";
  return out + (taken_->way == KeyWay::kInService ? kStays : kComes + (": " + taken_->reason));
}

std::string KmipProvider::describe(const RootKeyHandle& handle) const {
  const std::optional<KeyName> name = decode_handle(handle);
  return name ? name->text() : "a handle that is no KMIP key's";
}

}  // namespace
}  // namespace kmip

Result<std::unique_ptr<RootKeyProvider>> open_kmip_provider(const ProviderUri& uri, const ProviderConfig& config) {
  COFFER_ASSIGN(const kmip::KmipSettings settings, kmip::parse_kmip_uri(uri, config));
  COFFER_ASSIGN(auto group, kmip::HostGroup::create(settings.group));
  return std::unique_ptr<RootKeyProvider>(
      std::make_unique<kmip::KmipProvider>(settings, kmip::Client(std::move(group))));
}

}  // namespace coffer
