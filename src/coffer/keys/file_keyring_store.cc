#include <mutex>
#include <unordered_set>

#include "coffer/io/replace_like.h"
#include "coffer/keys/audit_file.h"
#include "coffer/keys/audit_log.h"
#include "coffer/keys/keyring_store.h"
#include "coffer/keys/machine_turn.h"
#include "coffer/keys/move_record.h"
#include "coffer/keys/report_files.h"
#include "coffer/keys/shard_files.h"

namespace coffer {
namespace {

constexpr uint32_t kKeyringMode = 0600;

class FileKeyringStore final : public KeyringStore {
 public:
  FileKeyringStore(Disk& disk, const std::string& directory, std::string machine)
      : disk_(disk), directory_(directory), path_(directory + "/keyring"), machine_(std::move(machine)) {}

  const std::string& name() const override { return path_; }

  Result<Snapshot> load() override {
    std::lock_guard guard(mutex_);
    auto opened = disk_.open_read_itself(path_);
    if (opened.code() == Code::kNotFound) {
      return {Code::kNotFound, "there is no keyring at " + path_ +
                                   "; mount its disk, or restore the keyring from a backup: without it no file of the "
                                   "coffer can be read"};
    }
    COFFER_ASSIGN(std::unique_ptr<ReadableFile> file, std::move(opened));
    COFFER_ASSIGN(FileInfo info, file->info());
    Snapshot snapshot;
    COFFER_ASSIGN(snapshot.sealed, contents_of(*file, info.size));
    COFFER_ASSIGN(snapshot.header, read_header(snapshot.sealed));
    // Whoever saved it may not have come to syncing its name, or never will. Files are about to be written under its
    // keys, so it must not be undone by a crash any more.
    COFFER_TRY(disk_.sync_directory(directory_));
    seen_ = info;
    seen_file_ = std::move(file);
    return snapshot;
  }

  Status save(ByteView sealed, uint64_t expected_version, std::string_view audit_record,
              const Shards& shards) override {
    auto header = KeyringCodec::read_header(sealed);
    if (!header.is_ok()) return {Code::kInternal, "about to save what is no keyring: " + header.status().to_string()};
    if (header->version != expected_version + 1) {
      return {Code::kInvalidArgument, "keyring version " + std::to_string(header->version) +
                                          " cannot replace version " + std::to_string(expected_version)};
    }
    COFFER_ASSIGN(std::unique_ptr<FileLock> lock, disk_.lock(path_ + ".lock", true));
    COFFER_ASSIGN(const MachineTurn turn, MachineTurn::take(disk_, path_ + ".turn", machine_));
    COFFER_TRY(check_expected(*header, expected_version));
    remove_leftovers(disk_, path_);
    // Before anything is written: what another machine writes once this one has stood still is not in the list.
    const std::vector<std::string> there = list_shard_files(disk_, directory_);
    COFFER_TRY(write_shard_files(disk_, directory_, shards.added));
    if (!audit_record.empty()) {
      COFFER_TRY(turn.check());
      COFFER_TRY(append_audit_record(disk_, directory_, audit_record, path_));
    }
    COFFER_TRY(turn.check());
    COFFER_TRY(replace_file(disk_, path_, sealed, kKeyringMode));
    remove_shard_files(disk_, unnamed_of(there, shards.named));
    return Status::ok();
  }

  Result<Bytes> load_shard(const ShardEntry& shard) override { return read_shard_file(disk_, directory_, shard); }
  std::string shard_name(const Sha256& name) const override { return shard_path(directory_, name); }

  Result<Bytes> load_audit_log() override { return read_audit_file(disk_, directory_); }
  Result<AuditLogSize> audit_log_size() override {
    const auto info = disk_.info(audit_path());
    if (info.code() == Code::kNotFound) return AuditLogSize{0, kAuditLogSizeMax};
    if (!info.is_ok()) return info.status();
    return AuditLogSize{info->size, kAuditLogSizeMax};
  }
  Status cut_audit_log(ByteView beginning) override {
    return while_others_wait([&](ByteView, const MachineTurn& turn) -> Status {
      COFFER_ASSIGN(const Bytes log, load_audit_log());
      const ByteView start = ByteView(log).first(std::min(log.size(), beginning.size()));
      if (!std::ranges::equal(start, beginning)) return changed_meanwhile();
      remove_leftovers(disk_, audit_path());
      COFFER_TRY(turn.check());
      return replace_own(audit_path(), ByteView(log).subspan(beginning.size()));
    });
  }

