// Root keys in KMIP servers: "kmip://HOST[:PORT][,HOST…]/KEY?OPTIONS" and "kmip:GROUP/KEY?OPTIONS".
// docs/providers/kmip.md.
#include <algorithm>

#include "coffer/base/per_process.h"
#include "coffer/config/provider_config.h"
#include "coffer/crypto/aead.h"
#include "coffer/crypto/kdf.h"
#include "coffer/crypto/random.h"
#include "coffer/providers/fetched_root.h"
#include "coffer/providers/kmip/kept_keys.h"
#include "coffer/providers/kmip/key_handle.h"
#include "coffer/providers/service_root.h"

namespace coffer {
namespace kmip {
namespace {

// What the server wrapped, opened with the key at hand. kWrongKey when it does not open.
Result<SecretBytes> open_with_key(const RootKey& key, const WrapContext& context, ByteView wrapped) {
  const Suite suite = key.size() == 16 ? Suite::kAes128Gcm : key.size() == 24 ? Suite::kAes192Gcm : Suite::kAes256Gcm;
  COFFER_ASSIGN(const auto cipher, AeadKey::create(suite, key.reveal()));
  std::array<uint8_t, kNonceSize> nonce;
  std::ranges::copy(wrapped.first(kNonceSize), nonce.begin());
  SecretBytes out(kServicePlaintextSize);
  const bool fits =
      cipher->open(Nonce(nonce, 0), bytes_of(context), wrapped.subspan(kNonceSize), out.reveal_mutable().data());
  if (!fits) return {Code::kWrongKey, "the key does not open what the slot holds"};
  return out;
}

// Whether the server opens with that key what it has just sealed; the reason if not.
Status check_service(const Client& client, const std::string& id) {
  const Bytes nothing = bytes_of(WrapContext{});
  COFFER_ASSIGN(const SecretBytes plaintext, random_secret(kServicePlaintextSize));
  COFFER_ASSIGN(const Bytes sealed, client.encrypt(id, nothing, plaintext));
  COFFER_ASSIGN(const SecretBytes opened, client.decrypt(id, nothing, sealed));
  if (equal_constant_time(opened.reveal(), plaintext.reveal())) return Status::ok();
  return {Code::kUnsupported, "the server decrypts something else than it encrypted"};
}

// One open provider: what both ways to its keys have in common.
class Opened {
 public:
  Opened(const KmipSettings& settings, const Client& client_of_group)
      : client(client_of_group), keys(client_of_group, settings.key), settings_(settings) {}

  // The way to the current key.
  Result<KeyWay> way();
  // Whether the key of the identifier may wrap, by what the server says now.
  Status check(const std::string& id);
  // Where nothing is kept, often; but nobody's server is asked without a pause.
  std::chrono::milliseconds check_interval() const {
    return std::max<std::chrono::milliseconds>(settings_.group.key_cache, std::chrono::seconds(1));
  }
  bool weak_is_allowed() const { return settings_.key.allow_weak; }
  std::string uri() const { return settings_.uri; }
  std::string describe() const;

  const Client client;
  KeptKeys keys;

 private:
  struct WayTaken {
    std::string id;
    KeyWay way;
    std::string reason;
  };
  Result<WayTaken> choose_way(const KeyAttributes& key) const;

  const KmipSettings settings_;
  mutable std::mutex mutex_;
  std::optional<WayTaken> taken_;  // what auto came to, for which key
};

Status check_may_wrap(const KeyAttributes& key) {
  const std::string why_not = why_not_to_wrap(key);
  if (why_not.empty()) return Status::ok();
  return {Code::kKeyUnavailable, why_not + ", so it wraps nothing new; use one that is active: coffer rotate root"};
}

Status Opened::check(const std::string& id) {
  COFFER_ASSIGN(const KeptKeys::Key key, keys.attributes_now(id));
  COFFER_TRY(keys.check_named(key->attributes));
  return check_may_wrap(key->attributes);
}

Result<KeyWay> Opened::way() {
  if (settings_.key.use == KeyUse::kGet) return KeyWay::kFetched;
  if (settings_.key.use == KeyUse::kEncrypt) return KeyWay::kInService;
  COFFER_ASSIGN(const KeptKeys::Key key, keys.current());
  {
    std::lock_guard lock(mutex_);
    if (taken_ && taken_->id == key->attributes.id) return taken_->way;
  }
  COFFER_ASSIGN(WayTaken taken, choose_way(key->attributes));
  std::lock_guard lock(mutex_);
  taken_ = std::move(taken);
  return taken_->way;
}

// The key stays in the server wherever that works: tried, not believed.
Result<Opened::WayTaken> Opened::choose_way(const KeyAttributes& key) const {
  const auto fetch = [&](const std::string& reason) { return WayTaken{key.id, KeyWay::kFetched, reason}; };
  constexpr int32_t kServes = kUsageEncrypt | kUsageDecrypt;
  if (key.usage_mask && (*key.usage_mask & kServes) != kServes) {
    return fetch("its usage mask does not allow Encrypt and Decrypt");
  }
  COFFER_ASSIGN(const ServerAbilities abilities, client.query());
  if (abilities.version < kKmip14) return fetch("the server speaks KMIP " + abilities.version.text());
  if (!abilities.can("Encrypt"_operation) || !abilities.can("Decrypt"_operation)) {
    return fetch("the server offers no Encrypt and Decrypt");
  }
  const Status tried = check_service(client, key.id);
  if (tried) return WayTaken{key.id, KeyWay::kInService, "tried with Encrypt and Decrypt"};
  if (tried.code() == Code::kProviderUnavailable) return tried;
  return fetch("the server does not encrypt with it by AES-GCM");
}

std::string Opened::describe() const {
  std::string out = settings_.group.describe() + ", key " + settings_.key.key_name;
  if (!settings_.key.space.name.empty()) out += " in namespace " + settings_.key.space.name;
  constexpr const char* kStays = ", which stays in the server (Encrypt, Decrypt)";
  constexpr const char* kComes = ", which is fetched (Get)";
  if (settings_.key.use != KeyUse::kAuto) return out + (settings_.key.use == KeyUse::kEncrypt ? kStays : kComes);
  std::lock_guard lock(mutex_);
  if (!taken_) return out + ", which stays in the server if that can encrypt, else is fetched";
  return out + (taken_->way == KeyWay::kInService ? kStays : kComes + (": " + taken_->reason));
}

// Fields of either way: the server's Unique Identifier.
class KmipFetched final : public FetchedRoot {
 public:
  explicit KmipFetched(std::shared_ptr<Opened> opened) : opened_(std::move(opened)) {}

