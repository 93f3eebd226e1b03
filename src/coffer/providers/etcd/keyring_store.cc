// The KeyringStore of coffers whose keyring is in etcd. docs/format.md, "Keyring in etcd".
//
// Whoever saves names the revision of the keyring that was read, so of several one is the first and the others hear of
// a conflict. A transaction may be sent twice, to two members: the second time its revision is not there any more.
#include <algorithm>
#include <atomic>
#include <unordered_set>

#include "coffer/base/text.h"
#include "coffer/keys/keyring_store.h"
#include "coffer/keys/move_record.h"
#include "coffer/net/etcd/watch.h"
#include "coffer/providers/etcd/keyring_parts.h"
#include "coffer/providers/module.h"

namespace coffer {
namespace {

using etcd::Answered;
using etcd::KeyValue;
using etcd::Transaction;

constexpr uint32_t kShardNamesAtOnce = 4096;
constexpr uint32_t kReportsAtOnce = 1000;
constexpr uint32_t kAnswersAtOnce = 100;
// Of nodes that were taken out there may be some more.
constexpr size_t kReportsMax = 2 * kNodeCountMax;

class EtcdKeyringStore final : public KeyringStore {
 public:
  explicit EtcdKeyringStore(etcd::Settings settings)
      : client_(std::move(settings)), keys_(client_), watch_(client_, keys_.keyring_key()) {}

  const std::string& name() const override { return name_; }
  bool is_remote() const override { return true; }
  Status save_report(const std::string& node, ByteView report) override {
    return client_.commit(Transaction().put(keys_.reports() + node, report)).status();
  }
  Result<std::vector<NodeReportText>> load_reports() override {
    return load_by_node(keys_.reports(), kReportsAtOnce);
  }
  Status remove_report(const std::string& node) override {
    return client_.commit(Transaction().remove(keys_.reports() + node)).status();
  }
  Status save_answers(const std::string& node, ByteView answers) override {
    return client_.commit(Transaction().put(keys_.answers() + node, answers)).status();
  }
  Result<std::vector<NodeReportText>> load_answers() override {
    return load_by_node(keys_.answers(), kAnswersAtOnce);
  }
  Status remove_answers(const std::string& node) override {
    return client_.commit(Transaction().remove(keys_.answers() + node)).status();
  }
  Status save_node_slots(std::span<const NodeSlotValue> values) override { return keys_.save_node_slots(values); }
  Result<Bytes> load_node_slots(const std::string& name) override { return keys_.load_node_slots(name); }
  Status keep_node_slots(const std::string& beginning) override { return keys_.keep_node_slots(beginning); }
  Status check_shared() const override {
    const etcd::Settings& settings = client_.settings();
    const bool has_login = !settings.user.empty() || !settings.http.client_certificate_file.empty();
    const auto is_here = [](const std::string& endpoint) {
      const auto host = http::host_of_url(endpoint);
      return host.is_ok() && http::is_this_machine(host->substr(0, host->rfind(':')));
    };
    if (has_login || std::ranges::all_of(settings.endpoints, is_here)) return Status::ok();
    return {Code::kPermissionDenied,
            name_ + ": whoever reaches this etcd may write there: the configuration has nothing by which it could tell "
                    "nodes from others; give it client_cert_file and client_key_file, or user and password_file"};
  }
  bool may_have_changed() override { return watch_.may_have_changed(); }

  Result<Snapshot> load() override {
    COFFER_ASSIGN(const Stored stored, read_keyring());
    watch_.loaded(stored.as_read.revision, stored.mod_revision);
    if (stored.mod_revision == 0) {
      return {Code::kNotFound, "there is no keyring at " + name_ +
                                   "; if etcd was set up anew, restore its snapshot: without the keyring no file of "
                                   "the coffer can be read"};
    }
    return stored.snapshot;
  }

