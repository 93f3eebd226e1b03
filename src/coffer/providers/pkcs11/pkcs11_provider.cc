// Root keys in hardware or software tokens, by PKCS#11: docs/providers/pkcs11.md; bytes in docs/format.md, section 7.
// The key never leaves its token.
#include <atomic>
#include <functional>

#include "coffer/base/deadline.h"
#include "coffer/config/provider_config.h"
#include "coffer/crypto/kdf.h"
#include "coffer/providers/pkcs11/wrapping.h"
#include "coffer/providers/service_root.h"

namespace coffer {
namespace pkcs11 {
namespace {

// What a handle says: the key, and how it wraps.
struct KeyName {
  Mechanism mechanism = Mechanism::kAesGcm;
  TokenKey key;

  std::string text() const { return describe(key) + " by " + std::string(name_of(mechanism)); }
};

KeyFields fields_of(const KeyName& name) {
  return {std::string(option_of(name.mechanism)), std::string(as_text(name.key.check_value)),
          std::string(as_text(name.key.id)), name.key.label};
}

Bytes to_bytes(const std::string& text) { return Bytes(text.begin(), text.end()); }

std::optional<KeyName> name_in(const KeyFields& fields) {
  if (fields.size() != 4) return std::nullopt;
  const std::optional<Mechanism> mechanism = mechanism_of(fields[0]);
  const bool fits = fields[1].size() <= kCheckValueSize && fields[2].size() <= kIdSizeMax &&
                    fields[3].size() <= kLabelSizeMax && !(fields[2].empty() && fields[3].empty());
  if (!mechanism.has_value() || !fits) return std::nullopt;
  return KeyName{*mechanism, {CK_INVALID_HANDLE, fields[3], to_bytes(fields[2]), to_bytes(fields[1])}};
}

Bytes bound_of(const WrapContext& context) { return labelled("coffer/v1 pkcs11", bytes_of(context)); }

std::string ids_of(const std::vector<TokenKey>& keys) {
  std::string out;
  for (const TokenKey& key : keys) out += (out.empty() ? "" : ", ") + describe(key);
  return out;
}

// The key that the URI stands for now.
Result<TokenKey> find_current(Session& session, const Settings& settings) {
  COFFER_ASSIGN(std::vector<TokenKey> found, session.find_keys(settings.object, settings.id));
  if (found.empty() && settings.create) {
    COFFER_ASSIGN(const CK_OBJECT_HANDLE made, session.generate_key(settings.object, settings.id));
    COFFER_ASSIGN(found, session.find_keys(settings.object, settings.id));
    if (found.size() > 1) {
      COFFER_TRY(session.destroy(made, settings.object));
      return {Code::kConflict, describe_token(settings) + ": another process made " + describe_key(settings) +
                                   " in the same moment; try again"};
    }
  }
  if (found.empty()) {
    return {Code::kNotFound, describe_token(settings) + " has no AES " + describe_key(settings) +
                                 "; make one (pkcs11-tool --keygen --key-type AES:32), or add create=true"};
  }
  if (found.size() > 1) {
    return {Code::kInvalidArgument, describe_token(settings) + " has several keys that are called so: " +
                                        ids_of(found) + "; add id= to the URI, as in id=%01"};
  }
  return found.front();
}

// The key that a handle names, of those that the URI names.
Result<TokenKey> find_named(Session& session, const Settings& settings, const KeyName& name) {
  const std::string label_in_handle = name.key.id.empty() ? name.key.label : "";
  const std::string& label = settings.object.empty() ? label_in_handle : settings.object;
  COFFER_ASSIGN(const std::vector<TokenKey> found, session.find_keys(label, name.key.id));
  if (found.empty()) {
    COFFER_ASSIGN(const std::vector<TokenKey> others, session.find_keys(label_in_handle, name.key.id));
    if (!others.empty()) return outside(describe_key(settings));
    return {Code::kNotFound,
            "it is gone from " + describe_token(settings) + "; restore the token, or use another slot's root key"};
  }
  for (const TokenKey& key : found) {
    if (key.check_value.empty() || name.key.check_value.empty() || key.check_value == name.key.check_value) return key;
  }
  return {Code::kWrongKey, "there is " + KeyName{name.mechanism, found.front()}.text() + ", which is another key"};
}

// What the threads of one call have in common: the one that waits, and the one that waits for the token.
struct CallState {
  Settings settings;
  Pin pin;
  std::atomic<bool> pin_wanted = false;
};

template <class T>
using Work = std::function<Result<T>(Session&, const Settings&)>;

// A session that broke off is opened anew, once; so is a module that shows no token at all. A PIN is never sent twice
// after it was refused.
template <class T>
Result<T> in_session(CallState& state, bool writable, const Work<T>& work) {
  const std::chrono::milliseconds patience(state.settings.timeout_millis);
  COFFER_ASSIGN(const std::shared_ptr<Module> module, Module::load(state.settings.module_path, patience));
  std::unique_lock lock(module->mutex(), patience);
  if (!lock.owns_lock()) {
    return {Code::kProviderUnavailable, "PKCS#11 module " + module->name() + " is still busy with another call"};
  }
  for (bool again : {true, false}) {
    Session session(*module, state.settings);
    const Status opened = session.open(state.pin, writable);
    state.pin_wanted = session.pin_wanted();
    auto result = opened.is_ok() ? work(session, state.settings) : Result<T>(opened);
    if (result.is_ok() || !again || !(session.lost() || session.sees_no_token())) return result;
    COFFER_TRY(session.lost() ? module->initialize() : module->look_anew(lock));
  }
  return {Code::kInternal, "a PKCS#11 call ended without a result"};
}

// Fields: the mechanism, and the key's check value, CKA_ID and CKA_LABEL.
class Pkcs11Root final : public ServiceRoot {
 public:
  explicit Pkcs11Root(Settings settings) : settings_(std::move(settings)) {}