  bool is_replaced_by_server() const override { return true; }

  Result<Found> current() override {
    COFFER_ASSIGN(const KeptKeys::Key key, opened_->keys.current());
    return find({key->attributes.id});
  }
  Result<Found> find(const KeyFields& wanted) override {
    COFFER_ASSIGN(const KeptKeys::Key key, opened_->keys.fetched(wanted[0]));
    COFFER_TRY(opened_->keys.check_named(key->attributes));
    return Found{wanted, RootKey::copy_of(key->key.reveal()), why_not_to_wrap(key->attributes)};
  }
  Status check(const KeyFields& wanted) override { return opened_->check(wanted.back()); }
  bool weak_is_allowed() const override { return opened_->weak_is_allowed(); }
  std::chrono::milliseconds check_interval() const override { return opened_->check_interval(); }

  std::string uri() const override { return opened_->uri(); }
  std::string describe() const override { return opened_->describe(); }
  std::optional<std::string> describe(const KeyFields& key) const override {
    if (key.size() != 1 || !is_id(key[0])) return std::nullopt;
    return "KMIP key " + excerpt(key[0]);
  }

 private:
  // The server knows whose name an identifier has.
  Status check_within(const KeyFields&) const override { return Status::ok(); }

  const std::shared_ptr<Opened> opened_;
};

class KmipInService final : public ServiceRoot {
 public:
  explicit KmipInService(std::shared_ptr<Opened> opened) : opened_(std::move(opened)) {}

  Result<KeyFields> current() override {
    COFFER_ASSIGN(const KeptKeys::Key key, opened_->keys.current());
    return KeyFields{key->attributes.id};
  }

  Result<Bytes> encrypt(const KeyFields& key, const WrapContext& context, const SecretBytes& plaintext) override {
    COFFER_ASSIGN(const KeptKeys::Key kept, opened_->keys.attributes(key[0]));
    COFFER_TRY(opened_->keys.check_named(kept->attributes));
    COFFER_TRY(check_may_wrap(kept->attributes));
    COFFER_TRY(check_strength(static_cast<size_t>(kept->attributes.bits.value_or(256)), opened_->weak_is_allowed()));
    auto sealed = opened_->client.encrypt(key[0], bytes_of(context), plaintext);
    if (sealed || sealed.code() == Code::kProviderUnavailable) return sealed;
    // What was kept may be older than a change of the key's state.
    COFFER_ASSIGN(const KeptKeys::Key fresh, opened_->keys.attributes_now(key[0]));
    COFFER_TRY(check_may_wrap(fresh->attributes));
    return sealed;
  }

  Result<SecretBytes> decrypt(const KeyFields& key, const WrapContext& context, ByteView ciphertext) override {
    if (ciphertext.size() != kNonceSize + kServicePlaintextSize + kTagSize) {
      return {Code::kTampered, "what the slot holds was not wrapped by a KMIP server, by its size"};
    }
    COFFER_ASSIGN(const KeptKeys::Key kept, opened_->keys.attributes(key[0]));
    COFFER_TRY(opened_->keys.check_named(kept->attributes));
    auto opened = opened_->client.decrypt(key[0], bytes_of(context), ciphertext);
    if (opened || opened.code() == Code::kProviderUnavailable) return opened;
    return refused(key[0], context, ciphertext, opened.status());
  }

  Status check(const KeyFields& wanted) override { return opened_->check(wanted[0]); }
  std::chrono::milliseconds check_interval() const override { return opened_->check_interval(); }

