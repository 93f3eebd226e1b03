#include "coffer/store/keyring_copy.h"

#include <algorithm>
#include <mutex>
#include <nlohmann/json.hpp>
#include <unordered_set>

#include "coffer/base/clock.h"
#include "coffer/base/period.h"
#include "coffer/keys/shard_files.h"
#include "coffer/store/kept_file.h"

namespace coffer {
namespace {

constexpr size_t kKeptRecordSizeMax = 4096;
constexpr uint32_t kKeptRecordMode = 0600;
// A clock that is corrected by so much is no clock that is set back.
constexpr uint64_t kKeptClockTolerance = 60;
// A copy that was confirmed so recently is not confirmed again.
constexpr uint64_t kConfirmedFor = 30;

// What is said of a copy.
struct KeptRecord {
  Sha256 hash{};  // of the sealed keyring
  uint64_t answered = 0;
  uint64_t seen = 0;
};

class CopyInFiles final : public KeyringCopy {
 public:
  CopyInFiles(Disk& disk, const std::string& directory, uint64_t grace, StoreOfKeyring open_store)
      : disk_(disk),
        coffer_(directory),
        directory_(directory + "/" + std::string(kKeyringCopyName)),
        record_(directory_ + "/kept"),
        grace_(grace),
        open_store_(std::move(open_store)),
        files_(open_file_keyring_store(disk, directory_)) {}

  Result<KeyringStore::Snapshot> load() override {
    if (disk_.info(record_).code() == Code::kNotFound) {
      return {Code::kNotFound, "this node keeps no copy at " + directory_ +
                                   ", which a program that serves does while etcd answers"};
    }
    return files_->load();
  }

  Result<Bytes> load_shard(const ShardEntry& shard) override { return files_->load_shard(shard); }

  Result<uint64_t> confirm(const Keyring& keyring, ByteView sealed) override {
    COFFER_ASSIGN(KeptRecord kept, read_record(keyring));
    COFFER_ASSIGN(const Sha256 hash, sha256(sealed));
    if (hash != kept.hash) return wrong("is of another keyring than it says");
    const uint64_t now = now_seconds();
    if (kept.seen > now && kept.seen - now > kKeptClockTolerance) {
      return {Code::kRolledBack, directory_ + " was used at " + utc_text(kept.seen) + ", and the clock says " +
                                     utc_text(now) + "; set the clock right"};
    }
    const uint64_t ends = grace_ > UINT64_MAX - kept.answered ? UINT64_MAX : kept.answered + grace_;
    if (now >= ends) {
      return {Code::kProviderUnavailable, "the copy of the keyring at " + directory_ + " ended at " + utc_text(ends) +
                                              ", keyring_copy (" + period_text(grace_) +
                                              ") after etcd last answered; bring etcd back"};
    }
    kept.seen = std::max(kept.seen, now);
    COFFER_TRY(write_record(keyring, kept));
    return kept.answered;
  }

  Status keep(const Keyring& in_use) override {
    std::lock_guard guard(mutex_);
    if (store_ == nullptr) {
      COFFER_ASSIGN(store_, open_store_());
    }
    if (store_ == nullptr) return forget();
    const uint64_t now = now_seconds();
    const auto stored = store_->load();
    if (!stored.is_ok()) {
      // It may have moved: the next time, it is looked for where it is then.
      if (stored.code() != Code::kProviderUnavailable) store_.reset();
      return see(in_use, now, stored.status());
    }
    // What is newer is kept once it is in use.
    if (stored->header.version != in_use.version()) return Status::ok();
    COFFER_ASSIGN(const Sha256 hash, sha256(stored->sealed));
    const auto kept = read_record(in_use);
    const bool is_there = kept.is_ok() && kept->hash == hash;
    if (is_there && kept->answered <= now && now - kept->answered < kConfirmedFor) return Status::ok();
    COFFER_ASSIGN(const auto lock, KeptFile(disk_, coffer_, std::string(kKeyringCopyName)).lock());
    if (!is_there) COFFER_TRY(write_copy(in_use, *stored));
    return write_record(in_use, {hash, now, now});
  }

 private:
  // While etcd is away: what time it is by now, so that the clock cannot go back behind it.
  Status see(const Keyring& in_use, uint64_t now, const Status& why) {
    if (why.code() != Code::kProviderUnavailable) return why;
    auto kept = read_record(in_use);
    if (!kept.is_ok() || kept->seen >= now) return Status::ok();
    kept->seen = now;
    return write_record(in_use, *kept);
  }

