#include "coffer/providers/keystore/keystore_provider.h"

#include "coffer/base/codec.h"
#include "coffer/crypto/kdf.h"
#include "coffer/providers/local_wrap.h"

namespace coffer {
namespace {

constexpr uint8_t kHandleType = 0x4b;

struct KeyName {
  RootFingerprint fingerprint{};
  std::string alias;

  std::string text() const { return "key \"" + alias + "\" (fingerprint " + to_hex(fingerprint) + ")"; }
};

RootKeyHandle encode(const KeyName& name) {
  RootKeyHandle handle;
  handle.bytes.resize(1 + name.fingerprint.size() + name.alias.size());
  Writer writer(handle.bytes);
  writer.u8(kHandleType);
  writer.bytes(name.fingerprint);
  writer.bytes(as_bytes(name.alias));
  return handle;
}

std::optional<KeyName> decode(const RootKeyHandle& handle) {
  Reader reader(handle.bytes);
  KeyName name;
  const uint8_t type = reader.u8();
  reader.copy_to(name.fingerprint);
  name.alias = as_text(reader.bytes(reader.remaining()));
  if (!reader.finished() || type != kHandleType || name.alias.size() > keystore::kAliasSizeMax) return std::nullopt;
  return name;
}

struct NamedKey {
  KeyName name;
  RootKey key;
};

class KeystoreProvider final : public RootKeyProvider {
 public:
  KeystoreProvider(KeystorePlace place, std::string uri) : place_(std::move(place)), uri_(std::move(uri)) {}

  Result<RootKeyHandle> current() override {
    COFFER_ASSIGN(const NamedKey found, read(place_.alias));
    return encode(found.name);
  }

  Result<WrappedKeyringKey> wrap(const RootKeyHandle& handle, const WrapContext& context,
                                 const KeyringKey& key) override {
    COFFER_ASSIGN(const RootKey root, root_key_of(handle));
    return wrap_locally(root, context, key);
  }

  Result<KeyringKey> unwrap(const RootKeyHandle& handle, const WrapContext& context,
                            const WrappedKeyringKey& wrapped) override {
    COFFER_ASSIGN(const RootKey root, root_key_of(handle));
    auto key = unwrap_locally(root, context, wrapped);
    if (key.code() == Code::kWrongKey) {
      return {Code::kWrongKey,
              describe() + " holds the key that the slot names (" + describe(handle) +
                  "), but it does not unwrap the slot's keyring key: the slot was altered or is another coffer's"};
    }
    if (!key.is_ok()) return key.status().with_context(describe());
    return key;
  }

  std::string uri() const override { return uri_; }
  std::string describe() const override { return "keystore " + place_.path; }
  std::string describe(const RootKeyHandle& handle) const override {
    const std::optional<KeyName> name = decode(handle);
    return name.has_value() ? name->text() : "a handle that is no keystore's";
  }

 private:
  Result<NamedKey> read(const std::string& alias) const {
    auto contents = read_private_file(place_.path, keystore::kKeystoreSizeMax);
    if (contents.code() == Code::kNotFound) {
      return {Code::kNotFound, describe() + " is not there; coffer keygen or keytool -genseckey makes one"};
    }
    if (!contents.is_ok()) return contents.status().with_context("keystore");
    COFFER_ASSIGN(const keystore::KeystoreType type, check_type(contents->reveal()));
    COFFER_ASSIGN(const keystore::Passwords passwords, read_passwords(place_));
    keystore::WorkBudget budget;
    auto found = keystore::find_secret_key(contents->reveal(), alias, passwords, budget);
    if (!found.is_ok()) {
      return found.status().with_context(describe() + " (" + std::string(type_name(type)) + ")");
    }
    if (found->alias.size() > keystore::kAliasSizeMax) {
      return {Code::kLimitExceeded, describe() + ": an alias of more than 255 bytes"};
    }
    NamedKey out;
    COFFER_ASSIGN(out.name.fingerprint, fingerprint_of(found->key));
    out.name.alias = found->alias;
    out.key = std::move(found->key);
    return out;
  }

  Result<keystore::KeystoreType> check_type(ByteView contents) const {
    auto type = keystore::type_of(contents);
    if (!type.is_ok()) return type.status().with_context(describe());
    if (place_.type.has_value() && *type != *place_.type) {
      return {Code::kInvalidArgument, describe() + " is of type " + std::string(type_name(*type)) +
                                          ", not of the type that its URI says; leave type out"};
    }
    return type;
  }

