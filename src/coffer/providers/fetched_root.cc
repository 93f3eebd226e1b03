#include "coffer/providers/fetched_root.h"

#include "coffer/crypto/kdf.h"
#include "coffer/crypto/key_wrap.h"
#include "coffer/keys/keyring.h"

namespace coffer {
namespace {

constexpr uint8_t kWrapAlgorithm = 1;

// label ‖ 0x00 ‖ context: the info of both derivations from a root key.
Bytes info_of(std::string_view label, ByteView context) {
  Bytes info(label.begin(), label.end());
  info.push_back(0);
  info.insert(info.end(), context.begin(), context.end());
  return info;
}

Result<WrapKey> wrap_key_of(const RootKey& root, const WrapContext& context) {
  SecretBytes key(kKeyringKeySize);
  COFFER_TRY(hkdf_sha256(root.reveal(), context.coffer_id.view(),
                         info_of("coffer/v1 root wrap", context.slot_id.view()), key.reveal_mutable()));
  return WrapKey(std::move(key));
}

Result<KeyringKey> unwrap_with(const WrapKey& key, ByteView wrapped) {
  auto out = kwp_unwrap(key, wrapped);
  if (out.code() == Code::kWrongKey) return does_not_open();
  if (!out.is_ok()) return out.status();
  if (out->size() != kKeyringKeySize) return {Code::kTampered, "what the slot wraps is no keyring key, by its size"};
  return KeyringKey(std::move(*out));
}

class FetchedProvider final : public RootAdapter {
 public:
  FetchedProvider(std::string_view scheme, std::unique_ptr<FetchedRoot> root)
      : RootAdapter(scheme, *root), root_(std::move(root)) {}

  Result<RootKeyHandle> current() override {
    auto found = root_->current();
    if (!found.is_ok()) return failed(found.status());
    COFFER_ASSIGN(const KeyFields fields, with_fingerprint(*found));
    return handle_of(fields);
  }

  Result<WrappedKeyringKey> wrap(const RootKeyHandle& handle, const WrapContext& context,
                                 const KeyringKey& key) override {
    COFFER_ASSIGN(const KeyFields wanted, fields_of(handle));
    COFFER_ASSIGN(const FetchedRoot::Found root, find(wanted));
    if (!root.not_for_wrapping.empty()) {
      return failed({Code::kKeyUnavailable, root.not_for_wrapping + ", so it wraps nothing new; coffer rotate root "
                                                                    "takes one that does"},
                    wanted);
    }
    COFFER_ASSIGN(const WrapKey wrap_key, wrap_key_of(root.key, context));
    WrappedKeyringKey wrapped{kWrapAlgorithm, {}};
    COFFER_ASSIGN(wrapped.bytes, kwp_wrap(wrap_key, key.reveal()));
    // Whoever wraps may rely on it alone from now on. The fingerprint says that the key is the one to be fetched again.
    const auto back = unwrap_with(wrap_key, wrapped.bytes);
    if (!back.is_ok() || !equal_constant_time(back->reveal(), key.reveal())) {
      return failed({Code::kTampered, "what was wrapped does not unwrap to the same key"}, wanted);
    }
    return wrapped;
  }

  Result<KeyringKey> unwrap(const RootKeyHandle& handle, const WrapContext& context,
                            const WrappedKeyringKey& wrapped) override {
    COFFER_ASSIGN(const KeyFields wanted, fields_of(handle));
    if (wrapped.algorithm != kWrapAlgorithm) {
      return failed({Code::kUnsupported, "its keyring key was wrapped by a key service, not with a key at hand"},
                    wanted);
    }
    if (wrapped.bytes.size() != wrapped_size(kKeyringKeySize)) {
      return failed({Code::kTampered, "what the slot holds is no wrapped keyring key, by its size"}, wanted);
    }
    COFFER_ASSIGN(const FetchedRoot::Found root, find(wanted));
    COFFER_ASSIGN(const WrapKey wrap_key, wrap_key_of(root.key, context));
    auto key = unwrap_with(wrap_key, wrapped.bytes);
    return key.is_ok() ? std::move(key) : failed(key.status(), wanted);
  }

 private:
  std::optional<std::string> text_of(const KeyFields& fields) const override {
    if (fields.empty() || fields[0].size() != std::tuple_size_v<RootFingerprint>) return std::nullopt;
    const std::optional<std::string> own = root_->describe(KeyFields(fields.begin() + 1, fields.end()));
    if (!own.has_value()) return std::nullopt;
    const std::string fingerprint = "fingerprint " + to_hex(as_bytes(fields[0]));
    return own->empty() ? "key " + fingerprint : *own + " (" + fingerprint + ")";
  }

  static Result<KeyFields> with_fingerprint(const FetchedRoot::Found& found) {
    COFFER_ASSIGN(const RootFingerprint fingerprint, fingerprint_of(found.key));
    KeyFields out{std::string(as_text(fingerprint))};
    out.insert(out.end(), found.fields.begin(), found.fields.end());
    return out;
  }

  // The key that the slot wants, and no other.
  Result<FetchedRoot::Found> find(const KeyFields& wanted) {
    auto found = root_->find(KeyFields(wanted.begin() + 1, wanted.end()));
    if (!found.is_ok()) return failed(found.status(), wanted);
    COFFER_ASSIGN(const KeyFields fields, with_fingerprint(*found));
    if (equal_constant_time(as_bytes(fields[0]), as_bytes(wanted[0]))) return found;
    const bool same_name =
        wanted.size() > 1 && std::equal(fields.begin() + 1, fields.end(), wanted.begin() + 1, wanted.end());
    return failed({Code::kWrongKey, "there is " + text_of(fields).value_or("another key") +
                                        (same_name ? " by now, another key under the same name; restore the right one "
                                                     "from a backup"
                                                   : "")},
                  wanted);
  }

  const std::unique_ptr<FetchedRoot> root_;
};

}  // namespace

Result<RootFingerprint> fingerprint_of(const RootKey& root) {
  RootFingerprint out;
  COFFER_TRY(hkdf_sha256(root.reveal(), {}, info_of("coffer/v1 root fingerprint", {}), out));
  return out;
}

std::unique_ptr<RootKeyProvider> make_provider(std::string_view scheme, std::unique_ptr<FetchedRoot> root) {
  return std::make_unique<FetchedProvider>(scheme, std::move(root));
}

}  // namespace coffer
