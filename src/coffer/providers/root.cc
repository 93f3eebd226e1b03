#include "coffer/providers/root.h"

#include <algorithm>

#include "coffer/base/codec.h"
#include "coffer/base/per_process.h"
#include "coffer/keys/keyring.h"
#include "coffer/providers/service_root.h"

namespace coffer {
namespace {

constexpr size_t kSchemeSizeMax = 32;

struct Handle {
  std::string_view scheme;
  KeyFields fields;
};

bool is_scheme(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-';
  });
}

std::optional<Handle> decode(const RootKeyHandle& handle) {
  if (handle.bytes.size() > kRootKeyHandleSizeMax) return std::nullopt;
  Reader reader(handle.bytes);
  Handle out{as_text(reader.bytes8(kSchemeSizeMax)), {}};
  while (reader.ok() && reader.remaining() > 0) out.fields.emplace_back(as_text(reader.bytes16(kRootKeyHandleSizeMax)));
  if (!reader.finished() || !is_scheme(out.scheme)) return std::nullopt;
  return out;
}

// A message of a Root that names it already.
std::string_view without_name(std::string_view message, const std::string& name) {
  if (!message.starts_with(name)) return message;
  const std::string_view rest = message.substr(name.size());
  return rest.starts_with(": ") ? rest.substr(2) : message;
}

// What a service or a file said is often no help to whoever has to mend it.
std::string with_advice(Code code, std::string message) {
  if (code != Code::kPermissionDenied || message.find("; ") != std::string::npos) return message;
  return message + "; correct the credential that the root's URI names, or what it is allowed to do";
}

// What to call a handle that is none of `scheme`'s: whose it is, if that can be told.
std::string describe_foreign(std::string_view scheme, const RootKeyHandle& handle) {
  const std::optional<Handle> decoded = decode(handle);
  if (decoded.has_value() && decoded->scheme != scheme) return "a key of " + std::string(decoded->scheme) + ":";
  return "a handle that is no " + std::string(scheme) + ": key's";
}

std::string how_wrapped(uint8_t algorithm) {
  return algorithm == kWrapAlgorithmService     ? "by a key service"
         : algorithm == kWrapAlgorithmRecipient ? "to a recipient's public key"
                                                : "with a root key at hand";
}

class RootProvider final : public RootKeyProvider {
 public:
  RootProvider(std::string_view scheme, std::unique_ptr<Root> root) : scheme_(scheme), root_(std::move(root)) {}

  Result<RootKeyHandle> current() override {
    COFFER_TRY(process_.usable());
    auto fields = root_->fields_now();
    if (!fields.is_ok()) return failed(fields.status());
    if (!root_->text_of(*fields).has_value()) {
      return failed({Code::kTampered, "it is named as no " + std::string(scheme_) + ": key is"});
    }
    auto handle = encode_handle(scheme_, *fields);
    return handle.is_ok() ? std::move(handle) : failed(handle.status());
  }

  Result<WrappedKeyringKey> wrap(const RootKeyHandle& handle, const WrapContext& context,
                                 const KeyringKey& key) override {
    COFFER_TRY(process_.usable());
    COFFER_ASSIGN(const KeyFields wanted, fields_of(handle));
    return wrapped_by(wanted, root_->wrap(wanted, context, key));
  }

  Result<WrappedKeyringKey> renew(const RootKeyHandle& handle, const WrapContext& context, const KeyringKey& key,
                                  const EarlierWrapping& earlier) override {
    COFFER_TRY(process_.usable());
    COFFER_ASSIGN(const KeyFields wanted, fields_of(handle));
    return wrapped_by(wanted, root_->renew(wanted, context, key, earlier));
  }
  bool opens_by_itself() const override { return root_->opens_by_itself(); }

  Result<KeyringKey> unwrap(const RootKeyHandle& handle, const WrapContext& context,
                            const WrappedKeyringKey& wrapped) override {
    COFFER_TRY(process_.usable());
    COFFER_ASSIGN(const KeyFields wanted, fields_of(handle));
    if (wrapped.algorithm != root_->wrap_algorithm()) return failed(wrapped_otherwise(wrapped.algorithm), wanted);
    auto key = root_->unwrap(wanted, context, wrapped.bytes);
    return key.is_ok() ? std::move(key) : failed(key.status(), wanted);
  }

  Status check(const RootKeyHandle& handle) override {
    COFFER_TRY(process_.usable());
    COFFER_ASSIGN(const KeyFields wanted, fields_of(handle));
    const Status status = root_->check(wanted);
    return status.is_ok() ? status : failed(status, wanted);
  }
  std::chrono::milliseconds check_interval() const override { return root_->check_interval(); }

