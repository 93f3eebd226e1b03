#include "coffer/net/etcd/watch.h"

#include <algorithm>

#include "coffer/crypto/random.h"

namespace coffer::etcd {
namespace {

using http::milliseconds;

// Between two looks, by chance, so that many nodes do not look together.
constexpr uint64_t kLookMillisMin = 8000, kLookMillisMax = 12000;
constexpr milliseconds kLookPatience{3000};
constexpr milliseconds kRetryPauseMin{100}, kRetryPauseMax{5000};
// An event has the keyring in it.
constexpr size_t kLineSizeMax = size_t{8} << 20;
constexpr size_t kTakenMax = size_t{64} << 20;

milliseconds by_chance(uint64_t least, uint64_t most) {
  return milliseconds(static_cast<int64_t>(least + random_number() % (most - least + 1)));
}

}  // namespace

Watch::~Watch() {
  if (thread_.is_forked()) return;
  stream_.stop();
  thread_.stop();
}

void Watch::loaded(uint64_t revision, uint64_t mod_revision) {
  std::lock_guard lock(mutex_);
  loaded_revision_ = revision;
  loaded_mod_revision_ = mod_revision;
  differs_ = false;
  // It answers again: the watch will, too, or says so.
  if (state_ == State::kAway && !is_started_) state_ = State::kBeginning;
}

bool Watch::may_have_changed() {
  std::lock_guard lock(mutex_);
  if (thread_.is_forked() || loaded_revision_ == 0) return true;
  if (!is_started_) {
    is_started_ = true;
    thread_.start([this] { return turn(); });
  }
  return state_ == State::kAway || differs_ || event_revision_ > loaded_revision_;
}

milliseconds Watch::turn() {
  const bool could_go_on = listen();
  if (stream_.is_stopped()) return milliseconds(0);
  if (!could_go_on) client_.prefer_next();
  const bool answers = look().is_ok();
  if (could_go_on && answers) {
    failures_ = 0;
    return milliseconds(0);
  }
  failures_ = std::min(failures_ + 1, 16);
  if (!answers) {
    std::lock_guard lock(mutex_);
    state_ = State::kAway;
  }
  const auto most = std::min<int64_t>(kRetryPauseMax.count(), kRetryPauseMin.count() << failures_);
  return by_chance(static_cast<uint64_t>(most) / 2, static_cast<uint64_t>(most));
}

bool Watch::listen() {
  uint64_t from = 0;
  {
    std::lock_guard lock(mutex_);
    from = loaded_revision_ + 1;
  }
  line_.clear();
  taken_ = 0;
  begun_ = wrong_ = false;
  const milliseconds lifetime = by_chance(kLookMillisMin, kLookMillisMax);
  const Deadline until = deadline_in(lifetime);
  const Status ended = client_.watch(stream_, watch_request(key_, from), lifetime,
                                     [this](ByteView piece) { return take(piece); });
  return begun_ && !wrong_ && left_until(until).count() == 0;
}

bool Watch::take(ByteView piece) {
  taken_ += piece.size();
  line_ += as_text(piece);
  size_t start = 0;
  for (size_t end = line_.find('\n'); end != std::string::npos && !wrong_; end = line_.find('\n', start)) {
    take_line(as_bytes(std::string_view(line_).substr(start, end - start)));
    start = end + 1;
  }
  line_.erase(0, start);
  wrong_ = wrong_ || line_.size() > kLineSizeMax || taken_ > kTakenMax;
  return !wrong_;
}

void Watch::take_line(ByteView line) {
  const auto event = read_watch_event(line);
  if (!event.is_ok() || !event->ended.empty()) {
    // Whatever it is, a look that asks by the same token tells it better.
    wrong_ = true;
    client_.forget_token();
  }
  if (!event.is_ok()) return;
  begun_ = begun_ || event->begun;
  std::lock_guard lock(mutex_);
  if (event->begun && event->ended.empty()) state_ = State::kWatching;
  if (event->changed) event_revision_ = std::max(event_revision_, event->revision);
}

Status Watch::look() {
  auto found = client_.commit(Transaction().read({key_, {}, true}), deadline_in(kLookPatience));
  if (!found.is_ok()) return found.status();
  std::lock_guard lock(mutex_);
  const uint64_t there =
      found->read.size() != 1 || found->read[0].empty() ? 0 : found->read[0].front().mod_revision;
  // A load may have come in between.
  if (found->revision < loaded_revision_ || there > loaded_mod_revision_ || there == 0) differs_ = true;
  if (state_ == State::kAway) state_ = State::kBeginning;
  return Status::ok();
}

}  // namespace coffer::etcd