  Result<KeyFields> current() override {
    const Work<KeyFields> work = [](Session& session, const Settings& settings) -> Result<KeyFields> {
      COFFER_ASSIGN(const TokenKey key, find_current(session, settings));
      COFFER_ASSIGN(const Mechanism mechanism, probe(session, key, settings.mechanism));
      return fields_of({mechanism, key});
    };
    return call(settings_.create, work);
  }

  Result<Bytes> encrypt(const KeyFields& key, const WrapContext& context, const SecretBytes& plaintext) override {
    const auto kept = std::make_shared<const SecretBytes>(plaintext.clone());  // the call may outlive this one
    const Bytes bound = bound_of(context);
    return call<Bytes>(false, [=, name = *name_in(key)](Session& session, const Settings& settings) -> Result<Bytes> {
      COFFER_ASSIGN(const TokenKey root, find_named(session, settings, name));
      COFFER_TRY(check_strength(session.key_bits(root).value_or(256), settings.allow_weak));
      return wrap_at_token(session, root, name.mechanism, bound, *kept);
    });
  }

  Result<SecretBytes> decrypt(const KeyFields& key, const WrapContext& context, ByteView ciphertext) override {
    const Bytes bound = bound_of(context);
    const Bytes wrapped(ciphertext.begin(), ciphertext.end());
    return call<SecretBytes>(
        false, [=, name = *name_in(key)](Session& session, const Settings& settings) -> Result<SecretBytes> {
          COFFER_ASSIGN(const TokenKey root, find_named(session, settings, name));
          return unwrap_at_token(session, root, name.mechanism, bound, wrapped);
        });
  }

  std::string uri() const override { return settings_.uri; }
  std::string describe() const override {
    return "PKCS#11 " + describe_token(settings_) + ", " + describe_key(settings_);
  }
  std::optional<std::string> describe(const KeyFields& key) const override {
    const std::optional<KeyName> name = name_in(key);
    return name.has_value() ? std::optional(name->text()) : std::nullopt;
  }

 private:
  // A label may be changed at the token; where there is an id, that and the URI's label are what is looked for.
  Status check_within(const KeyFields& key) const override {
    const TokenKey named = name_in(key)->key;
    const bool same_id = settings_.id.empty() || named.id == settings_.id;
    const bool same_label = settings_.object.empty() || !named.id.empty() || named.label == settings_.object;
    return same_id && same_label ? Status::ok() : outside(describe_key(settings_));
  }

  // On a thread of its own, since nothing else ends the wait for a module that does not come back. A person is asked
  // for the PIN in between, at leisure.
  template <class T>
  Result<T> call(bool writable, Work<T> work) {
    COFFER_ASSIGN(Pin pin, known_pin(settings_));
    while (true) {
      auto state = std::make_shared<CallState>();
      state->settings = settings_;
      state->pin = std::move(pin);
      const bool unasked = state->pin.bytes.empty();
      auto result = within<T>(std::chrono::milliseconds(settings_.timeout_millis), describe(),
                              [=] { return in_session<T>(*state, writable, work); });
      if (result.is_ok() || !unasked || !state->pin_wanted) return result;
      COFFER_ASSIGN(pin, ask_pin(settings_));
    }
  }

  const Settings settings_;
};

}  // namespace
}  // namespace pkcs11

Result<std::unique_ptr<RootKeyProvider>> open_pkcs11(const ProviderUri& uri, const ProviderConfig& config) {
  COFFER_ASSIGN(pkcs11::Settings settings, pkcs11::parse_settings(uri, config.sealing_key));
  return make_provider("pkcs11", std::make_unique<pkcs11::Pkcs11Root>(std::move(settings)));
}

}  // namespace coffer