  Status save(ByteView sealed, uint64_t expected_version, std::string_view audit_record,
              const Shards& shards) override {
    COFFER_ASSIGN(const KeyringHeader header, check_successor(sealed, expected_version));
    COFFER_TRY(check_sizes(sealed, audit_record, shards));
    COFFER_ASSIGN(const Stored stored, read_keyring());
    COFFER_TRY(check_expected(stored, header, expected_version));
    // Before anything is written: a shard that stands there now and is not named by what is about to be saved was never
    // named by anything newer, nor will be.
    COFFER_ASSIGN(const std::vector<std::string> there, list_shards());
    COFFER_ASSIGN(const uint64_t revision, write(sealed, stored, header.version, audit_record, shards.added));
    watch_.loaded(revision, revision);
    remove_unnamed(there, shards.named, revision);
    return Status::ok();
  }

  Result<Bytes> load_shard(const ShardEntry& shard) override {
    const std::string key = keys_.shard_key(shard.name);
    COFFER_ASSIGN(std::vector<KeyValue> found, keys_.read({key}));
    if (!found.empty()) return std::move(found.front().value);
    return {Code::kNotFound, "there is no " + shard_name(shard.name) +
                                 ", a part of the keyring; restore a snapshot of etcd: without it no file of the "
                                 "domains in it can be read"};
  }
  std::string shard_name(const Sha256& name) const override {
    return client_.settings().name + "/shards/" + to_hex(name);
  }

  Result<Bytes> load_audit_log() override { return keys_.load_audit_log(); }
  Result<AuditLogSize> audit_log_size() override { return AuditLogSize{log_bytes_, kEtcdLogSizeMax}; }
  Status cut_audit_log(ByteView beginning) override { return keys_.cut_audit_log(beginning); }

  Status forget_replaced() override {
    std::lock_guard lock(mutex_);
    // What others have replaced, where this object saved nothing.
    if (replaced_ == 0) {
      COFFER_TRY(keys_.read({key_}, &replaced_).status());
    }
    if (compacted_ == replaced_) return Status::ok();
    if (!client_.settings().compacts) {
      return {Code::kUnsupported, name_ +
                                      ": compact is false in its configuration: what was replaced can be read until "
                                      "etcd compacts its history by itself"};
    }
    COFFER_TRY(client_.compact(replaced_).with_context("etcd still has what was replaced in " + name_));
    compacted_ = replaced_;
    return Status::ok();
  }

  Result<bool> is_empty() override { return keys_.is_empty(); }
  Result<Bytes> load_stored() override { return keys_.load_stored(); }
  Status exchange(ByteView next, ByteView expected) override { return keys_.exchange(next, expected); }
  Status put_shard(const SealedShard& shard) override { return keys_.put_shard(shard); }
  Status put_audit_log(ByteView log) override { return keys_.put_audit_log(log); }
  Status remove_parts() override {
    COFFER_ASSIGN(const uint64_t revision, keys_.remove_parts());
    {
      std::lock_guard lock(mutex_);
      replaced_ = std::max(replaced_, revision);
    }
    return forget_replaced();
  }

 private:
  struct Stored {
    Snapshot snapshot;
    uint64_t mod_revision = 0;  // of the keyring; 0: there is none
    KeyringParts::WithLogSize as_read;
  };

  Result<std::vector<NodeReportText>> load_by_node(const std::string& prefix, uint32_t at_once) {
    std::vector<NodeReportText> out;
    const auto take = [&](const KeyValue& found) -> Status {
      out.push_back({found.key.substr(prefix.size()), found.value});
      return out.size() <= kReportsMax ? Status::ok() : keys_.no_such_answer();
    };
    COFFER_TRY(keys_.for_each(prefix, false, at_once, take));
    return out;
  }