  std::string uri() const override { return root_->uri(); }
  std::optional<std::string> fingerprint(const RootKeyHandle& handle) const override {
    const std::optional<KeyFields> fields = decode_handle(scheme_, handle);
    if (!fields.has_value() || root_->is_replaced_by_server()) return std::nullopt;
    return root_->fingerprint_in(*fields);
  }
  std::string describe() const override { return root_->describe(); }
  std::string describe(const RootKeyHandle& handle) const override {
    const std::optional<KeyFields> fields = decode_handle(scheme_, handle);
    const std::optional<std::string> text = fields.has_value() ? root_->text_of(*fields) : std::nullopt;
    return text.has_value() ? *text : describe_foreign(scheme_, handle);
  }

 private:
  // kWrongKey for the handle of another provider.
  Result<KeyFields> fields_of(const RootKeyHandle& handle) const {
    std::optional<KeyFields> fields = decode_handle(scheme_, handle);
    if (fields.has_value() && root_->text_of(*fields).has_value()) return std::move(*fields);
    return {Code::kWrongKey, describe() + " cannot be the key that the slot wants: " + describe(handle)};
  }

  Result<WrappedKeyringKey> wrapped_by(const KeyFields& wanted, Result<Bytes> wrapped) const {
    if (!wrapped.is_ok()) return failed(wrapped.status(), wanted);
    return WrappedKeyringKey{root_->wrap_algorithm(), std::move(*wrapped)};
  }

  Status wrapped_otherwise(uint8_t algorithm) const {
    return {Code::kUnsupported,
            "its keyring key was wrapped " + how_wrapped(algorithm) + ", not " + how_wrapped(root_->wrap_algorithm())};
  }

  // What went wrong with what the URI names.
  Status failed(const Status& status) const {
    const std::string name = describe();
    return {status.code(), with_advice(status.code(), name + ": " + std::string(without_name(status.message(), name)))};
  }

  // What went wrong with the key that a slot wants: one that is not found is unavailable.
  Status failed(const Status& status, const KeyFields& wanted) const {
    const Code code = status.code() == Code::kNotFound ? Code::kKeyUnavailable : status.code();
    const std::string_view message = without_name(status.message(), describe());
    return failed({code, "the slot wants " + root_->text_of(wanted).value_or("?") + ": " + std::string(message)});
  }

  const OfOneProcess process_;  // passwords and tokens stay with it
  const std::string_view scheme_;
  const std::unique_ptr<Root> root_;
};

}  // namespace

Result<RootKeyHandle> encode_handle(std::string_view scheme, const KeyFields& fields) {
  size_t size = 1 + scheme.size();
  for (const std::string& field : fields) size += 2 + field.size();
  if (size > kRootKeyHandleSizeMax) {
    return {Code::kLimitExceeded, "the key's name at its provider takes " + std::to_string(size) +
                                      " bytes of the slot's handle, which has 512"};
  }
  RootKeyHandle handle{Bytes(size)};
  Writer writer(handle.bytes);
  writer.bytes8(as_bytes(scheme));
  for (const std::string& field : fields) writer.bytes16(as_bytes(field));
  return handle;
}

std::optional<KeyFields> decode_handle(std::string_view scheme, const RootKeyHandle& handle) {
  std::optional<Handle> decoded = decode(handle);
  if (!decoded.has_value() || decoded->scheme != scheme) return std::nullopt;
  return std::move(decoded->fields);
}

Status check_strength(size_t bits, bool weak_is_allowed) {
  if (weak_is_allowed || bits >= 8 * kKeyringKeySize) return Status::ok();
  return {Code::kInvalidArgument, "it has " + std::to_string(bits) + " bits, so it is weaker than the keys of " +
                                      std::to_string(8 * kKeyringKeySize) +
                                      " bits that it would protect; take one of " +
                                      std::to_string(8 * kKeyringKeySize) + " bits, or add " +
                                      std::string(kWeakRootOption) + "=true to its URI"};
}

Status outside(std::string_view named) {
  return {Code::kWrongKey, "that is not what the root's URI names" + (named.empty() ? "" : ", " + std::string(named)) +
                               "; open the keyring by another slot, or correct the URI if the slot's key is right"};
}

Status does_not_open(std::string_view said) {
  const std::string reason = said.empty() ? "" : " (" + std::string(said) + ")";
  return {Code::kWrongKey, "it does not open the slot's keyring key" + reason +
                               ": the slot was altered or is another coffer's; restore "
                               "the keyring from a backup, or name its own root key"};
}

std::unique_ptr<RootKeyProvider> make_provider(std::string_view scheme, std::unique_ptr<Root> root) {
  return std::make_unique<RootProvider>(scheme, std::move(root));
}

}  // namespace coffer
