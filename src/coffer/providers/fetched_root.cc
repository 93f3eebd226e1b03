#include "coffer/providers/fetched_root.h"

#include "coffer/crypto/kdf.h"
#include "coffer/crypto/key_wrap.h"
#include "coffer/keys/keyring.h"

namespace coffer {
namespace {

Result<WrapKey> wrap_key_of(const RootKey& root, const WrapContext& context) {
  SecretBytes key(kKeyringKeySize);
  COFFER_TRY(hkdf_sha256(root.reveal(), context.coffer_id.view(),
                         labelled("coffer/v1 root wrap", context.slot_id.view()), key.reveal_mutable()));
  return WrapKey(std::move(key));
}

Result<KeyringKey> unwrap_with(const WrapKey& key, ByteView wrapped) {
  auto out = kwp_unwrap(key, wrapped);
  if (out.code() == Code::kWrongKey) return does_not_open();
  if (!out.is_ok()) return out.status();
  if (out->size() != kKeyringKeySize) return {Code::kTampered, "what the slot wraps is no keyring key, by its size"};
  return KeyringKey(std::move(*out));
}

Result<KeyFields> with_fingerprint(const FetchedRoot::Found& found) {
  COFFER_ASSIGN(const RootFingerprint fingerprint, fingerprint_of(found.key));
  KeyFields out{std::string(as_text(fingerprint))};
  out.insert(out.end(), found.fields.begin(), found.fields.end());
  return out;
}

}  // namespace

Result<KeyFields> FetchedRoot::fields_now() {
  COFFER_ASSIGN(const Found found, current());
  return with_fingerprint(found);
}

std::optional<std::string> FetchedRoot::text_of(const KeyFields& handle_fields) const {
  if (handle_fields.empty() || handle_fields[0].size() != std::tuple_size_v<RootFingerprint>) return std::nullopt;
  const std::optional<std::string> own = describe(KeyFields(handle_fields.begin() + 1, handle_fields.end()));
  if (!own.has_value()) return std::nullopt;
  const std::string fingerprint = "fingerprint " + to_hex(as_bytes(handle_fields[0]));
  return own->empty() ? "key " + fingerprint : *own + " (" + fingerprint + ")";
}

std::optional<std::string> FetchedRoot::fingerprint_in(const KeyFields& handle_fields) const {
  if (!text_of(handle_fields).has_value()) return std::nullopt;
  return to_hex(as_bytes(handle_fields[0]));
}

// The key that the slot wants, and no other.
Result<FetchedRoot::Found> FetchedRoot::find_wanted(const KeyFields& wanted) {
  const KeyFields own(wanted.begin() + 1, wanted.end());
  COFFER_TRY(check_within(own));
  COFFER_ASSIGN(Found found, find(own));
  COFFER_ASSIGN(const KeyFields fields, with_fingerprint(found));
  if (equal_constant_time(as_bytes(fields[0]), as_bytes(wanted[0]))) return found;
  const bool same_name =
      wanted.size() > 1 && std::equal(fields.begin() + 1, fields.end(), wanted.begin() + 1, wanted.end());
  return {Code::kWrongKey,
          "there is " + text_of(fields).value_or("another key") +
              (same_name ? " by now, another key under the same name; restore the right one from a backup" : "")};
}

Result<Bytes> FetchedRoot::wrap(const KeyFields& wanted, const WrapContext& context, const KeyringKey& key) {
  COFFER_ASSIGN(const Found root, find_wanted(wanted));
  if (!root.not_for_wrapping.empty()) {
    return {Code::kKeyUnavailable,
            root.not_for_wrapping + ", so it wraps nothing new; coffer rotate root takes one that does"};
  }
  COFFER_TRY(check_strength(8 * root.key.size(), weak_is_allowed()));
  COFFER_ASSIGN(const WrapKey wrap_key, wrap_key_of(root.key, context));
  COFFER_ASSIGN(Bytes wrapped, kwp_wrap(wrap_key, key.reveal()));
  // Whoever wraps may rely on it alone from now on. The fingerprint says that the key is the one to be fetched again.
  const auto back = unwrap_with(wrap_key, wrapped);
  if (back.is_ok() && equal_constant_time(back->reveal(), key.reveal())) return wrapped;
  return {Code::kTampered, "what was wrapped does not unwrap to the same key"};
}

Result<KeyringKey> FetchedRoot::unwrap(const KeyFields& wanted, const WrapContext& context, ByteView wrapped) {
  if (wrapped.size() != wrapped_size(kKeyringKeySize)) {
    return {Code::kTampered, "what the slot holds is no wrapped keyring key, by its size"};
  }
  COFFER_ASSIGN(const Found root, find_wanted(wanted));
  COFFER_ASSIGN(const WrapKey wrap_key, wrap_key_of(root.key, context));
  return unwrap_with(wrap_key, wrapped);
}

Status FetchedRoot::check(const KeyFields& wanted) {
  COFFER_ASSIGN(const Found root, find_wanted(wanted));
  if (root.not_for_wrapping.empty()) return Status::ok();
  return {Code::kKeyUnavailable, root.not_for_wrapping + "; coffer rotate root takes one that is in use"};
}

Result<RootFingerprint> fingerprint_of(const RootKey& root) {
  RootFingerprint out;
  COFFER_TRY(hkdf_sha256(root.reveal(), {}, labelled("coffer/v1 root fingerprint", {}), out));
  return out;
}

}  // namespace coffer
