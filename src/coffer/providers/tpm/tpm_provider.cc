// Root keys that are sealed to this machine's TPM: docs/providers/tpm.md.
#include "coffer/config/provider_config.h"
#include "coffer/crypto/kdf.h"
#include "coffer/crypto/random.h"
#include "coffer/providers/fetched_root.h"
#include "coffer/providers/tpm/sealing.h"
#include "coffer/providers/tpm/settings.h"

namespace coffer {
namespace tpm {
namespace {

constexpr uint32_t kSealedFileMode = 0600;
constexpr size_t kRootKeyBytes = 32;

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

  Result<RootKey> unsealed(const SealedFile& file) const {
    COFFER_ASSIGN(const std::unique_ptr<Device> device, Device::open(settings.tcti));
    return unseal(*device, file, passwords);
  }

  // Nothing is written before the TPM has given back what it sealed.
  Status make() const {
    COFFER_ASSIGN(const auto lock, Disk::posix().lock(settings.path + ".lock", false));
    if (Disk::posix().info(settings.path).is_ok()) return Status::ok();  // another process was faster
    COFFER_ASSIGN(const RootKey root, random_key<RootRole>(kRootKeyBytes));
    COFFER_ASSIGN(std::unique_ptr<Device> device, Device::open(settings.tcti));
    COFFER_ASSIGN(const SealedFile file, seal(*device, root, settings.pcrs.value_or(PcrSelection{}), passwords));
    device.reset();
    COFFER_ASSIGN(const RootKey back, unsealed(file));
    if (!equal_constant_time(back.reveal(), root.reveal())) {
      return {Code::kInternal, "the TPM gave back another key than it sealed"};
    }
    COFFER_ASSIGN(const Bytes bytes, tpm::encode(file));
    return replace_file(Disk::posix(), settings.path, bytes, kSealedFileMode, ReplacedMode::kGiven);
  }

  Result<SealedFile> file() const {
    COFFER_ASSIGN(const Bytes bytes, read_file(Disk::posix(), settings.path, kSealedFileSizeMax));
    auto out = tpm::decode(bytes);
    return out.is_ok() ? std::move(out) : out.status().with_context("sealed root key " + settings.path);
  }

  Result<SealedFile> current_file() const {
    auto out = file();
    if (out.code() == Code::kNotFound && settings.create) {
      COFFER_TRY(make());
      out = file();
    }
    if (out.code() == Code::kNotFound) {
      return {Code::kNotFound, "there is no such file; restore it, or add create=true to make and seal a root key"};
    }
    if (!out.is_ok() || !settings.pcrs.has_value() || *settings.pcrs == out->pcrs) return out;
    return {Code::kInvalidArgument, "it is sealed to PCRs " + format_pcrs(out->pcrs) + ", the URI says " +
                                        format_pcrs(*settings.pcrs) + "; make another file, and coffer rotate root"};
  }
};

// Fields: none. The file holds one key, which its fingerprint names.
class TpmRoot final : public FetchedRoot {
 public:
  explicit TpmRoot(Settings settings) : settings_(std::move(settings)) {}

  Result<Found> current() override { return fetch(&Call::current_file); }
  Result<Found> find(const KeyFields&) override { return fetch(&Call::file); }

  std::string uri() const override { return settings_.uri; }
  std::string describe() const override { return "root key sealed to the TPM, " + settings_.path; }
  std::optional<std::string> describe(const KeyFields& key) const override {
    return key.empty() ? std::optional<std::string>("") : std::nullopt;
  }

 private:
  Status check_within(const KeyFields&) const override { return Status::ok(); }

  Result<Found> fetch(Result<SealedFile> (Call::*which)() const) const {
    auto call = std::make_shared<Call>();
    call->settings = settings_;
    COFFER_ASSIGN(call->passwords.key, read_password(settings_.auth, "the password of the root key"));
    COFFER_ASSIGN(call->passwords.owner, read_password(settings_.owner_auth, "the TPM owner's password"));
    return in_turn<Found>(settings_.timeout_millis, "TPM " + settings_.tcti, [call, which]() -> Result<Found> {
      COFFER_ASSIGN(const SealedFile file, (*call.*which)());
      COFFER_ASSIGN(RootKey root, call->unsealed(file));
      return Found{{}, std::move(root), {}};
    });
  }

  const Settings settings_;
};

}  // namespace
}  // namespace tpm

Result<std::unique_ptr<RootKeyProvider>> open_tpm(const ProviderUri& uri, const ProviderConfig& config) {
  COFFER_ASSIGN(tpm::Settings settings, tpm::parse_settings(uri, config.sealing_key));
  return make_provider("tpm", std::make_unique<tpm::TpmRoot>(std::move(settings)));
}

}  // namespace coffer
