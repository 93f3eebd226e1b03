// Slots that are sealed to a recipient's public key by HPKE: docs/format.md, section 7, wrap algorithm 3. The private
// half is somewhere else, and is needed to open a slot only, never to renew one.
#include <algorithm>

#include "coffer/base/base64.h"
#include "coffer/base/codec.h"
#include "coffer/base/text.h"
#include "coffer/crypto/hpke.h"
#include "coffer/crypto/kdf.h"
#include "coffer/crypto/key_wrap.h"
#include "coffer/keys/keyring.h"
#include "coffer/providers/recipient/private_half.h"
#include "coffer/providers/root.h"
#include "coffer/providers/service_root.h"

namespace coffer {
namespace {

constexpr size_t kSealedKeySize = kKeyringKeySize + kTagSize;
constexpr size_t kKeptSenderSize = wrapped_size(kX25519Size);
constexpr size_t kIdSize = 16;

// What a slot holds.
struct SealedSlot {
  HpkeSuite suite;
  HpkeSealed sealed;
  Bytes kept_sender;  // the sender's private key, for whoever has the keyring key
};

Bytes encode(const SealedSlot& slot) {
  Bytes out(6 + kX25519Size + slot.sealed.ciphertext.size() + slot.kept_sender.size());
  Writer writer(out);
  for (const uint16_t number : {slot.suite.kem, slot.suite.kdf, slot.suite.aead}) writer.u16(number);
  for (const ByteView part :
       {ByteView(slot.sealed.encapsulated), ByteView(slot.sealed.ciphertext), ByteView(slot.kept_sender)}) {
    writer.bytes(part);
  }
  return out;
}

// The suite first: of another one, the sizes are others.
Result<SealedSlot> decode_slot(ByteView wrapped) {
  Reader reader(wrapped);
  SealedSlot out{{reader.u16(), reader.u16(), reader.u16()}, {}, {}};
  if (reader.ok() && out.suite != HpkeSuite()) {
    return {Code::kUnsupported, "the slot is sealed with HPKE suite " + std::to_string(out.suite.kem) + "/" +
                                    std::to_string(out.suite.kdf) + "/" + std::to_string(out.suite.aead) +
                                    ", which this program does not know; use a newer coffer"};
  }
  reader.copy_to(out.sealed.encapsulated);
  const ByteView ciphertext = reader.bytes(kSealedKeySize), sender = reader.bytes(kKeptSenderSize);
  if (!reader.finished()) return {Code::kTampered, "what the slot holds is no sealed keyring key, by its size"};
  out.sealed.ciphertext.assign(ciphertext.begin(), ciphertext.end());
  out.kept_sender.assign(sender.begin(), sender.end());
  return out;
}

// The one key that only this keyring key gives, for this slot's sender.
Result<WrapKey> keeping_key(const KeyringKey& key, const WrapContext& context) {
  COFFER_ASSIGN(SecretBytes out, derive(key.reveal(), "recipient sender", bytes_of(context), 32));
  return WrapKey(std::move(out));
}

class RecipientRoot final : public Root {
 public:
  // `sender`: empty unless the recipient is new.
  RecipientRoot(recipient::Settings settings, X25519Private sender, std::string id)
      : settings_(std::move(settings)), sender_(std::move(sender)), id_(std::move(id)) {}

  std::string uri() const override { return format_provider_uri(settings_.uri); }
  std::string describe() const override { return settings_.kind() + " of recipient " + id_text(id_); }
  std::optional<std::string> describe(const KeyFields& key) const override {
    if (key.size() != 1 || key[0].size() != kIdSize) return std::nullopt;
    return "recipient " + id_text(key[0]);
  }
  std::optional<std::string> fingerprint_in(const KeyFields& handle_fields) const override {
    if (!describe(handle_fields).has_value()) return std::nullopt;
    return to_hex(as_bytes(handle_fields[0]));
  }
  std::optional<std::string> text_of(const KeyFields& handle_fields) const override { return describe(handle_fields); }
  uint8_t wrap_algorithm() const override { return kWrapAlgorithmRecipient; }
  bool opens_by_itself() const override { return settings_.opens_by_itself(); }
  Result<KeyFields> fields_now() override { return KeyFields{id_}; }

  Result<Bytes> wrap(const KeyFields& wanted, const WrapContext& context, const KeyringKey& key) override {
    COFFER_TRY(check_within(wanted));
    if (sender_.empty()) {
      return {Code::kInvalidArgument,
              "the first slot of a recipient is made when that is added; take it out of the "
              "configuration with coffer slot remove, and add it anew with coffer slot add"};
    }
    return seal(context, key, sender_);
  }