  Status save_report(const std::string& node, ByteView report) override {
    return save_report_file(disk_, directory_, node, report);
  }
  Result<std::vector<NodeReportText>> load_reports() override { return load_report_files(disk_, directory_); }
  Status remove_report(const std::string& node) override { return remove_report_file(disk_, directory_, node); }
  Status save_answers(const std::string& node, ByteView answers) override {
    return save_answer_file(disk_, directory_, node, answers);
  }
  Result<std::vector<NodeReportText>> load_answers() override { return load_answer_files(disk_, directory_); }
  Status remove_answers(const std::string& node) override { return remove_answer_file(disk_, directory_, node); }
  Status save_node_slots(std::span<const NodeSlotValue> values) override {
    return save_node_slot_files(disk_, directory_, values);
  }
  Result<Bytes> load_node_slots(const std::string& name) override {
    return load_node_slot_file(disk_, directory_, name);
  }
  Status keep_node_slots(const std::string& beginning) override {
    return keep_node_slot_files(disk_, directory_, beginning);
  }

  bool may_have_changed() override {
    std::lock_guard guard(mutex_);
    auto now = disk_.info(path_);
    // An error is something to find out about, which load() does.
    if (!now.is_ok() || !seen_.has_value()) return true;
    return now->inode != seen_->inode || now->size != seen_->size || now->modified_ns != seen_->modified_ns;
  }

  Result<bool> is_empty() override {
    for (const std::string& path : {path_, audit_path()}) {
      const auto there = disk_.info(path);
      if (there.code() != Code::kNotFound) return there.is_ok() ? Result<bool>(false) : there.status();
    }
    return list_shard_files(disk_, directory_).empty();
  }

  Result<Bytes> load_stored() override {
    auto file = disk_.open_read_itself(path_);
    if (file.code() == Code::kNotFound) return Bytes();
    if (!file.is_ok()) return file.status();
    COFFER_ASSIGN(const uint64_t size, (*file)->size());
    return contents_of(**file, size, kMoveRecordSizeMax);
  }

  Status exchange(ByteView next, ByteView expected) override {
    return while_others_wait([&](ByteView stored, const MachineTurn& turn) -> Status {
      if (!std::ranges::equal(stored, expected)) return changed_meanwhile();
      remove_leftovers(disk_, path_);
      COFFER_TRY(turn.check());
      return replace_own(path_, next);
    });
  }

  Status put_shard(const SealedShard& shard) override {
    return while_moving([&]() -> Status {
      // What an earlier attempt has left of it may be short.
      const Status removed = disk_.remove(shard_path(directory_, shard.name));
      if (!removed.is_ok() && removed.code() != Code::kNotFound) return removed;
      return write_shard_files(disk_, directory_, {&shard, 1});
    });
  }

  Status put_audit_log(ByteView log) override {
    return while_moving([&] {
      remove_leftovers(disk_, audit_path());
      return replace_own(audit_path(), log);
    });
  }

  Status remove_parts() override {
    return while_moving([&]() -> Status {
      remove_shard_files(disk_, list_shard_files(disk_, directory_));
      COFFER_TRY(keep_node_slot_files(disk_, directory_, "/"));
      const Status removed = disk_.remove(audit_path());
      if (!removed.is_ok() && removed.code() != Code::kNotFound) return removed;
      COFFER_TRY(disk_.sync_directory(directory_));
      if (list_shard_files(disk_, directory_).empty()) return Status::ok();
      return {Code::kIo, directory_ + ": parts of the keyring that has moved cannot be removed"};
    });
  }

 private:
  std::string audit_path() const { return directory_ + "/" + std::string(kAuditFileName); }

  Status changed_meanwhile() const { return {Code::kConflict, path_ + " was changed by somebody else; try again"}; }

  Status while_others_wait(const std::function<Status(ByteView stored, const MachineTurn& turn)>& what) {
    COFFER_ASSIGN(std::unique_ptr<FileLock> lock, disk_.lock(path_ + ".lock", true));
    COFFER_ASSIGN(const MachineTurn turn, MachineTurn::take(disk_, path_ + ".turn", machine_));
    COFFER_ASSIGN(const Bytes stored, load_stored());
    return what(stored, turn);
  }

