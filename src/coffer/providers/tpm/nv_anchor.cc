// The newest keyring version in a counter of the TPM's, which nobody can set back: docs/providers/tpm.md, "Version
// anchor".
#include <charconv>

#include "coffer/base/codec.h"
#include "coffer/keys/version_anchor.h"
#include "coffer/providers/tpm/nv_index.h"
#include "coffer/providers/tpm/settings.h"

namespace coffer {
namespace tpm {
namespace {

constexpr uint32_t kIndexFirst = 0x01000000, kIndexLast = 0x01fffffd;
constexpr uint16_t kIdentitySize = 16 + 8;
constexpr uint16_t kRecordSize = 8 + 32;
constexpr uint64_t kIncrementsMax = 10'000;
constexpr uint64_t kAnchorTimeoutMs = 5'000;  // a store that is open may wait for it

struct NvSettings : Access {
  std::string name;  // as written
  uint32_t index = 0;
  Id coffer_id;
};

Result<NvSettings> parse_nv_settings(const ProviderUri& uri, const AnchorPlace& place) {
  NvSettings out;
  out.coffer_id = place.coffer_id;
  out.name = "tpm:" + uri.path;
  std::string_view digits = uri.path;
  if (digits.starts_with("0x")) digits.remove_prefix(2);
  const auto [end, failed] = std::from_chars(digits.data(), digits.data() + digits.size(), out.index, 16);
  const bool number = failed == std::errc() && end == digits.data() + digits.size() && digits.size() != uri.path.size();
  if (uri.authority.has_value() || !number || out.index < kIndexFirst || out.index > kIndexLast) {
    return {Code::kInvalidArgument, "version anchor " + out.name +
                                        ": expected tpm:0x1500016, the first of three free NV indices from 0x1000000 "
                                        "to 0x1fffffd"};
  }
  UriOptions options(uri, place.sealing_key);
  COFFER_ASSIGN(out.tcti, take_tcti(options));
  COFFER_TRY(take_passwords(options, kAnchorTimeoutMs, out));
  COFFER_TRY(options.finish());
  return out;
}

// What the three indices say together. The counter is the version, plus a base that was locked when the anchor was
// made, so that no version below it can be made believe. The record adds the hash; it is written before the counter
// goes up.
struct NvState {
  uint64_t version = 0;
  KeyringMark record;
};

// One conversation; it may outlive the anchor, when the TPM does not answer.
struct Indices {
  std::unique_ptr<Device> device;  // goes last
  NvIndex counter, identity, record;

  static Result<Indices> open(const NvSettings& settings) {
    COFFER_ASSIGN(const SecretBytes password, read_secret(settings.auth));
    COFFER_ASSIGN(std::unique_ptr<Device> device, Device::open(settings.tcti));
    COFFER_ASSIGN(NvIndex counter, NvIndex::open(*device, settings.index, password));
    COFFER_ASSIGN(NvIndex identity, NvIndex::open(*device, settings.index + 1, password));
    COFFER_ASSIGN(NvIndex record, NvIndex::open(*device, settings.index + 2, password));
    return Indices{std::move(device), std::move(counter), std::move(identity), std::move(record)};
  }

  // Nothing before the anchor was made, or when making it was interrupted: the record comes last.
  Result<std::optional<NvState>> read(const NvSettings& settings) {
    if (!record.exists()) return std::optional<NvState>();
    const std::string anchor = "version anchor " + settings.name + ": ";
    if (!counter.exists() || !identity.exists()) {
      return {Code::kTampered, anchor + "one of its NV indices was removed"};
    }
    COFFER_ASSIGN(const uint64_t count, counter.count());
    COFFER_ASSIGN(const Bytes identity_bytes, identity.read(kIdentitySize));
    COFFER_ASSIGN(const Bytes record_bytes, record.read(kRecordSize));
    Reader identity_reader(identity_bytes), record_reader(record_bytes);
    const Id coffer_id = identity_reader.id();
    NvState out;
    out.version = count - identity_reader.u64();
    out.record.version = record_reader.u64();
    record_reader.copy_to(out.record.hash);
    if (coffer_id != settings.coffer_id) {
      return {Code::kInvalidArgument, anchor + "it is for coffer " + coffer_id.hex() + ", not for " +
                                          settings.coffer_id.hex() + "; take other NV indices"};
    }
    if (out.record.version < out.version) {
      return {Code::kTampered, anchor + "its record is of version " + std::to_string(out.record.version) +
                                   ", its counter of version " + std::to_string(out.version) +
                                   ": somebody wrote to it"};
    }
    return std::optional(out);
  }

