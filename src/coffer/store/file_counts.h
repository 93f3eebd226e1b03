// How many files there are under which keys, kept so that `coffer status` of millions of files need not read each
// header. docs/keys.md, "Counts of files"; docs/adr/0033.
//
// C1: nothing is ever decided by these counts. Whether a key is still needed, what a policy does and what a shredding
//     finds is decided by the files' headers, all of them, read then. The counts are for people.
// C2: what is not known is counted anew: no counts, counts that somebody else wrote, and counts that lack a store never
//     count as "nothing there".
//
// A full count writes them; programs that serve a store add to them what comes and goes. What a kill takes from that,
// and what other programs do to files, is wrong until the next full count.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <mutex>
#include <set>

#include "coffer/store/counted_files.h"
#include "coffer/store/kept_file.h"
#include "coffer/store/places.h"

namespace coffer {

// One file where it is.
struct CountedFile {
  Id store{};
  FileClass of{};
  uint64_t size = 0;   // on disk
  uint64_t names = 1;  // counts by each, as a full count comes upon it by each; 0: there is none

  bool operator==(const CountedFile&) const = default;
};

class FileCounts;

// A file that is being written. Counts from its first byte on the disk, and as what it has become, when this goes at
// the latest.
class GrowingFile {
 public:
  // `there`: it was before, with this size.
  GrowingFile(FileCounts& owner, CountedFile file, bool there);
  // One that nobody tells of: `look` says what it is by now, nullopt where it cannot. Called when counts are saved and
  // by settle(), under their lock: it calls nothing of FileCounts. `file`: as it is counted so far.
  using Look = std::function<std::optional<CountedFile>()>;
  GrowingFile(FileCounts& owner, const CountedFile& file, Look look);
  ~GrowingFile();
  GrowingFile(const GrowingFile&) = delete;
  GrowingFile& operator=(const GrowingFile&) = delete;

  // Costs one store, and the first time a look at the clock: for who writes.
  void reached(uint64_t size) {
    if (size > 0 && begun_.load(std::memory_order_relaxed) == 0) begun_.store(now_milliseconds());
    size_.store(size, std::memory_order_relaxed);
  }
  // Its header needs this key alone.
  void is_under(const Id& key);
  // Counts as what it is now, for who has changed its names.
  void settle();
  // Counts no more: it was removed.
  void is_gone();

 private:
  friend class FileCounts;
  FileCounts& owner_;
  std::atomic<uint64_t> size_;
  std::atomic<uint64_t> begun_{0};  // when its first bytes were written
  CountedFile told_;                // what is counted of it; this and the following: guarded by FileCounts::mutex_
  bool is_told_;
  uint64_t since_ = 0;  // when that was so
  const Look look_ = nullptr;
};

// Thread-safe. What it is made of outlives it.
class FileCounts {
 public:
  // So many files are counted anew at once; no counts are kept of them.
  static constexpr uint64_t kFew = 20'000;

  // `directory`: the keyring's.
  FileCounts(Disk& disk, const std::string& directory, const LiveKeyring& keyring, const Places& places);
  // Saves what was counted, as far as that is possible. REQUIRES: no GrowingFile is left.
  ~FileCounts();
  FileCounts(const FileCounts&) = delete;
  FileCounts& operator=(const FileCounts&) = delete;

  // As they were saved; nullopt where there are none. kTampered for what nobody with the keyring wrote.
  Result<std::optional<CountedFiles>> load() const;

  enum class Keep : uint8_t {
    kIfMany,  // where counts are kept already, or there are more than kFew files
    kAlways,  // and instead of what somebody else wrote
  };
  // The result of a full count. Older ones than those there are left alone.
  Status keep(const CountedFiles& counted, Keep how);

  // For programs that serve. Whether there are counts to add to: else nothing need be looked at. Cheap.
  bool are_kept() const;
  Id store_of(const std::string& path) const;
  // Instead of the one there is the other; nullopt: nothing.
  void changed(const std::optional<CountedFile>& from, const std::optional<CountedFile>& to);
  // Adds what happened here since the full count to what is kept. What cannot be saved is saved later; where there are
  // no counts it is forgotten: the next full count sees the files themselves.
  Status save();

 private:
  friend class GrowingFile;
  struct When {
    uint64_t at = 0;
    Id store;
    FileClass of;
    auto operator<=>(const When&) const = default;
  };
  struct Change {
    int64_t files = 0, bytes = 0;
  };
  using Changes = std::map<When, Change>;
  // Where they are not saved for long. More are told less finely: as if all had come at once.
  static constexpr size_t kChangesMax = 100'000;

  Changes take();
  void give_back(const Changes& changes);
  static void apply(const Changes& changes, CountedFiles& counted);
  // REQUIRES for these: mutex_ is held.
  void settle(GrowingFile& file);
  void settle_by_look(GrowingFile& file);
  void note_change(uint64_t at, const CountedFile& from, const CountedFile& to);
  void note(const When& when, const Change& change);
  void merge(uint64_t at);

  const OfOneProcess process_;
  const LiveKeyring& keyring_;
  const Places& places_;
  const AuthenticFile kept_;
  std::mutex mutex_;
  Changes changes_;
  std::set<GrowingFile*> growing_;
};

}  // namespace coffer
