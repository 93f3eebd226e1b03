#include "coffer/providers/tpm/tpm_provider.h"

#include <mutex>

#include "coffer/base/codec.h"
#include "coffer/base/deadline.h"
#include "coffer/crypto/kdf.h"
#include "coffer/crypto/random.h"
#include "coffer/providers/per_process.h"
#include "coffer/providers/tpm/sealing.h"
#include "coffer/providers/tpm/session.h"
#include "coffer/providers/tpm/settings.h"

namespace coffer {
namespace tpm {
namespace {

constexpr uint8_t kHandleVersion = 1;
constexpr uint32_t kSealedFileMode = 0600;
constexpr size_t kRootKeyBytes = 32;

RootKeyHandle encode(const RootFingerprint& fingerprint) {
  RootKeyHandle handle;
  handle.bytes.resize(1 + fingerprint.size());
  Writer writer(handle.bytes);
  writer.u8(kHandleVersion);
  writer.bytes(fingerprint);
  return handle;
}

std::optional<RootFingerprint> decode(const RootKeyHandle& handle) {
  Reader reader(handle.bytes);
  RootFingerprint out{};
  const uint8_t version = reader.u8();
  reader.copy_to(out);
  return version == kHandleVersion && reader.finished() ? std::optional(out) : std::nullopt;
}

std::string text_of(const RootFingerprint& fingerprint) { return "key fingerprint " + to_hex(fingerprint); }

Result<SealedFile> read_sealed(const std::string& path) {
  auto bytes = read_file(Disk::posix(), path, kSealedFileSizeMax);
  if (!bytes.is_ok()) return bytes.status();
  auto file = tpm::decode(*bytes);
  return file.is_ok() ? std::move(file) : file.status().with_context("sealed root key " + path);
}

Result<SecretBytes> read_password(const SecretSource& source, std::string_view whose) {
  auto password = read_secret(source);
  if (!password.is_ok()) {
    return {Code::kPermissionDenied, std::string(whose) + ": " + std::string(password.status().message())};
  }
  if (source.given() && password->empty()) return {Code::kPermissionDenied, std::string(whose) + " is empty"};
  return password;
}

// What a call needs of the provider; it may outlive it, when the TPM does not answer.
struct Call {
  Settings settings;
  Passwords passwords;
  std::string name;  // of the provider

  Result<RootKey> unsealed(const SealedFile& file) const {
    COFFER_ASSIGN(const std::unique_ptr<Device> device, Device::open(settings.tcti));
    auto root = unseal(*device, file, passwords);
    return root.is_ok() ? std::move(root) : root.status().with_context(name);
  }

  // Nothing is written before the TPM has given back what it sealed.
  Status make() const {
    COFFER_ASSIGN(const auto lock, Disk::posix().lock(settings.path + ".lock", false));
    if (Disk::posix().info(settings.path).is_ok()) return Status::ok();  // another process was faster
    COFFER_ASSIGN(const RootKey root, random_key<RootRole>(kRootKeyBytes));
    SealedFile file;
    {
      COFFER_ASSIGN(const std::unique_ptr<Device> device, Device::open(settings.tcti));
      COFFER_ASSIGN(file, seal(*device, root, settings.pcrs.value_or(PcrSelection{}), passwords));
    }
    COFFER_ASSIGN(const RootKey back, unsealed(file));
    if (!equal_constant_time(back.reveal(), root.reveal())) {
      return {Code::kInternal, name + ": the TPM gave back another key than it sealed"};
    }
    COFFER_ASSIGN(const Bytes bytes, tpm::encode(file));
    return replace_file(Disk::posix(), settings.path, bytes, kSealedFileMode);
  }

  Result<SealedFile> current_file() const {
    auto file = read_sealed(settings.path);
    if (file.code() == Code::kNotFound && settings.create) {
      COFFER_TRY(make());
      file = read_sealed(settings.path);
    }
    if (file.code() == Code::kNotFound) {
      return {Code::kNotFound, settings.path + ": there is no such file; add create=true to make and seal a root key"};
    }
    if (!file.is_ok()) return file;
    if (!settings.pcrs.has_value() || *settings.pcrs == file->pcrs) return file;
    return {Code::kInvalidArgument, name + " is sealed to PCRs " + format_pcrs(file->pcrs) + ", the URI says " +
                                        format_pcrs(*settings.pcrs) + "; make another file, and coffer rotate root"};
  }