  // All but what the record says.
  Status make(const Id& coffer_id, uint64_t version, const SecretBytes& owner_password) {
    for (NvIndex* index : {&counter, &identity}) {
      if (index->exists()) COFFER_TRY(index->remove(owner_password));
    }
    COFFER_TRY(counter.define(NvKind::kCounter, kNvCounterSize, owner_password));
    COFFER_TRY(counter.increment());  // until then it cannot be read
    COFFER_ASSIGN(const uint64_t count, counter.count());
    Bytes bytes(kIdentitySize);
    Writer writer(bytes);
    writer.id(coffer_id);
    writer.u64(count - version);  // modulo 2^64
    COFFER_TRY(identity.define(NvKind::kOnce, kIdentitySize, owner_password));
    COFFER_TRY(identity.write(bytes));
    COFFER_TRY(identity.lock());
    return record.define(NvKind::kRecord, kRecordSize, owner_password);
  }
};

// What is remembered.
using Remembered = std::optional<KeyringMark>;

Result<Remembered> load(const NvSettings& settings) {
  COFFER_ASSIGN(Indices indices, Indices::open(settings));
  COFFER_ASSIGN(const std::optional<NvState> state, indices.read(settings));
  return state.has_value() ? Remembered(state->record) : std::nullopt;
}

Result<Remembered> advance(const NvSettings& settings, const KeyringMark& mark) {
  COFFER_ASSIGN(const SecretBytes owner_password, read_secret(settings.owner_auth));
  COFFER_ASSIGN(Indices indices, Indices::open(settings));
  COFFER_ASSIGN(const std::optional<NvState> state, indices.read(settings));
  uint64_t counted = mark.version;
  if (state.has_value()) {
    if (state->record.version > mark.version) return Remembered(state->record);
    COFFER_TRY(check_mark(state->record, mark));
    counted = state->version;
    if (counted == mark.version) return Remembered(mark);
    if (mark.version - counted > kIncrementsMax) {
      return {Code::kLimitExceeded, "the version anchor is more than 10000 versions behind; take other NV indices"};
    }
  } else {
    COFFER_TRY(indices.make(settings.coffer_id, mark.version, owner_password));
  }
  Bytes bytes(kRecordSize);
  Writer writer(bytes);
  writer.u64(mark.version);
  writer.bytes(mark.hash);
  COFFER_TRY(indices.record.write(bytes));
  for (; counted < mark.version; ++counted) COFFER_TRY(indices.counter.increment());
  return Remembered(mark);
}

class NvAnchor final : public VersionAnchor {
 public:
  NvAnchor(Disk& disk, NvSettings settings, const std::string& directory)
      : disk_(disk), settings_(std::move(settings)), lock_path_(directory + "/anchor.lock") {}

  Result<Remembered> load() override {
    return call([settings = settings_] { return tpm::load(settings); });
  }

  Status advance(const KeyringMark& mark) override {
    COFFER_ASSIGN(const std::unique_ptr<FileLock> lock, disk_.lock(lock_path_, true));
    return call([settings = settings_, mark] { return tpm::advance(settings, mark); }).status();
  }

 private:
  Result<Remembered> call(std::function<Result<Remembered>()> work) const {
    return in_turn<Remembered>(settings_.timeout_millis, "version anchor " + settings_.name, std::move(work));
  }

  Disk& disk_;
  const NvSettings settings_;
  const std::string lock_path_;
};

}  // namespace
}  // namespace tpm

// "tpm:0x1500016?tcti=…": the first of three NV indices. `place.directory` has the lock that keeps processes apart.
// kInvalidArgument for anything else.
Result<std::unique_ptr<VersionAnchor>> open_nv_anchor(Disk& disk, const ProviderUri& uri, const AnchorPlace& place) {
  COFFER_ASSIGN(tpm::NvSettings settings, tpm::parse_nv_settings(uri, place));
  return std::unique_ptr<VersionAnchor>(std::make_unique<tpm::NvAnchor>(disk, std::move(settings), place.directory));
}

}  // namespace coffer
