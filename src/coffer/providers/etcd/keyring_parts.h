// The keys of etcd's that a keyring is in, read and written without asking what they say. docs/format.md, "Keyring in
// etcd".
#pragma once

#include <functional>
#include <optional>

#include "coffer/keys/keyring_store.h"
#include "coffer/net/etcd/client.h"

namespace coffer {

inline constexpr size_t kEtcdRecordSizeMax = size_t{128} << 10;
inline constexpr size_t kEtcdLogSizeMax = size_t{256} << 20;
inline constexpr uint32_t kEtcdRecordsAtOnce = 100;
// What base64 makes of the bytes, and the words around them.
inline constexpr size_t kEtcdWordsSizeMax = 2 * etcd::kKeySizeMax;

// Thread-safe.
class KeyringParts {
 public:
  // `client` outlives it.
  explicit KeyringParts(etcd::Client& client)
      : client_(client),
        keyring_(client.settings().prefix + "/keyring"),
        shards_(client.settings().prefix + "/shards/"),
        log_(client.settings().prefix + "/audit/"),
        log_size_(client.settings().prefix + "/audit_size"),
        reports_(client.settings().prefix + "/nodes/"),
        answers_(client.settings().prefix + "/answers/"),
        node_slots_(client.settings().prefix + "/slots/"),
        name_(client.settings().name + "/keyring") {}

  const std::string& name() const { return name_; }
  const std::string& keyring_key() const { return keyring_; }
  const std::string& shards() const { return shards_; }
  const std::string& log() const { return log_; }
  const std::string& reports() const { return reports_; }
  const std::string& answers() const { return answers_; }
  const std::string& node_slots() const { return node_slots_; }
  std::string shard_key(const Sha256& name) const { return shards_ + to_hex(name); }
  // The record's key is that of the version it made.
  std::string record_key(uint64_t version) const;

  // kTampered also where etcd answers something else than was asked; `revision`: of all that etcd holds.
  Result<std::vector<etcd::KeyValue>> read(const etcd::Transaction::Range& range, uint64_t* revision = nullptr);
  Status for_each(const std::string& prefix, bool keys_only, uint32_t at_once,
                  const std::function<Status(const etcd::KeyValue&)>& take);
  Status no_such_answer() const;

  // The keyring and how large its log is, as of one revision.
  struct WithLogSize {
    std::optional<etcd::KeyValue> keyring;
    uint64_t revision = 0;  // of all that etcd holds
    uint64_t log_bytes = 0;
    uint64_t log_size_revision = 0;
  };
  Result<WithLogSize> read_with_log_size();
  // As KeyringStore has them.
  Status save_node_slots(std::span<const NodeSlotValue> values);
  Result<Bytes> load_node_slots(const std::string& name);
  Status keep_node_slots(const std::string& beginning);
  // Into a transaction that writes a record of so many bytes.
  void count_record(etcd::Transaction& into, const WithLogSize& before, size_t record_size) const;
  Result<Bytes> load_audit_log();
  Status cut_audit_log(ByteView beginning);

  // As KeyringStore has them; remove_parts() returns the revision before which they can still be read.
  Result<bool> is_empty();
  Result<Bytes> load_stored();
  Status exchange(ByteView next, ByteView expected);
  Status put_shard(const SealedShard& shard);
  Status put_audit_log(ByteView log);
  Result<uint64_t> remove_parts();

 private:
  // The revision that it made.
  Result<uint64_t> commit_while_moving(etcd::Transaction transaction);

  etcd::Client& client_;
  const std::string keyring_, shards_, log_, log_size_, reports_, answers_, node_slots_, name_;
};

}  // namespace coffer
