// Root keys in keystore files: docs/providers/keystore.md; handle in docs/format.md, section 7.
#include "coffer/config/provider_config.h"
#include "coffer/providers/fetched_root.h"
#include "coffer/providers/keystore/keystore.h"

namespace coffer {
namespace {

constexpr Choice<std::optional<keystore::KeystoreType>> kTypes[] = {{"pkcs12", keystore::KeystoreType::kPkcs12},
                                                                    {"jceks", keystore::KeystoreType::kJceks}};
constexpr std::string_view kForm = "keystore:/PATH?alias=NAME&store_password_file=PATH";

// Fields: the alias, which says where to look, where the URI does not.
class KeystoreRoot final : public FetchedRoot {
 public:
  explicit KeystoreRoot(KeystorePlace place) : place_(std::move(place)) {}

  Result<Found> current() override { return read(place_.alias); }
  Result<Found> find(const KeyFields& wanted) override { return read(place_.alias.empty() ? wanted[0] : place_.alias); }

  bool weak_is_allowed() const override { return place_.allow_weak; }
  std::string uri() const override { return place_.uri; }
  std::string describe() const override { return "keystore " + place_.path; }
  std::optional<std::string> describe(const KeyFields& key) const override {
    if (key.size() != 1 || key[0].size() > keystore::kAliasSizeMax) return std::nullopt;
    return "key \"" + key[0] + "\"";
  }

 private:
  // Where the URI has an alias, a handle's is not looked at: the fingerprint tells whether it is the key. Else the URI
  // names the whole keystore.
  Status check_within(const KeyFields&) const override { return Status::ok(); }

  Result<Found> read(const std::string& alias) const {
    auto contents = read_private_file(place_.path, keystore::kKeystoreSizeMax);
    if (contents.code() == Code::kNotFound) {
      return {Code::kNotFound, "it is not there; coffer keygen or keytool -genseckey makes one"};
    }
    if (!contents.is_ok()) return contents.status();
    COFFER_ASSIGN(const keystore::KeystoreType type, check_type(contents->reveal()));
    COFFER_ASSIGN(const keystore::Passwords passwords, read_passwords(place_));
    keystore::WorkBudget budget;
    auto found = keystore::find_secret_key(contents->reveal(), alias, passwords, budget);
    if (!found.is_ok()) {
      return found.status().with_context("as " + std::string(type_name(type)));
    }
    if (found->alias.size() > keystore::kAliasSizeMax) {
      return {Code::kLimitExceeded, "an alias of more than 255 bytes"};
    }
    return Found{{found->alias}, std::move(found->key), {}};
  }

  Result<keystore::KeystoreType> check_type(ByteView contents) const {
    auto type = keystore::type_of(contents);
    if (type.is_ok() && place_.type.has_value() && *type != *place_.type) {
      return {Code::kInvalidArgument,
              "it is of type " + std::string(type_name(*type)) + ", not of the type that its URI says; leave type out"};
    }
    return type;
  }

  const KeystorePlace place_;
};

}  // namespace

Result<KeystorePlace> parse_keystore_uri(const ProviderUri& uri, const std::string& sealing_key) {
  KeystorePlace out;
  COFFER_ASSIGN(out.path, local_path(uri, "keystore file", kForm));
  UriOptions options(uri, sealing_key);
  out.alias = options.take("alias", "");
  COFFER_ASSIGN(out.type, options.take_choice("type", kTypes, std::optional<keystore::KeystoreType>()));
  COFFER_ASSIGN(out.store_password, options.take_secret("store_password"));
  COFFER_ASSIGN(out.key_password, options.take_secret("key_password"));
  COFFER_ASSIGN(out.allow_weak, options.take_switch(kWeakRootOption, false));
  COFFER_TRY(options.finish());
  if (!out.store_password.given()) {
    return {Code::kInvalidArgument,
            "root key URI option store_password_file: a keystore needs its password; give a file or a variable "
            "(store_password_env)"};
  }
  ProviderUri kept = options.kept();
  kept.authority.reset();
  kept.path = out.path;
  out.uri = format_provider_uri(kept);
  return out;
}

// That it is missing says nothing of the key.
Result<SecretBytes> read_password(const SecretSource& source, const std::string& option) {
  auto password = read_secret(source);
  if (password.code() != Code::kNotFound) {
    return password.is_ok() ? std::move(password) : password.status().with_context(option);
  }
  return {Code::kPermissionDenied,
          option + ": " + std::string(password.status().message()) + "; put the password there, or correct the option"};
}

Result<keystore::Passwords> read_passwords(const KeystorePlace& place) {
  keystore::Passwords out;
  COFFER_ASSIGN(SecretBytes store, read_password(place.store_password, "store_password"));
  if (store.empty()) return {Code::kInvalidArgument, "store_password: it is empty"};
  out.store = keystore::Password(std::move(store));
  COFFER_ASSIGN(SecretBytes key, read_password(place.key_password, "key_password"));
  out.key = keystore::Password(std::move(key));
  return out;
}

Result<std::unique_ptr<RootKeyProvider>> open_keystore(const ProviderUri& uri, const ProviderConfig& config) {
  COFFER_ASSIGN(KeystorePlace place, parse_keystore_uri(uri, config.sealing_key));
  return make_provider("keystore", std::make_unique<KeystoreRoot>(std::move(place)));
}

}  // namespace coffer