  Result<Stored> read_keyring() {
    Stored out;
    COFFER_ASSIGN(out.as_read, keys_.read_with_log_size());
    log_bytes_ = out.as_read.log_bytes;
    if (!out.as_read.keyring) return out;
    out.mod_revision = out.as_read.keyring->mod_revision;
    out.snapshot.sealed = std::move(out.as_read.keyring->value);
    if (is_move_record(out.snapshot.sealed)) return moved_keyring(out.snapshot.sealed, name_);
    auto header = KeyringCodec::read_header(out.snapshot.sealed);
    if (!header.is_ok()) return header.status().with_context(name_);
    out.snapshot.header = std::move(*header);
    return out;
  }

  static Result<KeyringHeader> check_successor(ByteView sealed, uint64_t expected_version) {
    auto header = KeyringCodec::read_header(sealed);
    if (!header.is_ok()) return {Code::kInternal, "about to save what is no keyring: " + header.status().to_string()};
    if (header->version == expected_version + 1) return header;
    return {Code::kInvalidArgument, "keyring version " + std::to_string(header->version) + " cannot replace version " +
                                        std::to_string(expected_version)};
  }

  Status check_sizes(ByteView sealed, std::string_view audit_record, const Shards& shards) const {
    const auto check = [&](const char* what, size_t size, size_t size_max) -> Status {
      if (size <= size_max) return Status::ok();
      return {Code::kLimitExceeded, name_ + ": " + what + " of " + std::to_string(size) + " bytes; etcd takes " +
                                        std::to_string(size_max) + " at most; keep the keyring in a file"};
    };
    COFFER_TRY(check("a keyring and its audit record", sealed.size() + audit_record.size(),
                     etcd::kRequestSizeMax - kEtcdWordsSizeMax));
    COFFER_TRY(check("an audit record", audit_record.size(), kEtcdRecordSizeMax));
    for (const SealedShard& shard : shards.added) {
      COFFER_TRY(check("a part of the keyring", shard.bytes.size(), etcd::kRequestSizeMax - kEtcdWordsSizeMax));
    }
    return Status::ok();
  }

  Status check_expected(const Stored& stored, const KeyringHeader& next, uint64_t expected_version) const {
    if (stored.mod_revision == 0) {
      if (expected_version == 0) return Status::ok();
      return {Code::kConflict, name_ + " is gone; expected version " + std::to_string(expected_version)};
    }
    const KeyringHeader& there = stored.snapshot.header;
    if (there.coffer_id != next.coffer_id) {
      return {Code::kInvalidArgument,
              name_ + " belongs to coffer " + there.coffer_id.hex() + ", not to " + next.coffer_id.hex()};
    }
    return there.version == expected_version ? Status::ok() : conflict(there.version, expected_version);
  }

  Status conflict(uint64_t there, uint64_t expected_version) const {
    return {Code::kConflict, name_ + " is at version " + std::to_string(there) + ", not " +
                                 std::to_string(expected_version) + ": somebody else saved; load and try again"};
  }

  Result<std::vector<std::string>> list_shards() {
    std::vector<std::string> out;
    const auto take = [&](const KeyValue& shard) -> Status {
      out.push_back(shard.key);
      // As many as two keyrings can have: more stand there for no good.
      return out.size() <= 2 * kShardCountMax ? Status::ok() : keys_.no_such_answer();
    };
    COFFER_TRY(keys_.for_each(keys_.shards(), true, kShardNamesAtOnce, take));
    return out;
  }

