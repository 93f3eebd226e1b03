#include "coffer/providers/pkcs11/pkcs11_provider.h"

#include <atomic>
#include <functional>

#include "coffer/base/codec.h"
#include "coffer/base/deadline.h"
#include "coffer/crypto/kdf.h"
#include "coffer/providers/pkcs11/wrapping.h"
#include "coffer/providers/service_wrap.h"

namespace coffer {
namespace pkcs11 {
namespace {

constexpr uint8_t kHandleVersion = 1;
constexpr size_t kIdSizeMax = 255;
constexpr size_t kLabelSizeMax = 128;
constexpr size_t kCheckValueSizeMax = 3;
constexpr std::string_view kBoundLabel = "coffer/v1 pkcs11";

// What a handle says: the key, and how it wraps.
struct KeyName {
  Mechanism mechanism = Mechanism::kAesGcm;
  TokenKey key;

  std::string text() const { return describe(key) + " by " + std::string(name_of(mechanism)); }
};

RootKeyHandle encode(const KeyName& name) {
  RootKeyHandle handle;
  handle.bytes.resize(5 + name.key.check_value.size() + name.key.id.size() + name.key.label.size());
  Writer writer(handle.bytes);
  writer.u8(kHandleVersion);
  writer.u8(static_cast<uint8_t>(name.mechanism));
  writer.bytes8(name.key.check_value);
  writer.bytes8(name.key.id);
  writer.bytes8(as_bytes(name.key.label));
  return handle;
}

std::optional<KeyName> decode(const RootKeyHandle& handle) {
  Reader reader(handle.bytes);
  const uint8_t version = reader.u8();
  const std::optional<Mechanism> mechanism = mechanism_of(reader.u8());
  const ByteView check_value = reader.bytes8(kCheckValueSizeMax);
  const ByteView id = reader.bytes8(kIdSizeMax);
  const std::string_view label = as_text(reader.bytes8(kLabelSizeMax));
  if (version != kHandleVersion || !mechanism.has_value() || !reader.finished()) return std::nullopt;
  if (id.empty() && label.empty()) return std::nullopt;
  KeyName out{*mechanism, {}};
  out.key.check_value.assign(check_value.begin(), check_value.end());
  out.key.id.assign(id.begin(), id.end());
  out.key.label = label;
  return out;
}

Bytes bound_of(const WrapContext& context) {
  Bytes out(kBoundLabel.begin(), kBoundLabel.end());
  out.push_back(0);
  for (const Id* id : {&context.coffer_id, &context.slot_id}) out.insert(out.end(), id->bytes.begin(), id->bytes.end());
  return out;
}

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

// The key that a handle names, wherever the URI points by now.
Result<TokenKey> find_named(Session& session, const Settings& settings, const KeyName& name) {
  const std::string label = name.key.id.empty() ? name.key.label : "";
  COFFER_ASSIGN(const std::vector<TokenKey> found, session.find_keys(label, name.key.id));
  if (found.empty()) {
    return {Code::kKeyUnavailable, "the slot wants " + name.text() + ", but it is gone from " +
                                       describe_token(settings) +
                                       "; restore the token, or use another slot's root key"};
  }
  for (const TokenKey& key : found) {
    if (key.check_value.empty() || name.key.check_value.empty() || key.check_value == name.key.check_value) return key;
  }
  return {Code::kWrongKey, "the slot wants " + name.text() + ", " + describe_token(settings) + " has " +
                               KeyName{name.mechanism, found.front()}.text()};
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
  const std::chrono::milliseconds patience(state.settings.timeout_ms);
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

class Pkcs11Provider final : public RootKeyProvider {
 public:
  explicit Pkcs11Provider(Settings settings) : settings_(std::move(settings)) {}

  Result<RootKeyHandle> current() override {
    const Work<RootKeyHandle> work = [](Session& session, const Settings& settings) -> Result<RootKeyHandle> {
      COFFER_ASSIGN(const TokenKey key, find_current(session, settings));
      COFFER_ASSIGN(const Mechanism mechanism, probe(session, key, settings.mechanism));
      return encode({mechanism, key});
    };
    return call(settings_.create, work);
  }

  Result<WrappedKeyringKey> wrap(const RootKeyHandle& handle, const WrapContext& context,
                                 const KeyringKey& key) override {
    const std::optional<KeyName> name = decode(handle);
    if (!name.has_value()) return foreign(handle);
    COFFER_ASSIGN(SecretBytes secret, service_plaintext(context, key));
    const auto plaintext = std::make_shared<const SecretBytes>(std::move(secret));
    const Bytes bound = bound_of(context);
    auto wrapped = call<Bytes>(false, [=](Session& session, const Settings& settings) -> Result<Bytes> {
      COFFER_ASSIGN(const TokenKey root, find_named(session, settings, *name));
      COFFER_ASSIGN(Bytes out, wrap_at_token(session, root, name->mechanism, bound, *plaintext));
      // Before anything depends on it: a key that may wrap but not unwrap, or a token that does it in a way of its own.
      COFFER_ASSIGN(const SecretBytes back, unwrap_at_token(session, root, name->mechanism, bound, out));
      if (equal_constant_time(back.reveal(), plaintext->reveal())) return out;
      return {Code::kKeyUnavailable, pkcs11::describe(root) + " does not give back what it wrapped"};
    });
    if (!wrapped.is_ok()) return wrapped.status();
    return WrappedKeyringKey{kWrapAlgorithmService, std::move(*wrapped)};
  }

  Result<KeyringKey> unwrap(const RootKeyHandle& handle, const WrapContext& context,
                            const WrappedKeyringKey& wrapped) override {
    const std::optional<KeyName> name = decode(handle);
    if (!name.has_value()) return foreign(handle);
    if (wrapped.algorithm != kWrapAlgorithmService) {
      return {Code::kUnsupported, describe() + ": the keyring key was wrapped locally, not by a token"};
    }
    const Bytes bound = bound_of(context);
    auto plaintext = call<SecretBytes>(false, [=](Session& session, const Settings& settings) -> Result<SecretBytes> {
      COFFER_ASSIGN(const TokenKey root, find_named(session, settings, *name));
      return unwrap_at_token(session, root, name->mechanism, bound, wrapped.bytes);
    });
    if (!plaintext.is_ok()) return plaintext.status();
    auto key = keyring_key_of(context, *plaintext);
    if (!key.is_ok()) return key.status().with_context(describe());
    return key;
  }

  std::string uri() const override { return format_settings(settings_); }

  std::string describe() const override {
    return "PKCS#11 " + describe_token(settings_) + ", " + describe_key(settings_);
  }

  std::string describe(const RootKeyHandle& handle) const override {
    const std::optional<KeyName> name = decode(handle);
    return name.has_value() ? name->text() : "a handle that is no PKCS#11 key's";
  }

 private:
  Status foreign(const RootKeyHandle& handle) const {
    return {Code::kWrongKey, describe() + " cannot be the key that the slot wants: " + describe(handle)};
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
      auto result = within<T>(std::chrono::milliseconds(settings_.timeout_ms), describe(),
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
  return std::unique_ptr<RootKeyProvider>(std::make_unique<pkcs11::Pkcs11Provider>(std::move(settings)));
}

}  // namespace coffer