  Result<Bytes> renew(const KeyFields& wanted, const WrapContext& context, const KeyringKey& key,
                      const EarlierWrapping& earlier) override {
    COFFER_TRY(check_within(wanted));
    if (earlier.wrapped.algorithm != kWrapAlgorithmRecipient) return wrap(wanted, context, key);
    COFFER_ASSIGN(const SealedSlot slot, decode_slot(earlier.wrapped.bytes));
    COFFER_ASSIGN(const WrapKey keeping, keeping_key(earlier.key, earlier.context));
    auto sender = kwp_unwrap(keeping, slot.kept_sender);
    if (!sender.is_ok()) return {Code::kTampered, "the slot's sender does not open under the keyring's own key"};
    return seal(context, key, X25519Private(std::move(*sender)));
  }

  Result<KeyringKey> unwrap(const KeyFields& wanted, const WrapContext& context, ByteView wrapped) override {
    COFFER_TRY(check_within(wanted));
    COFFER_ASSIGN(const SealedSlot slot, decode_slot(wrapped));
    COFFER_ASSIGN(const X25519Private mine, recipient::private_half(settings_));
    auto key = hpke_open({slot.suite, info_of(context), {}}, mine, *settings_.sender, slot.sealed.encapsulated,
                         slot.sealed.ciphertext);
    if (key.code() == Code::kWrongKey) return does_not_open();
    if (!key.is_ok()) return {Code::kTampered, std::string(key.status().message())};
    return KeyringKey(std::move(*key));
  }

  // Nobody is asked, and nobody else can take the key away.
  Status check(const KeyFields& wanted) override {
    COFFER_TRY(check_within(wanted));
    const bool looks = settings_.source == recipient::Source::kKeyFile && settings_.opens_by_itself();
    return looks ? recipient::private_half(settings_).status() : Status::ok();
  }

 private:
  static std::string id_text(const std::string& id) { return to_hex(as_bytes(id).first(4)); }
  static Bytes info_of(const WrapContext& context) { return labelled("coffer/v1 recipient", bytes_of(context)); }

  Status check_within(const KeyFields& key) const override { return key[0] == id_ ? Status::ok() : outside(); }

  // Twice, with one ephemeral key: nobody here can open it, but whoever wraps may rely on it alone from now on.
  Result<Bytes> seal(const WrapContext& context, const KeyringKey& key, const X25519Private& sender) const {
    COFFER_ASSIGN(const X25519Public public_sender, x25519_public(sender));
    if (public_sender != *settings_.sender) {
      return {Code::kTampered, "the slot's sender is not the one that the root's URI names (from)"};
    }
    COFFER_ASSIGN(const X25519Private ephemeral, new_x25519_private());
    const Bytes info = info_of(context);
    const HpkeContext hpke{{}, info, {}};
    SealedSlot slot;
    COFFER_ASSIGN(slot.sealed, hpke_seal_with(hpke, ephemeral, settings_.recipient, sender, key.reveal()));
    COFFER_ASSIGN(const HpkeSealed again, hpke_seal_with(hpke, ephemeral, settings_.recipient, sender, key.reveal()));
    if (again.encapsulated != slot.sealed.encapsulated || again.ciphertext != slot.sealed.ciphertext) {
      return {Code::kInternal, "sealing the same twice gave different results; nothing is stored"};
    }
    COFFER_ASSIGN(const WrapKey keeping, keeping_key(key, context));
    COFFER_ASSIGN(slot.kept_sender, kwp_wrap(keeping, sender.reveal()));
    return encode(slot);
  }

  const recipient::Settings settings_;
  const X25519Private sender_;
  const std::string id_;
};

// Names the pair: who a slot is sealed to, and by whom.
Result<std::string> id_of(const recipient::Settings& settings) {
  Bytes input(2 + 2 * kX25519Size);
  Writer writer(input);
  writer.u16(HpkeSuite().kem);
  writer.bytes(settings.recipient);
  writer.bytes(*settings.sender);
  COFFER_ASSIGN(const Sha256 hash, sha256(labelled("coffer/v1 recipient id", input)));
  return std::string(as_text(ByteView(hash).first(kIdSize)));
}

}  // namespace

Result<std::unique_ptr<RootKeyProvider>> open_recipient(const ProviderUri& uri, const ProviderConfig& config) {
  COFFER_ASSIGN(recipient::Settings settings, recipient::settings_of(uri, config));
  X25519Private sender;
  if (!settings.sender.has_value()) {
    COFFER_ASSIGN(sender, new_x25519_private());
    COFFER_ASSIGN(settings.sender, x25519_public(sender));
    settings.uri.options.insert(settings.uri.options.begin(), {"from", base64url_text(*settings.sender)});
    // Refused now, and not when it is needed.
    COFFER_TRY(x25519_shared(sender, settings.recipient).status());
  }
  COFFER_ASSIGN(std::string id, id_of(settings));
  return make_provider("recipient",
                       std::make_unique<RecipientRoot>(std::move(settings), std::move(sender), std::move(id)));
}

}  // namespace coffer
