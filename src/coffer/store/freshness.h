// Keeps the marks of stores as this process writes their logs, so that a store which is put back to an earlier state is
// noticed when it is opened next. docs/keys.md, "Freshness"; docs/adr/0023. Thread-safe.
//
// F1: a mark never requires what a crash can leave missing. What it says of a log was durable, name included, before
//     it was written; and what is about to be deleted, renamed away or replaced leaves the mark, durably, first.
#pragma once

#include <atomic>
#include <chrono>
#include <memory>
#include <mutex>
#include <optional>
#include <set>

#include "coffer/base/interval_thread.h"
#include "coffer/store/store_marks.h"

namespace coffer {

// A log that is being written.
struct LogPlace {
  Id store;
  Id file;
  std::string directory;    // where it is now
  std::string name;         // in it
  bool last_syncs = false;  // the last one of its store that is closed is synced first: a write-ahead log
};

class Freshness;

// Held by the writer of a log; ends the watch when it is destroyed, at the latest.
class LogWatch {
 public:
  LogWatch(Freshness& owner, LogPlace place) : owner_(owner), place_(std::move(place)) {}
  ~LogWatch() { close(); }
  LogWatch(const LogWatch&) = delete;
  LogWatch& operator=(const LogWatch&) = delete;

  // Everything before `offset` is durable. Costs one store: for the thread that syncs.
  void reached(uint64_t offset) { state_->durable.store(offset, std::memory_order_release); }
  // Whether the log should be synced before it is closed.
  bool wants_sync_at_close() const;
  // Once. Marks at once what the last log of a store has reached.
  void close();

 private:
  friend class Freshness;
  struct State {
    std::atomic<uint64_t> durable{0};
    bool name_is_durable = false;  // the following: guarded by Freshness::turn_
    uint64_t marked = 0;
    std::atomic<bool> is_open{true};
    bool is_forgotten = false;
  };

  Freshness& owner_;
  const LogPlace place_;
  const std::shared_ptr<State> state_ = std::make_shared<State>();
};

// What operators are told.
struct FreshnessCondition {
  Status last_mark;  // ok, or why the marks could not be brought up to date at the last attempt
  uint64_t change_count = 0;
};

class Freshness {
 public:
  static constexpr std::chrono::milliseconds kInterval{1000};

  // `interval`: the marks are brought up to date this often while logs are open; zero: by mark_now() alone.
  Freshness(Disk& disk, std::string path, const Id& coffer_id, std::chrono::milliseconds interval = kInterval);
  // Marks what was not yet. REQUIRES: no watch is left.
  ~Freshness();
  Freshness(const Freshness&) = delete;
  Freshness& operator=(const Freshness&) = delete;

  const std::string& path() const { return file_.path(); }
  Result<StoreMarks> load() const { return file_.load(); }
  Result<std::optional<StoreMark>> mark_of(const Id& store) const;

  // From now on the log is watched. Its mark begins with what it reaches first.
  std::shared_ptr<LogWatch> watch(const LogPlace& place);
  // The file is about to go, or to become another: nothing is required of it once this returns ok.
  Status forget(const Id& store, const std::string& name);
  // CURRENT is about to be replaced by the file with this id. `replace` does it, durably. A crash in between leaves the
  // one or the other, and both are accepted until then.
  Status replace_current(const Id& store, const Id& next, const std::function<Status()>& replace);
  // A log is about to be replaced by another one with the same contents, which is durable to `next.durable`; the same.
  Status replace_log(const Id& store, const LogMark& next, const std::function<Status()>& replace);
  // CURRENT is about to go.
  Status forget_current(const Id& store);
  // All that is remembered of a store.
  Status reset(const Id& store);

  Status mark_now();
  FreshnessCondition condition() const;
  // One line for a log if the condition has changed since `seen`, which then moves up; else "".
  std::string news_since(uint64_t& seen) const;

  // Whether a store was found fresh in this process, and has been in use since.
  bool was_checked(const Id& store) const;
  void set_checked(const Id& store);

 private:
  friend class LogWatch;
  struct Watched {
    LogPlace place;
    std::shared_ptr<LogWatch::State> state;
  };

  void end(const LogWatch& watch);
  bool is_last(const LogWatch& watch) const;
  // REQUIRES for these: turn_ is held.
  Status write_marks();
  std::vector<Watched> due() const;
  bool settle_name(const Watched& each, Status& failure) const;
  Status change(const Id& store, const std::function<bool(StoreMark&)>& change);
  void note(const Status& outcome);

  Disk& disk_;
  const StoreMarkFile file_;
  const std::chrono::milliseconds interval_;

  // Held while marks are written; it may be held as long as the anchor's disk takes.
  std::mutex turn_;
  // Held for an instant only.
  mutable std::mutex mutex_;
  IntervalThread thread_;
  std::vector<Watched> logs_;
  std::set<Id> checked_;
  FreshnessCondition condition_;
};

}  // namespace coffer