  std::string uri() const override { return opened_->uri(); }
  std::string describe() const override { return opened_->describe(); }
  std::optional<std::string> describe(const KeyFields& key) const override {
    if (key.size() != 1 || !is_id(key[0])) return std::nullopt;
    return "KMIP key " + excerpt(key[0]) + ", kept in the server";
  }

 private:
  Status check_within(const KeyFields&) const override { return Status::ok(); }

  // Servers say in many ways why they do not decrypt, and some nothing of use: find out what is the case.
  Result<SecretBytes> refused(const std::string& id, const WrapContext& context, ByteView wrapped,
                              const Status& refusal) {
    COFFER_ASSIGN(const KeptKeys::Key kept, opened_->keys.attributes_now(id));
    if (kept->attributes.state != State::kActive) {
      // Some decrypt with active keys only. What was wrapped before must stay readable: open it here, if they give the
      // key.
      auto root = opened_->keys.fetched(id);
      if (!root) {
        return {Code::kKeyUnavailable, "the server neither decrypts with it (" + std::string(refusal.message()) +
                                           ") nor gives it (" + std::string(root.status().message()) +
                                           "); allow one of both in the server"};
      }
      auto opened = open_with_key((*root)->key, context, wrapped);
      if (opened.code() != Code::kWrongKey) return opened;
    } else if (const Status works = check_service(opened_->client, id); !works) {
      const Code code = works.code() == Code::kPermissionDenied ? works.code() : Code::kProviderUnavailable;
      return {code, "the server does not encrypt and decrypt with it: " + std::string(refusal.message())};
    }
    return does_not_open();
  }

  const std::shared_ptr<Opened> opened_;
};

// Either way, as the handle says; for a new one, as the URI or the server has it.
class KmipProvider final : public RootKeyProvider {
 public:
  explicit KmipProvider(const std::shared_ptr<Opened>& opened)
      : opened_(opened),
        fetched_(make_provider(kScheme, std::make_unique<KmipFetched>(opened))),
        in_service_(make_provider(kScheme, std::make_unique<KmipInService>(opened))) {}

  Result<RootKeyHandle> current() override {
    COFFER_TRY(process_.usable());
    auto way = opened_->way();
    if (!way) return way.status().with_context(describe());
    return by(*way).current();
  }
  Result<WrappedKeyringKey> wrap(const RootKeyHandle& handle, const WrapContext& context,
                                 const KeyringKey& key) override {
    return by(handle).wrap(handle, context, key);
  }
  Result<KeyringKey> unwrap(const RootKeyHandle& handle, const WrapContext& context,
                            const WrappedKeyringKey& wrapped) override {
    return by(handle).unwrap(handle, context, wrapped);
  }
  Status check(const RootKeyHandle& handle) override { return by(handle).check(handle); }
  std::chrono::milliseconds check_interval() const override { return opened_->check_interval(); }
  std::string uri() const override { return opened_->uri(); }
  std::optional<std::string> fingerprint(const RootKeyHandle& handle) const override {
    return by(handle).fingerprint(handle);
  }
  std::string describe() const override { return opened_->describe(); }
  std::string describe(const RootKeyHandle& handle) const override { return by(handle).describe(handle); }

 private:
  RootKeyProvider& by(KeyWay way) const { return way == KeyWay::kFetched ? *fetched_ : *in_service_; }
  RootKeyProvider& by(const RootKeyHandle& handle) const {
    const std::optional<KeyName> name = decode_handle(handle);
    return by(name ? name->way : KeyWay::kFetched);  // which refuses one that is none
  }

  const OfOneProcess process_;
  const std::shared_ptr<Opened> opened_;
  const std::unique_ptr<RootKeyProvider> fetched_, in_service_;
};

}  // namespace
}  // namespace kmip

// Reads certificates; talks to no host yet.
Result<std::unique_ptr<RootKeyProvider>> open_kmip_provider(const ProviderUri& uri, const ProviderConfig& config) {
  COFFER_ASSIGN(const kmip::KmipSettings settings, kmip::parse_kmip_uri(uri, config));
  COFFER_ASSIGN(auto group, kmip::HostGroup::create(settings.group));
  return std::unique_ptr<RootKeyProvider>(
      std::make_unique<kmip::KmipProvider>(std::make_shared<kmip::Opened>(settings, kmip::Client(std::move(group)))));
}

Status reach_kmip_group(const std::string& group, const ProviderConfig& config) {
  COFFER_ASSIGN(const kmip::GroupSettings settings, kmip::parse_kmip_group(group, config));
  COFFER_ASSIGN(const auto hosts, kmip::HostGroup::create(settings));
  std::string reasons;
  for (const kmip::HostReport& report : hosts->ping()) {
    if (report.status.is_ok()) return Status::ok();
    reasons += (reasons.empty() ? "" : ", ") + report.host + ": " + std::string(report.status.message());
  }
  return {Code::kProviderUnavailable, settings.describe() + ": no host answers: " + reasons};
}

}  // namespace coffer
