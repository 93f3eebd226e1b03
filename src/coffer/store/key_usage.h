// How much was written under each domain key, by all programs together. docs/keys.md, "Usage"; docs/format.md, "Usage".
//
// Counted where it happens, and kept beside the keyring, authenticated. Whoever can write there can take it away or put
// an older count back, and so have a key used for longer than its policy's limits of seals and bytes; never for longer
// than its time.
#pragma once

#include <atomic>
#include <memory>
#include <mutex>

#include "coffer/keys/policy.h"
#include "coffer/store/kept_file.h"

namespace coffer {

// Of one key, in one process, since the last save. Thread-safe.
class KeyCounter {
 public:
  explicit KeyCounter(const Id& key) : key_(key) {}

  const Id& key() const { return key_; }
  void sealed() { seals_.fetch_add(1, std::memory_order_relaxed); }
  void wrote(uint64_t bytes) { bytes_.fetch_add(bytes, std::memory_order_relaxed); }

 private:
  friend class KeyUsage;
  const Id key_;
  std::atomic<uint64_t> seals_{0};
  std::atomic<uint64_t> bytes_{0};
};

// Thread-safe.
class KeyUsage {
 public:
  // `directory`: the keyring's. `keyring` outlives this.
  KeyUsage(Disk& disk, const std::string& directory, const LiveKeyring& keyring);
  // Saves what was counted, as far as that is possible, and does not wait for long.
  ~KeyUsage();
  KeyUsage(const KeyUsage&) = delete;
  KeyUsage& operator=(const KeyUsage&) = delete;

  std::shared_ptr<KeyCounter> counter(const Id& key);
  // Saved by whoever it was, and counted here since. kTampered for what nobody with the keyring wrote.
  Result<CountsByKey> total();
  // Adds what was counted here to what is kept, of keys that are not destroyed. Nothing is written where nothing was
  // counted; what cannot be saved stays counted. Errors as total() and KeptFile::lock(), and those of the disk.
  Status save();

 private:
  Result<CountsByKey> load() const;
  Status store(const CountsByKey& counts) const;
  CountsByKey take();  // what was counted since it was last taken
  void give_back(const CountsByKey& taken);

  const OfOneProcess process_;
  const LiveKeyring& keyring_;
  const AuthenticFile kept_;
  std::mutex mutex_;
  std::unordered_map<Id, std::shared_ptr<KeyCounter>, IdHash> counters_;
};

}  // namespace coffer
