// Places that several programs share a keyring in: a directory, and one that is no file at all, as a cluster's
// consensus store is none. What a live keyring does must not depend on which it is.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <mutex>

#include "coffer/keys/keyring_store.h"
#include "coffer/keys/move_record.h"
#include "coffer/keys/shard_files.h"
#include "support/memory_disk.h"

namespace coffer {

class KeyringPlace {
 public:
  virtual ~KeyringPlace() = default;
  // As one more program sees it.
  virtual std::unique_ptr<KeyringStore> open() = 0;
  virtual Bytes read() = 0;
  // Behind everybody's back.
  virtual void put(ByteView sealed) = 0;
  virtual void put_shard(const Sha256& name, ByteView sealed) = 0;  // empty: none
  virtual Bytes read_shard(const Sha256& name) = 0;
  virtual size_t shard_count() = 0;
};

class DirectoryPlace final : public KeyringPlace {
 public:
  std::unique_ptr<KeyringStore> open() override { return open_file_keyring_store(disk_, "/"); }
  Bytes read() override { return read_file(disk_, kPath, kKeyringFileSizeMax).value(); }
  void put(ByteView sealed) override { EXPECT_TRUE(replace_file(disk_, kPath, sealed, 0600).is_ok()); }
  void put_shard(const Sha256& name, ByteView sealed) override {
    const std::string path = shard_path("/", name);
    EXPECT_TRUE((sealed.empty() ? disk_.remove(path) : replace_file(disk_, path, sealed, 0600)).is_ok());
  }
  Bytes read_shard(const Sha256& name) override {
    return read_file(disk_, shard_path("/", name), kShardSizeMax).value();
  }
  size_t shard_count() override { return list_shard_files(disk_, "/").size(); }
  MemoryDisk& disk() { return disk_; }

 private:
  static constexpr const char* kPath = "//keyring";
  MemoryDisk disk_;
};

// One value with a revision that counts up with every write.
class ValuePlace final : public KeyringPlace {
 public:
  std::unique_ptr<KeyringStore> open() override { return std::make_unique<Store>(*this); }
  Bytes read() override {
    std::lock_guard lock(mutex_);
    return sealed_;
  }
  void put(ByteView sealed) override {
    std::lock_guard lock(mutex_);
    set(sealed);
  }
  void put_shard(const Sha256& name, ByteView sealed) override {
    std::lock_guard lock(mutex_);
    shards_[name].assign(sealed.begin(), sealed.end());
    if (sealed.empty()) shards_.erase(name);
  }
  Bytes read_shard(const Sha256& name) override {
    std::lock_guard lock(mutex_);
    return shards_.at(name);
  }
  size_t shard_count() override {
    std::lock_guard lock(mutex_);
    return shards_.size();
  }

 private:
  class Store final : public KeyringStore {
   public:
    explicit Store(ValuePlace& place) : place_(place) {}
    const std::string& name() const override { return name_; }

    Result<Snapshot> load() override {
      std::lock_guard lock(place_.mutex_);
      if (place_.sealed_.empty()) return {Code::kNotFound, name_ + ": no keyring"};
      Snapshot snapshot;
      if (is_move_record(place_.sealed_)) return moved_keyring(place_.sealed_, name_);
      snapshot.sealed = place_.sealed_;
      COFFER_ASSIGN(snapshot.header, KeyringCodec::read_header(snapshot.sealed));
      seen_revision_ = place_.revision_;
      return snapshot;
    }

    using KeyringStore::save;
    Status save(ByteView sealed, uint64_t expected_version, std::string_view audit_record,
                const Shards& shards) override {
      std::lock_guard lock(place_.mutex_);
      uint64_t version = 0;
      if (!place_.sealed_.empty()) {
        COFFER_ASSIGN(KeyringHeader header, KeyringCodec::read_header(place_.sealed_));
        version = header.version;
      }
      if (version != expected_version) return {Code::kConflict, name_ + ": somebody else saved"};
      place_.audit_log_.insert(place_.audit_log_.end(), audit_record.begin(), audit_record.end());
      place_.set(sealed);
      for (const SealedShard& shard : shards.added) place_.shards_[shard.name] = shard.bytes;
      std::erase_if(place_.shards_, [&](const auto& shard) {
        return std::ranges::find(shards.named, shard.first) == shards.named.end();
      });
      return Status::ok();
    }

    Result<Bytes> load_shard(const ShardEntry& shard) override {
      std::lock_guard lock(place_.mutex_);
      const auto found = place_.shards_.find(shard.name);
      if (found == place_.shards_.end()) return {Code::kNotFound, shard_name(shard.name) + " is not there"};
      return found->second;
    }
    std::string shard_name(const Sha256& name) const override { return name_ + "/shards/" + to_hex(name); }

    Result<Bytes> load_audit_log() override {
      std::lock_guard lock(place_.mutex_);
      return place_.audit_log_;
    }

    Result<AuditLogSize> audit_log_size() override {
      std::lock_guard lock(place_.mutex_);
      return AuditLogSize{place_.audit_log_.size(), 1 << 20};
    }
    Status cut_audit_log(ByteView beginning) override {
      std::lock_guard lock(place_.mutex_);
      place_.audit_log_.erase(place_.audit_log_.begin(), place_.audit_log_.begin() + std::ssize(beginning));
      return Status::ok();
    }

    bool may_have_changed() override {
      std::lock_guard lock(place_.mutex_);
      return seen_revision_ != place_.revision_;
    }

    Result<bool> is_empty() override {
      std::lock_guard lock(place_.mutex_);
      return place_.sealed_.empty() && place_.shards_.empty() && place_.audit_log_.empty();
    }
    Result<Bytes> load_stored() override { return place_.read(); }
    Status exchange(ByteView next, ByteView expected) override {
      std::lock_guard lock(place_.mutex_);
      if (!std::ranges::equal(place_.sealed_, expected)) return {Code::kConflict, name_ + ": somebody else wrote"};
      place_.set(next);
      return Status::ok();
    }
    Status put_shard(const SealedShard& shard) override {
      std::lock_guard lock(place_.mutex_);
      place_.shards_[shard.name] = shard.bytes;
      return Status::ok();
    }
    Status put_audit_log(ByteView log) override {
      std::lock_guard lock(place_.mutex_);
      place_.audit_log_.assign(log.begin(), log.end());
      return Status::ok();
    }
    Status remove_parts() override {
      std::lock_guard lock(place_.mutex_);
      place_.shards_.clear();
      place_.audit_log_.clear();
      return Status::ok();
    }

   private:
    ValuePlace& place_;
    const std::string name_ = "value:/coffer";
    uint64_t seen_revision_ = 0;  // guarded by the place's mutex
  };

  void set(ByteView sealed) {
    sealed_.assign(sealed.begin(), sealed.end());
    ++revision_;
  }

  std::mutex mutex_;
  Bytes sealed_;
  std::map<Sha256, Bytes> shards_;
  Bytes audit_log_;
  uint64_t revision_ = 0;
};

}  // namespace coffer