  Status while_moving(const std::function<Status()>& what) {
    return while_others_wait([&](ByteView stored, const MachineTurn& turn) -> Status {
      if (!stored.empty() && !is_move_record(stored)) return changed_meanwhile();
      COFFER_TRY(turn.check());
      return what();
    });
  }

  // A file that was not there belongs to whom the directory does: who moves a keyring here may be another user than
  // who serves.
  Status replace_own(const std::string& path, ByteView contents) {
    if (disk_.info(path).code() != Code::kNotFound) return replace_file(disk_, path, contents, kKeyringMode);
    COFFER_ASSIGN(FileInfo like, disk_.info(directory_));
    like.mode = kKeyringMode;
    return replace_file_like(disk_, path, contents, like);
  }

  // Those that were replaced, and what crashes left.
  std::vector<std::string> unnamed_of(std::vector<std::string> there, std::span<const Sha256> named) const {
    std::unordered_set<std::string> stay;
    for (const Sha256& name : named) stay.insert(shard_path(directory_, name));
    std::erase_if(there, [&](const std::string& path) { return stay.contains(path); });
    return there;
  }

  Result<Bytes> contents_of(const ReadableFile& file, uint64_t size, size_t size_max = kKeyringFileSizeMax) const {
    if (size > size_max) {
      return {Code::kLimitExceeded, path_ + ": " + std::to_string(size) + " bytes are more than a keyring can have"};
    }
    Bytes out(static_cast<size_t>(size));
    COFFER_ASSIGN(const size_t count, file.read_at(0, out));
    out.resize(count);
    return out;
  }

  Result<KeyringHeader> read_header(ByteView sealed) const {
    if (is_move_record(sealed)) return moved_keyring(sealed, path_);
    auto header = KeyringCodec::read_header(sealed);
    if (!header.is_ok()) return header.status().with_context(path_);
    return header;
  }

  Status check_expected(const KeyringHeader& next, uint64_t expected_version) {
    auto file = disk_.open_read_itself(path_);
    if (file.code() == Code::kNotFound) {
      if (expected_version == 0) return {};
      return {Code::kConflict, path_ + " is gone; expected version " + std::to_string(expected_version)};
    }
    if (!file.is_ok()) return file.status();
    COFFER_ASSIGN(const uint64_t size, (*file)->size());
    COFFER_ASSIGN(const Bytes current, contents_of(**file, size));
    COFFER_ASSIGN(KeyringHeader header, read_header(current));
    if (header.coffer_id != next.coffer_id) {
      return {Code::kInvalidArgument,
              path_ + " belongs to coffer " + header.coffer_id.hex() + ", not to " + next.coffer_id.hex()};
    }
    if (header.version != expected_version) {
      return {Code::kConflict, path_ + " is at version " + std::to_string(header.version) + ", not " +
                                   std::to_string(expected_version) + ": somebody else saved; load and try again"};
    }
    return {};
  }

  Disk& disk_;
  const std::string directory_;
  const std::string path_;
  const std::string machine_;

  std::mutex mutex_;  // guards what follows
  std::optional<FileInfo> seen_;
  // Held open so that its inode number is not given to a later keyring: then an equal number means the same file.
  std::unique_ptr<ReadableFile> seen_file_;
};

}  // namespace

Status KeyringStore::save_report(const std::string& node, ByteView) {
  return {Code::kUnsupported, name() + " has no place for the report of node " + node};
}

Status KeyringStore::save_answers(const std::string& node, ByteView) {
  return {Code::kUnsupported, name() + " has no place for the answers of node " + node};
}

Status KeyringStore::save_node_slots(std::span<const NodeSlotValue>) {
  return {Code::kUnsupported, name() + " has no place for node slots"};
}

Result<Bytes> KeyringStore::load_node_slots(const std::string&) {
  return {Code::kNotFound, name() + " has no place for node slots"};
}

std::unique_ptr<KeyringStore> open_file_keyring_store(Disk& disk, const std::string& directory,
                                                      const std::string& machine) {
  return std::make_unique<FileKeyringStore>(disk, directory, machine);
}

}  // namespace coffer