  // As many shards as fit go with the keyring, the others before it. Returns the revision of the save.
  Result<uint64_t> write(ByteView sealed, const Stored& stored, uint64_t version, std::string_view audit_record,
                         std::span<const SealedShard> added) {
    Transaction last;
    const std::string record = keys_.record_key(version);
    last.expect(key_, stored.mod_revision).put(key_, sealed).read_otherwise({key_}).read_otherwise({record});
    size_t size = sealed.size() + audit_record.size() + 2 * kEtcdWordsSizeMax;
    if (!audit_record.empty()) {
      last.put(record, as_bytes(audit_record));
      keys_.count_record(last, stored.as_read, audit_record.size());
    }
    Transaction batch;
    size_t batch_size = 0;
    for (const SealedShard& shard : added) {
      const std::string key = keys_.shard_key(shard.name);
      const size_t more = shard.bytes.size() + kEtcdWordsSizeMax;
      if (size + more <= etcd::kRequestSizeMax && last.operations() < etcd::kOperationsMax) {
        last.put(key, shard.bytes);
        size += more;
        continue;
      }
      if (batch_size + more > etcd::kRequestSizeMax || batch.operations() == etcd::kOperationsMax) {
        COFFER_TRY(client_.commit(batch).status());
        batch = {};
        batch_size = 0;
      }
      batch.put(key, shard.bytes);
      batch_size += more;
    }
    if (batch.operations() > 0) COFFER_TRY(client_.commit(batch).status());
    COFFER_ASSIGN(const Answered saved, client_.commit(last));
    return saved.succeeded ? Result<uint64_t>(saved.revision) : lost(saved, sealed, version, audit_record);
  }

  // Somebody else was faster, or this very transaction was, sent before to a member whose answer did not come: then
  // its record tells, whoever saved after it.
  Result<uint64_t> lost(const Answered& saved, ByteView sealed, uint64_t version, std::string_view audit_record) {
    if (saved.read.size() != 2) return keys_.no_such_answer();
    const std::vector<KeyValue>&keyring = saved.read[0], &record = saved.read[1];
    const auto is_record = [&](const KeyValue& there) {
      return std::ranges::equal(there.value, as_bytes(audit_record));
    };
    if (!audit_record.empty() && record.size() == 1 && is_record(record.front())) {
      return record.front().mod_revision;
    }
    if (keyring.size() != 1 || keyring.front().key != key_) {
      return {Code::kConflict, name_ + " is gone; expected version " + std::to_string(version - 1)};
    }
    if (std::ranges::equal(keyring.front().value, sealed)) return keyring.front().mod_revision;
    if (is_move_record(keyring.front().value)) return moved_keyring(keyring.front().value, name_);
    auto header = KeyringCodec::read_header(keyring.front().value);
    if (!header.is_ok()) return header.status().with_context(name_);
    return conflict(header->version, version - 1);
  }

  // As far as that works: what stays is listed again the next time.
  void remove_unnamed(const std::vector<std::string>& there, std::span<const Sha256> named, uint64_t revision) {
    std::unordered_set<std::string> stay;
    for (const Sha256& name : named) stay.insert(keys_.shard_key(name));
    Transaction batch;
    const auto flush = [&] {
      const auto removed = client_.commit(batch);
      if (removed.is_ok()) revision = std::max(revision, removed->revision);
      batch = {};
    };
    for (const std::string& key : there) {
      if (stay.contains(key)) continue;
      batch.remove(key);
      if (batch.operations() == etcd::kOperationsMax) flush();
    }
    if (batch.operations() > 0) flush();
    std::lock_guard lock(mutex_);
    replaced_ = std::max(replaced_, revision);
  }

  etcd::Client client_;
  KeyringParts keys_;
  const std::string &name_ = keys_.name(), &key_ = keys_.keyring_key();

  std::mutex mutex_;         // guards what follows
  uint64_t replaced_ = 0;    // the revision before which there is what saves of this object have replaced
  uint64_t compacted_ = 0;
  std::atomic<uint64_t> log_bytes_ = 0;  // when the keyring was read last
  etcd::Watch watch_;  // last: it uses the others
};

}  // namespace

Result<std::unique_ptr<KeyringStore>> open_etcd_keyring(const ProviderUri& uri, const ProviderConfig& config) {
  COFFER_ASSIGN(etcd::Settings settings, etcd::read_settings(uri, config.sealing_key));
  return std::unique_ptr<KeyringStore>(std::make_unique<EtcdKeyringStore>(std::move(settings)));
}

}  // namespace coffer