  // The key that the handle names, by its fingerprint: an alias may be given to another key.
  Result<RootKey> root_key_of(const RootKeyHandle& handle) const {
    const std::optional<KeyName> wanted = decode(handle);
    if (!wanted.has_value()) {
      return {Code::kWrongKey, describe() + " cannot hold the key that the slot wants: " + describe(handle)};
    }
    auto found = read(place_.alias.empty() ? wanted->alias : place_.alias);
    if (found.code() == Code::kNotFound) {
      return {Code::kKeyUnavailable,
              "the slot wants " + wanted->text() + ", but " + std::string(found.status().message())};
    }
    if (!found.is_ok()) return found.status();
    if (equal_constant_time(found->name.fingerprint, wanted->fingerprint)) return std::move(found->key);
    return {Code::kWrongKey, "the slot wants " + wanted->text() + ", " + describe() + " holds " + found->name.text()};
  }

  const KeystorePlace place_;
  const std::string uri_;
};

Result<std::optional<keystore::KeystoreType>> take_type(UriOptions& options) {
  const std::optional<std::string> text = options.take("type");
  if (!text.has_value()) return std::optional<keystore::KeystoreType>();
  for (const auto type : {keystore::KeystoreType::kPkcs12, keystore::KeystoreType::kJceks}) {
    if (*text == type_name(type)) return std::optional(type);
  }
  return {Code::kInvalidArgument, "root key URI option type: expected pkcs12 or jceks"};
}

std::string format(const KeystorePlace& place) {
  ProviderUri uri;
  uri.scheme = "keystore";
  uri.path = place.path;
  if (!place.alias.empty()) uri.options.emplace_back("alias", place.alias);
  if (place.type.has_value()) uri.options.emplace_back("type", type_name(*place.type));
  add_secret_option(uri, "store_password", place.store_password);
  add_secret_option(uri, "key_password", place.key_password);
  return format_provider_uri(uri);
}

}  // namespace

Result<KeystorePlace> parse_keystore_uri(const ProviderUri& uri, const std::string& sealing_key) {
  KeystorePlace out;
  if (uri.authority.has_value() && !uri.authority->empty() && *uri.authority != "localhost") {
    return {Code::kInvalidArgument,
            "a keystore is on this machine, not on \"" + *uri.authority + "\"; write keystore:/PATH?alias=NAME"};
  }
  if (uri.path.empty() || uri.path == "/") return {Code::kInvalidArgument, "the root key URI names no keystore file"};
  COFFER_ASSIGN(out.path, absolute_provider_path(uri.path));
  UriOptions options(uri, sealing_key);
  out.alias = options.take("alias", "");
  COFFER_ASSIGN(out.type, take_type(options));
  COFFER_ASSIGN(out.store_password, options.take_secret("store_password"));
  COFFER_ASSIGN(out.key_password, options.take_secret("key_password"));
  COFFER_TRY(options.finish());
  if (!out.store_password.given()) {
    return {Code::kInvalidArgument,
            "root key URI option store_password_file: a keystore needs its password; give a file or a variable "
            "(store_password_env)"};
  }
  return out;
}

Result<keystore::Passwords> read_passwords(const KeystorePlace& place) {
  keystore::Passwords out;
  auto store = read_secret(place.store_password);
  if (!store.is_ok()) return store.status().with_context("store_password");
  if (store->empty()) return {Code::kInvalidArgument, "store_password: it is empty"};
  out.store = keystore::Password(std::move(*store));
  auto key = read_secret(place.key_password);
  if (!key.is_ok()) return key.status().with_context("key_password");
  out.key = keystore::Password(std::move(*key));
  return out;
}

Result<std::unique_ptr<RootKeyProvider>> open_keystore(const ProviderUri& uri, const ProviderConfig& config) {
  COFFER_ASSIGN(KeystorePlace place, parse_keystore_uri(uri, config.sealing_key));
  std::string formatted = format(place);
  return std::unique_ptr<RootKeyProvider>(std::make_unique<KeystoreProvider>(std::move(place), std::move(formatted)));
}

}  // namespace coffer
