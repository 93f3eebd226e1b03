// Where sealed keyrings are kept. One interface for a file and for etcd (providers/etcd).
#pragma once

#include "coffer/io/disk.h"
#include "coffer/keys/keyring_shard_codec.h"
#include "coffer/keys/machine_turn.h"

namespace coffer {

inline constexpr size_t kNodeReportSizeMax = 4096;
inline constexpr size_t kNodeAnswersSizeMax = size_t{16} << 10;
struct NodeReportText {
  std::string node;
  Bytes report;
};

// What stands beside the keyring for nodes that start: node_slots.h.
inline constexpr size_t kNodeSlotValueSizeMax = size_t{128} << 10;
struct NodeSlotValue {
  std::string name;
  Bytes value;
};

// Implementations are thread-safe.
class KeyringStore {
 public:
  virtual ~KeyringStore() = default;

  struct Snapshot {
    Bytes sealed;
    KeyringHeader header;  // of `sealed`
  };
  // What a save brings besides the keyring itself.
  struct Shards {
    std::span<const SealedShard> added;  // that are not there yet
    std::span<const Sha256> named;       // all that the keyring names
  };
  // What messages call the keyring: its path or address.
  virtual const std::string& name() const = 0;
  // What it returns is durable: no crash brings an older version back. kNotFound; else as KeyringCodec::read_header().
  virtual Result<Snapshot> load() = 0;
  // Replaces version `expected` (0: there must be none yet) by `sealed`, durably. kConflict when another version stands
  // there: load again, repeat the change. Old or new after a crash, never neither. After another error either may stand
  // there: load to find out. `audit_record`, if not empty, is durable at the end of the audit log before the keyring
  // is; where it cannot be, the keyring stays as it is. `shards.added` is durable before the keyring is there; shards
  // that were there before and that it does not name go afterwards.
  virtual Status save(ByteView sealed, uint64_t expected_version, std::string_view audit_record,
                      const Shards& shards) = 0;
  Status save(ByteView sealed, uint64_t expected_version, std::string_view audit_record = {}) {
    return save(sealed, expected_version, audit_record, {});
  }
  // A shard that a keyring names, as it is stored: who opens it finds out whether it is that. kNotFound, also where the
  // keyring that named it was replaced meanwhile.
  virtual Result<Bytes> load_shard(const ShardEntry& shard) = 0;
  // What messages call it.
  virtual std::string shard_name(const Sha256& name) const = 0;
  // What was written so; empty where nothing was.
  virtual Result<Bytes> load_audit_log() = 0;
  struct AuditLogSize {
    uint64_t bytes = 0;
    uint64_t bytes_max = 0;  // of which it can be read
  };
  // As of the last load(), without reading it.
  virtual Result<AuditLogSize> audit_log_size() = 0;
  // Takes these bytes away from its beginning, durably. kConflict: it does not begin so, or was just changed.
  virtual Status cut_audit_log(ByteView beginning) = 0;
  // Cheap: may the stored keyring have changed since this function last returned false or load() was called?
  virtual bool may_have_changed() = 0;
  // Whether load() and load_shard() wait for others than the disk: then whoever must not wait has them done aside.
  virtual bool is_remote() const { return false; }
  // What nodes say of themselves, beside the keyring and of none of its versions: nobody is believed for writing there.
  // At most kNodeReportSizeMax bytes each; old or new after a crash.
  virtual Status save_report(const std::string& node, ByteView report);  // kUnsupported: there is no place for them
  virtual Result<std::vector<NodeReportText>> load_reports() { return std::vector<NodeReportText>(); }
  virtual Status remove_report(const std::string& /*node*/) { return Status::ok(); }  // ok where there is none
  // The same of what they answer (node_answer.h), at most kNodeAnswersSizeMax bytes each.
  virtual Status save_answers(const std::string& node, ByteView answers);  // kUnsupported, as above
  virtual Result<std::vector<NodeReportText>> load_answers() { return std::vector<NodeReportText>(); }
  virtual Status remove_answers(const std::string& /*node*/) { return Status::ok(); }
  // Slots of nodes, likewise beside the keyring, by names of letters, digits and dots. kUnsupported: there is no place
  // for them; kNotFound.
  virtual Status save_node_slots(std::span<const NodeSlotValue> values);
  virtual Result<Bytes> load_node_slots(const std::string& name);
  // Removes all but those whose names begin so.
  virtual Status keep_node_slots(const std::string& /*beginning*/) { return Status::ok(); }
  // Ok, or kPermissionDenied: nothing keeps anybody who reaches it from writing there, so several nodes must not share
  // it. Says what to do. A file is kept by its directory.
  virtual Status check_shared() const { return Status::ok(); }
  // What saves have replaced, destroyed keys with it, is to be read from here no more. A file is replaced as a whole.
  // Else why that is not so yet; the next save tries it again, as does calling this.
  virtual Status forget_replaced() { return Status::ok(); }

  // --- for who moves the keyring from one place to another: LiveKeyring::move_to()
  //
  // Whether there is nothing of a keyring here: neither that, nor shards, nor an audit log.
  virtual Result<bool> is_empty() = 0;
  // What stands where the keyring is to be, whatever it is (move_record.h); empty: nothing. load() and save() refuse
  // what is no keyring: kForeign for the record of a move.
  virtual Result<Bytes> load_stored() = 0;
  // Replaces exactly `expected` (empty: nothing) by `next`, durably. kConflict: something else stands there. Old or new
  // after a crash, never neither; after another error either may stand there.
  virtual Status exchange(ByteView next, ByteView expected) = 0;
  // These are kConflict where a keyring stands here. Durable when they return, an audit log instead of what was written
  // before; removed is also what etcd remembers.
  virtual Status put_shard(const SealedShard& shard) = 0;
  virtual Status put_audit_log(ByteView log) = 0;
  virtual Status remove_parts() = 0;
};

// The files `<directory>/keyring`, `<directory>/keyring.d/…` and `<directory>/audit.log`. While saving,
// `<directory>/keyring.lock` is held against other processes, and `<directory>/keyring.turn` stands there against other
// machines: `machine` is which one this is (this_machine()).
std::unique_ptr<KeyringStore> open_file_keyring_store(Disk& disk, const std::string& directory,
                                                      const std::string& machine = this_machine());

}  // namespace coffer