  Status forget() {
    if (disk_.info(directory_).code() == Code::kNotFound) return Status::ok();
    remove_shard_files(disk_, list_shard_files(disk_, directory_));
    const std::string shards = directory_ + "/" + std::string(kShardDirectoryName);
    for (const std::string& path : {directory_ + "/keyring", record_, shards, directory_}) {
      const Status removed = disk_.remove(path);
      if (!removed.is_ok() && removed.code() != Code::kNotFound) return removed;
    }
    return Status::ok();
  }

  // Shards first: whoever finds the keyring finds them.
  Status write_copy(const Keyring& in_use, const KeyringStore::Snapshot& stored) {
    const Status made = disk_.make_directory(directory_, 0700);
    if (!made.is_ok() && made.code() != Code::kAlreadyExists) return made;
    const std::vector<std::string> there = list_shard_files(disk_, directory_);
    std::unordered_set<std::string> stay;
    if (in_use.shards().size() > 1) {
      for (const ShardEntry& entry : in_use.shards()) {
        const std::string path = shard_path(directory_, entry.name);
        stay.insert(path);
        if (std::ranges::find(there, path) != there.end()) continue;
        COFFER_ASSIGN(Bytes bytes, store_->load_shard(entry));
        const SealedShard shard{entry.name, std::move(bytes)};
        COFFER_TRY(write_shard_files(disk_, directory_, {&shard, 1}));
      }
    }
    remove_leftovers(disk_, directory_ + "/keyring");
    COFFER_TRY(replace_file(disk_, directory_ + "/keyring", stored.sealed, kKeptRecordMode));
    std::vector<std::string> gone;
    for (const std::string& path : there) {
      if (!stay.contains(path)) gone.push_back(path);
    }
    remove_shard_files(disk_, gone);
    return Status::ok();
  }

  Status wrong(const char* what) const {
    return {Code::kTampered, "the copy of the keyring at " + directory_ + " " + what + "; remove it"};
  }

  static Result<std::string> mac_of(const Keyring& keyring, const std::string& text) {
    COFFER_ASSIGN(const Sha256 mac, keyring.authenticate("coffer/v1 keyring copy", text));
    return to_hex(mac);
  }

  Status write_record(const Keyring& keyring, const KeptRecord& kept) const {
    nlohmann::json json = {{"answered", kept.answered}, {"seen", kept.seen}, {"sha256", to_hex(kept.hash)}};
    COFFER_ASSIGN(json["mac"], mac_of(keyring, json.dump()));
    return replace_file(disk_, record_, as_bytes(json.dump() + "\n"), kKeptRecordMode);
  }

  Result<KeptRecord> read_record(const Keyring& keyring) const {
    COFFER_ASSIGN(const Bytes text, read_file(disk_, record_, kKeptRecordSizeMax));
    auto json = nlohmann::json::parse(as_text(text), nullptr, /*allow_exceptions=*/false);
    if (!json.is_object() || json.size() != 4 || !json.contains("mac") || !json["mac"].is_string()) {
      return wrong("is not as Coffer writes it");
    }
    const std::string mac = json["mac"].get<std::string>();
    json.erase("mac");
    COFFER_ASSIGN(const std::string expected, mac_of(keyring, json.dump(-1, ' ', false, kReplace)));
    if (!equal_constant_time(as_bytes(expected), as_bytes(mac))) return wrong("was changed by something else");
    KeptRecord out;
    out.answered = json.value("answered", uint64_t{0});
    out.seen = json.value("seen", uint64_t{0});
    COFFER_ASSIGN(const Bytes hash, from_hex(json.value("sha256", "")));
    if (hash.size() != out.hash.size()) return wrong("is not as Coffer writes it");
    std::copy(hash.begin(), hash.end(), out.hash.begin());
    return out;
  }

  static constexpr auto kReplace = nlohmann::json::error_handler_t::replace;

  Disk& disk_;
  const std::string coffer_, directory_, record_;
  const uint64_t grace_;
  const StoreOfKeyring open_store_;
  const std::unique_ptr<KeyringStore> files_;

  std::mutex mutex_;  // guards what follows
  std::unique_ptr<KeyringStore> store_;
};

}  // namespace

std::unique_ptr<KeyringCopy> open_keyring_copy(Disk& disk, const std::string& directory, uint64_t grace,
                                               StoreOfKeyring open_store) {
  return std::make_unique<CopyInFiles>(disk, directory, grace, std::move(open_store));
}

}  // namespace coffer
