#include "coffer/providers/key_file/key_file_provider.h"

#include <algorithm>

#include "coffer/base/check.h"
#include "coffer/base/codec.h"
#include "coffer/config/key_file.h"
#include "coffer/config/uri.h"
#include "coffer/crypto/kdf.h"
#include "coffer/providers/local_wrap.h"

namespace coffer {
namespace {

constexpr uint8_t kIdStated = 1;
constexpr uint8_t kNoIdStated = 2;

struct KeyName {
  RootFingerprint fingerprint{};
  Bytes key_id;  // empty: none stated

  std::string text() const {
    return key_id.empty() ? "key fingerprint " + to_hex(fingerprint) : "key id " + to_hex(key_id);
  }
};

RootKeyHandle encode(const KeyName& name) {
  RootKeyHandle handle;
  handle.bytes.resize(1 + name.fingerprint.size() + name.key_id.size());
  Writer writer(handle.bytes);
  writer.u8(name.key_id.empty() ? kNoIdStated : kIdStated);
  writer.bytes(name.fingerprint);
  writer.bytes(name.key_id);
  return handle;
}

std::optional<KeyName> decode(const RootKeyHandle& handle) {
  Reader reader(handle.bytes);
  KeyName name;
  const uint8_t type = reader.u8();
  reader.copy_to(name.fingerprint);
  const ByteView key_id = reader.bytes(reader.remaining());
  name.key_id.assign(key_id.begin(), key_id.end());
  const bool right_id =
      type == kIdStated ? !key_id.empty() && key_id.size() <= kKeyIdSizeMax : type == kNoIdStated && key_id.empty();
  if (!reader.finished() || !right_id) return std::nullopt;
  return name;
}

Result<KeyName> name_of(const KeyFile& file) {
  KeyName name;
  COFFER_ASSIGN(name.fingerprint, fingerprint_of(file.key));
  name.key_id = file.key_id;
  return name;
}

class KeyFileProvider final : public RootKeyProvider {
 public:
  KeyFileProvider(Disk& disk, const std::string& path) : disk_(disk), path_(path) {}

  Result<RootKeyHandle> current() override {
    COFFER_ASSIGN(KeyFile file, read_key_file(disk_, path_));
    COFFER_ASSIGN(KeyName name, name_of(file));
    return encode(name);
  }

  Result<WrappedKeyringKey> wrap(const RootKeyHandle& handle, const WrapContext& context,
                                 const KeyringKey& key) override {
    COFFER_ASSIGN(RootKey root, root_key_of(handle));
    return wrap_locally(root, context, key);
  }

  Result<KeyringKey> unwrap(const RootKeyHandle& handle, const WrapContext& context,
                            const WrappedKeyringKey& wrapped) override {
    if (wrapped.algorithm != kWrapAlgorithmLocal) {
      return {Code::kUnsupported, describe() + ": the keyring key was wrapped by a key service, not by a key file"};
    }
    COFFER_ASSIGN(RootKey root, root_key_of(handle));
    auto key = unwrap_locally(root, context, wrapped);
    if (key.code() == Code::kWrongKey) {
      return {Code::kWrongKey,
              describe() + " holds the key that the slot names (" + describe(handle) +
                  "), but it does not unwrap the slot's keyring key: the slot was altered or is another coffer's"};
    }
    if (!key.is_ok()) return key.status().with_context(describe());
    return key;
  }

  std::string uri() const override { return "file://" + encode_uri_path(path_); }

  std::string describe() const override { return "key file " + path_; }

  std::string describe(const RootKeyHandle& handle) const override {
    std::optional<KeyName> name = decode(handle);
    return name.has_value() ? name->text() : "a handle that is no key file's";
  }

 private:
  // The file's key, if it is the one the handle names. The fingerprint decides: the same key in a file of another form
  // may state another id, or none.
  Result<RootKey> root_key_of(const RootKeyHandle& handle) {
    std::optional<KeyName> wanted = decode(handle);
    if (!wanted.has_value()) {
      return {Code::kWrongKey, describe() + " cannot hold the key that the slot wants: " + describe(handle)};
    }
    auto file = read_key_file(disk_, path_);
    if (file.code() == Code::kNotFound) {
      return {Code::kKeyUnavailable, "the slot wants " + wanted->text() + ", but " + describe() +
                                         " is gone; restore it, or give the place where it is now"};
    }
    if (!file.is_ok()) return file.status();
    COFFER_ASSIGN(KeyName found, name_of(*file));
    if (equal_constant_time(found.fingerprint, wanted->fingerprint)) return std::move(file->key);
    if (!found.key_id.empty() && found.key_id == wanted->key_id) {
      return {Code::kWrongKey, describe() + " states the " + wanted->text() +
                                   " that the slot wants, but its key is another one; restore the file from a backup"};
    }
    return {Code::kWrongKey, "the slot wants " + wanted->text() + ", " + describe() + " holds " + found.text()};
  }

  Disk& disk_;
  const std::string path_;
};

}  // namespace

std::unique_ptr<RootKeyProvider> make_key_file_provider(Disk& disk, const std::string& path) {
  COFFER_REQUIRE(path.starts_with('/'), "a key file is named by its absolute path");
  return std::make_unique<KeyFileProvider>(disk, path);
}

}  // namespace coffer