  // The key that a handle names.
  Result<RootKey> named_root(const RootFingerprint& wanted) const {
    auto file = read_sealed(settings.path);
    if (file.code() == Code::kNotFound) {
      return {Code::kKeyUnavailable, "the slot wants " + text_of(wanted) + ", but " + name +
                                         " is gone; restore the file, or use another slot's root key"};
    }
    if (!file.is_ok()) return file.status();
    if (file->fingerprint != wanted) {
      return {Code::kWrongKey,
              "the slot wants " + text_of(wanted) + ", " + name + " holds " + text_of(file->fingerprint)};
    }
    return unsealed(*file);
  }
};

class TpmProvider final : public RootKeyProvider {
 public:
  explicit TpmProvider(Settings settings) : settings_(std::move(settings)) {}

  Result<RootKeyHandle> current() override {
    return call<RootKeyHandle>([](const Call& call) -> Result<RootKeyHandle> {
      COFFER_ASSIGN(const SealedFile file, call.current_file());
      COFFER_ASSIGN(const RootKey root, call.unsealed(file));
      return encode(file.fingerprint);
    });
  }

  Result<WrappedKeyringKey> wrap(const RootKeyHandle& handle, const WrapContext& context,
                                 const KeyringKey& key) override {
    const std::optional<RootFingerprint> wanted = decode(handle);
    if (!wanted.has_value()) return foreign(handle);
    COFFER_ASSIGN(const RootKey root, named_root(*wanted));
    return wrap_locally(root, context, key);
  }

  Result<KeyringKey> unwrap(const RootKeyHandle& handle, const WrapContext& context,
                            const WrappedKeyringKey& wrapped) override {
    const std::optional<RootFingerprint> wanted = decode(handle);
    if (!wanted.has_value()) return foreign(handle);
    COFFER_ASSIGN(const RootKey root, named_root(*wanted));
    auto key = unwrap_locally(root, context, wrapped);
    return key.is_ok() ? std::move(key) : key.status().with_context(describe());
  }

  std::string uri() const override { return format_settings(settings_); }
  std::string describe() const override { return "root key sealed to the TPM, " + settings_.path; }
  std::string describe(const RootKeyHandle& handle) const override {
    const std::optional<RootFingerprint> fingerprint = decode(handle);
    return fingerprint.has_value() ? text_of(*fingerprint) : "a handle that is no TPM key's";
  }

 private:
  Status foreign(const RootKeyHandle& handle) const {
    return {Code::kWrongKey, describe() + " cannot be the key that the slot wants: " + describe(handle)};
  }

  Result<RootKey> named_root(const RootFingerprint& wanted) {
    return call<RootKey>([wanted](const Call& call) { return call.named_root(wanted); });
  }

  // On a thread of its own, since TSS waits for a TPM for ever.
  template <class T>
  Result<T> call(std::function<Result<T>(const Call&)> work) {
    auto state = std::make_shared<Call>();
    state->settings = settings_;
    state->name = describe();
    COFFER_ASSIGN(state->passwords.key, read_password(settings_.auth, "the password of " + state->name));
    COFFER_ASSIGN(state->passwords.owner, read_password(settings_.owner_auth, "the TPM owner's password"));
    const std::chrono::milliseconds patience(settings_.timeout_ms);
    return within<T>(patience, "TPM " + settings_.tcti, [state, work, patience]() -> Result<T> {
      std::unique_lock lock(per_process<Turn>().mutex, patience);
      if (!lock.owns_lock()) return {Code::kProviderUnavailable, "the TPM is still busy with another call"};
      return work(*state);
    });
  }

  const Settings settings_;
};

}  // namespace
}  // namespace tpm

Result<std::unique_ptr<RootKeyProvider>> open_tpm(const ProviderUri& uri, const ProviderConfig& config) {
  COFFER_ASSIGN(tpm::Settings settings, tpm::parse_settings(uri, config.sealing_key));
  return std::unique_ptr<RootKeyProvider>(std::make_unique<tpm::TpmProvider>(std::move(settings)));
}

}  // namespace coffer
