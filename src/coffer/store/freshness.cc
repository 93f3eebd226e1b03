#include "coffer/store/freshness.h"

#include <algorithm>

#include "coffer/base/clock.h"

namespace coffer {

bool LogWatch::wants_sync_at_close() const { return place_.last_syncs && owner_.is_last(*this); }

void LogWatch::close() {
  if (state_->is_open.exchange(false)) owner_.end(*this);
}

Freshness::Freshness(Disk& disk, std::string path, const Id& coffer_id, std::chrono::milliseconds interval)
    : disk_(disk), file_(disk, std::move(path), coffer_id), interval_(interval) {}

Freshness::~Freshness() {
  thread_.stop();
  // What its parent writes is no affair of a child of fork().
  if (thread_.is_forked()) return;
  // Closing a store's last log has marked all; here is the last chance for what could not be written then.
  if (!mark_now().is_ok()) return;
}

Result<std::optional<StoreMark>> Freshness::mark_of(const Id& store) const {
  COFFER_ASSIGN(StoreMarks marks, file_.load());
  const auto found = marks.find(store);
  if (found == marks.end()) return std::optional<StoreMark>();
  return std::optional(std::move(found->second));
}

std::shared_ptr<LogWatch> Freshness::watch(const LogPlace& place) {
  auto out = std::make_shared<LogWatch>(*this, place);
  std::lock_guard lock(mutex_);
  logs_.push_back({place, out->state_});
  if (interval_.count() == 0) return out;
  thread_.start([this] {
    // What went wrong is in condition(): a program goes on without its anchor.
    [[maybe_unused]] const Status outcome = mark_now();
    return interval_;
  });
  return out;
}

bool Freshness::is_last(const LogWatch& watch) const {
  std::lock_guard lock(mutex_);
  return std::none_of(logs_.begin(), logs_.end(), [&](const Watched& each) {
    return each.state != watch.state_ && each.state->is_open && each.place.store == watch.place_.store &&
           each.place.last_syncs == watch.place_.last_syncs;
  });
}

void Freshness::end(const LogWatch& watch) {
  if (thread_.is_forked()) return;
  {
    std::lock_guard lock(mutex_);
    const bool others_are_open = std::any_of(logs_.begin(), logs_.end(), [&](const Watched& each) {
      return each.state->is_open && each.place.store == watch.place_.store;
    });
    if (others_are_open) return;
    checked_.erase(watch.place_.store);
  }
  if (!mark_now().is_ok()) return;  // condition() says why
}

std::vector<Freshness::Watched> Freshness::due() const {
  std::vector<Watched> out;
  std::lock_guard lock(mutex_);
  for (const Watched& each : logs_) {
    if (!each.state->is_forgotten && each.state->durable.load(std::memory_order_acquire) > each.state->marked) {
      out.push_back(each);
    }
  }
  return out;
}

// Syncing a file says nothing of its name.
bool Freshness::settle_name(const Watched& each, Status& failure) const {
  if (each.state->name_is_durable) return true;
  Status synced = disk_.sync_directory(each.place.directory);
  each.state->name_is_durable = synced.is_ok();
  // Where the directory was renamed, this place has no such log.
  if (synced.code() == Code::kNotFound) each.state->is_forgotten = true;
  if (!synced.is_ok() && synced.code() != Code::kNotFound) failure = std::move(synced);
  return each.state->name_is_durable;
}

Status Freshness::write_marks() {
  Status failure;
  std::vector<std::pair<Watched, uint64_t>> marks;
  for (const Watched& each : due()) {
    const uint64_t durable = each.state->durable.load(std::memory_order_acquire);
    if (settle_name(each, failure)) marks.emplace_back(each, durable);
  }
  if (!marks.empty()) {
    COFFER_TRY(file_.update([&](StoreMarks& stores) {
      for (const auto& [each, durable] : marks) {
        const auto& place = each.place;
        StoreMark& store = stores[place.store];
        store.at = now_seconds();
        std::erase_if(store.logs, [&](const LogMark& log) { return log.name == place.name && log.file != place.file; });
        LogMark* log = store.find(place.name);
        if (log == nullptr) log = &store.logs.emplace_back(LogMark{place.name, place.file, 0});
        log->durable = std::max(log->durable, durable);
      }
      return true;
    }));
    for (const auto& [each, durable] : marks) each.state->marked = durable;
  }
  std::lock_guard lock(mutex_);
  std::erase_if(logs_, [](const Watched& each) {
    return !each.state->is_open && (each.state->is_forgotten || each.state->durable <= each.state->marked);
  });
  return failure;
}

Status Freshness::mark_now() {
  std::lock_guard turn(turn_);
  Status outcome = write_marks();
  note(outcome);
  return outcome;
}

Status Freshness::change(const Id& store, const std::function<bool(StoreMark&)>& change) {
  Status outcome = file_.update([&](StoreMarks& stores) {
    const auto found = stores.find(store);
    StoreMark mark = found != stores.end() ? found->second : StoreMark();
    if (!change(mark)) return false;
    mark.at = now_seconds();
    stores[store] = std::move(mark);
    return true;
  });
  note(outcome);
  return outcome;
}

Status Freshness::forget(const Id& store, const std::string& name) {
  std::lock_guard turn(turn_);
  COFFER_TRY(change(store, [&](StoreMark& mark) {
    return std::erase_if(mark.logs, [&](const LogMark& log) { return log.name == name; }) > 0;
  }));
  std::lock_guard lock(mutex_);
  for (const Watched& each : logs_) {
    if (each.place.store == store && each.place.name == name) each.state->is_forgotten = true;
  }
  return Status::ok();
}

Status Freshness::replace_current(const Id& store, const Id& next, const std::function<Status()>& replace) {
  std::lock_guard turn(turn_);
  // The logs first: what CURRENT is about to name is as new as the mark knows it.
  if (Status marked = write_marks(); !marked.is_ok()) {
    note(marked);
    return marked;
  }
  COFFER_TRY(change(store, [&](StoreMark& mark) {
    // None is required where there was none: a first CURRENT may be gone after a crash.
    if (mark.current.empty() || std::ranges::find(mark.current, next) != mark.current.end()) return false;
    mark.current.push_back(next);
    return true;
  }));
  COFFER_TRY(replace());
  // It was replaced, whatever becomes of the mark, which accepts both; condition() tells.
  [[maybe_unused]] const Status narrowed = change(store, [&](StoreMark& mark) {
    mark.current = {next};
    return true;
  });
  return Status::ok();
}

Status Freshness::replace_log(const Id& store, const LogMark& next, const std::function<Status()>& replace) {
  std::lock_guard turn(turn_);
  bool is_marked = false;
  COFFER_TRY(change(store, [&](StoreMark& mark) {
    is_marked = mark.find(next.name) != nullptr;
    if (is_marked) mark.logs.push_back(next);
    return is_marked;
  }));
  COFFER_TRY(replace());
  if (!is_marked) return Status::ok();
  // As with CURRENT.
  [[maybe_unused]] const Status narrowed = change(store, [&](StoreMark& mark) {
    return std::erase_if(mark.logs,
                         [&](const LogMark& log) { return log.name == next.name && log.file != next.file; }) > 0;
  });
  return Status::ok();
}

Status Freshness::forget_current(const Id& store) {
  std::lock_guard turn(turn_);
  return change(store, [](StoreMark& mark) { return !std::exchange(mark.current, {}).empty(); });
}

Status Freshness::reset(const Id& store) {
  std::lock_guard turn(turn_);
  return change(store, [](StoreMark& mark) {
    mark = {};
    return true;
  });
}

void Freshness::note(const Status& outcome) {
  std::lock_guard lock(mutex_);
  if (outcome.code() == condition_.last_mark.code() && outcome.message() == condition_.last_mark.message()) return;
  condition_.last_mark = outcome;
  ++condition_.change_count;
}

FreshnessCondition Freshness::condition() const {
  std::lock_guard lock(mutex_);
  return condition_;
}

std::string Freshness::news_since(uint64_t& seen) const {
  const FreshnessCondition now = condition();
  if (now.change_count == seen) return {};
  seen = now.change_count;
  if (now.last_mark.is_ok()) return "freshness: the marks of stores are up to date again";
  return "freshness: the marks of stores cannot be brought up to date; what is written from now on is not protected "
         "from being put back: " +
         now.last_mark.to_string();
}

bool Freshness::was_checked(const Id& store) const {
  std::lock_guard lock(mutex_);
  return checked_.contains(store);
}

void Freshness::set_checked(const Id& store) {
  std::lock_guard lock(mutex_);
  checked_.insert(store);
}

}  // namespace coffer
