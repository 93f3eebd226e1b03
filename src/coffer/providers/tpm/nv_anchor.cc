#include "coffer/providers/tpm/nv_anchor.h"

#include <algorithm>
#include <charconv>

#include "coffer/base/codec.h"
#include "coffer/base/deadline.h"
#include "coffer/providers/per_process.h"
#include "coffer/providers/tpm/nv_index.h"
#include "coffer/providers/tpm/settings.h"

namespace coffer {
namespace tpm {
namespace {

constexpr uint32_t kIndexFirst = 0x01000000, kIndexLast = 0x01fffffd;
constexpr uint16_t kCounterSize = 8;
constexpr uint16_t kIdentitySize = 16 + 8;
constexpr uint16_t kRecordSize = 8 + 32;
constexpr uint64_t kIncrementsMax = 10'000;
constexpr uint64_t kTimeoutDefaultMs = 5'000;  // a store that is open may wait for it

struct NvSettings {
  std::string name;  // as written
  uint32_t index = 0;
  std::string tcti;
  SecretSource auth, owner_auth;
  uint64_t timeout_millis = 0;
};

Result<NvSettings> parse_nv_settings(const ProviderUri& uri) {
  NvSettings out;
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
  UriOptions options(uri);
  COFFER_ASSIGN(out.tcti, take_tcti(options));
  COFFER_ASSIGN(out.auth, options.take_secret("auth"));
  COFFER_ASSIGN(out.owner_auth, options.take_secret("owner_auth"));
  COFFER_ASSIGN(out.timeout_millis, options.take_number("timeout_millis", kTimeoutDefaultMs, 100, 600'000));
  COFFER_TRY(options.finish());
  return out;
}

// What the three indices say together. The counter is the version, plus a base that was locked when the anchor was
// made, so that no version below it can be made believe. The record adds the hash; it is written before the counter
// goes up.
struct NvState {
  Id coffer_id;
  uint64_t base = 0;
  uint64_t counter = 0;
  KeyringMark record;
  uint64_t version() const { return counter - base; }
};

// One conversation; it may outlive the anchor, when the TPM does not answer.
class Conversation {
 public:
  static Result<std::unique_ptr<Conversation>> open(const NvSettings& settings, const SecretBytes& password) {
    COFFER_ASSIGN(std::unique_ptr<Device> device, Device::open(settings.tcti));
    COFFER_ASSIGN(NvIndex counter, NvIndex::open(*device, settings.index, password));
    COFFER_ASSIGN(NvIndex identity, NvIndex::open(*device, settings.index + 1, password));
    COFFER_ASSIGN(NvIndex record, NvIndex::open(*device, settings.index + 2, password));
    return std::unique_ptr<Conversation>(
        new Conversation(std::move(device), std::move(counter), std::move(identity), std::move(record)));
  }

  // Nothing before the anchor was made, or when making it was interrupted: the record comes last.
  Result<std::optional<NvState>> read(const Id& coffer_id, const std::string& name) {
    if (!record_.exists()) return std::optional<NvState>();
    if (!counter_.exists() || !identity_.exists()) {
      return {Code::kTampered, "version anchor " + name + ": one of its NV indices was removed"};
    }
    COFFER_ASSIGN(const Bytes counter, counter_.read(kCounterSize));
    COFFER_ASSIGN(const Bytes identity, identity_.read(kIdentitySize));
    COFFER_ASSIGN(const Bytes record, record_.read(kRecordSize));
    NvState out;
    for (const uint8_t byte : counter) out.counter = out.counter << 8 | byte;  // the TPM's own order
    Reader identity_reader(identity), record_reader(record);
    out.coffer_id = identity_reader.id();
    out.base = identity_reader.u64();
    out.record.version = record_reader.u64();
    record_reader.copy_to(out.record.hash);
    if (out.coffer_id != coffer_id) {
      return {Code::kInvalidArgument, "version anchor " + name + ": it is for coffer " + out.coffer_id.hex() +
                                          ", not for " + coffer_id.hex() + "; take other NV indices"};
    }
    if (out.record.version < out.version()) {
      return {Code::kTampered, "version anchor " + name + ": its record is of version " +
                                   std::to_string(out.record.version) + ", its counter of version " +
                                   std::to_string(out.version()) + ": somebody wrote to it"};
    }
    return std::optional(out);
  }

  Status make(const Id& coffer_id, const KeyringMark& mark, const SecretBytes& owner_password) {
    for (NvIndex* index : {&counter_, &identity_}) {
      if (index->exists()) COFFER_TRY(index->remove(owner_password));
    }
    COFFER_TRY(counter_.define(NvKind::kCounter, kCounterSize, owner_password));
    COFFER_TRY(counter_.increment());  // until then it cannot be read
    COFFER_ASSIGN(const Bytes bytes, counter_.read(kCounterSize));
    uint64_t counter = 0;
    for (const uint8_t byte : bytes) counter = counter << 8 | byte;
    Bytes identity(kIdentitySize);
    Writer writer(identity);
    writer.id(coffer_id);
    writer.u64(counter - mark.version);  // modulo 2^64
    COFFER_TRY(identity_.define(NvKind::kOnce, kIdentitySize, owner_password));
    COFFER_TRY(identity_.write(identity));
    COFFER_TRY(identity_.lock());
    COFFER_TRY(record_.define(NvKind::kRecord, kRecordSize, owner_password));
    return write_record(mark);
  }

  Status advance(const NvState& from, const KeyringMark& to) {
    if (to.version - from.version() > kIncrementsMax) {
      return {Code::kLimitExceeded, "the version anchor is more than 10000 versions behind; take other NV indices"};
    }
    COFFER_TRY(write_record(to));
    for (uint64_t version = from.version(); version < to.version; ++version) COFFER_TRY(counter_.increment());
    return Status::ok();
  }

 private:
  Conversation(std::unique_ptr<Device> device, NvIndex counter, NvIndex identity, NvIndex record)
      : device_(std::move(device)),
        counter_(std::move(counter)),
        identity_(std::move(identity)),
        record_(std::move(record)) {}

  Status write_record(const KeyringMark& mark) {
    Bytes bytes(kRecordSize);
    Writer writer(bytes);
    writer.u64(mark.version);
    writer.bytes(mark.hash);
    return record_.write(bytes);
  }

  const std::unique_ptr<Device> device_;  // goes last
  NvIndex counter_, identity_, record_;
};

struct NvCall {
  NvSettings settings;
  Id coffer_id;
  SecretBytes password, owner_password;

  Result<std::optional<KeyringMark>> load() const {
    COFFER_ASSIGN(const auto conversation, Conversation::open(settings, password));
    COFFER_ASSIGN(const std::optional<NvState> state, conversation->read(coffer_id, settings.name));
    return state.has_value() ? std::optional(state->record) : std::nullopt;
  }

  Status advance(const KeyringMark& mark) const {
    COFFER_ASSIGN(const auto conversation, Conversation::open(settings, password));
    COFFER_ASSIGN(const std::optional<NvState> state, conversation->read(coffer_id, settings.name));
    if (!state.has_value()) return conversation->make(coffer_id, mark, owner_password);
    if (state->record.version > mark.version) return Status::ok();
    COFFER_TRY(check_mark(state->record, mark));
    if (state->version() == mark.version) return Status::ok();
    return conversation->advance(*state, mark);
  }
};

class NvAnchor final : public VersionAnchor {
 public:
  NvAnchor(Disk& disk, NvSettings settings, const Id& coffer_id, const std::string& directory)
      : disk_(disk), settings_(std::move(settings)), coffer_id_(coffer_id), lock_path_(directory + "/anchor.lock") {}

  Result<std::optional<KeyringMark>> load() override {
    return call<std::optional<KeyringMark>>([](const NvCall& call) { return call.load(); });
  }

  Status advance(const KeyringMark& mark) override {
    COFFER_ASSIGN(const std::unique_ptr<FileLock> lock, disk_.lock(lock_path_, true));
    return call<bool>([mark](const NvCall& call) -> Result<bool> {
             COFFER_TRY(call.advance(mark));
             return true;
           })
        .status();
  }

 private:
  template <class T>
  Result<T> call(std::function<Result<T>(const NvCall&)> work) {
    auto state = std::make_shared<NvCall>();
    state->settings = settings_;
    state->coffer_id = coffer_id_;
    COFFER_ASSIGN(state->password, read_secret(settings_.auth));
    COFFER_ASSIGN(state->owner_password, read_secret(settings_.owner_auth));
    const std::chrono::milliseconds patience(settings_.timeout_millis);
    return within<T>(patience, "version anchor " + settings_.name, [state, work, patience]() -> Result<T> {
      std::unique_lock lock(per_process<Turn>().mutex, patience);
      if (!lock.owns_lock()) return {Code::kProviderUnavailable, "the TPM is still busy with another call"};
      return work(*state);
    });
  }

  Disk& disk_;
  const NvSettings settings_;
  const Id coffer_id_;
  const std::string lock_path_;
};

}  // namespace
}  // namespace tpm

Result<std::unique_ptr<VersionAnchor>> open_nv_anchor(Disk& disk, const ProviderUri& uri, const Id& coffer_id,
                                                      const std::string& directory) {
  COFFER_ASSIGN(tpm::NvSettings settings, tpm::parse_nv_settings(uri));
  return std::unique_ptr<VersionAnchor>(
      std::make_unique<tpm::NvAnchor>(disk, std::move(settings), coffer_id, directory));
}

}  // namespace coffer
