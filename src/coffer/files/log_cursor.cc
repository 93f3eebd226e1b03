#include "coffer/files/log_cursor.h"

#include <algorithm>

#include "coffer/format/envelope.h"

namespace coffer {

void LogCursor::forget() {
  buffer_.clear();
  consumed_ = 0;
  reaches_end_ = false;
  fresh_ = false;
}

// Makes the window at least `size` bytes, or reach the end of the file.
Status LogCursor::fill(size_t size) {
  buffer_.drop_front(consumed_);
  consumed_ = 0;
  size_t have = buffer_.size();
  size_t wanted = std::max(size, read_size_) - std::min(have, size);
  uint8_t* out = buffer_.extend(wanted);
  auto count = file_->read_at(opener_.position() + have, {out, wanted});
  if (!count.is_ok()) {
    forget();
    return count.status();
  }
  buffer_.truncate(have + *count);
  reaches_end_ = *count < wanted;
  return Status::ok();
}

// Reads the window anew: what was read earlier may be older than what a writer has put there since.
Status LogCursor::refill() {
  forget();
  COFFER_TRY(fill(0));
  fresh_ = true;
  return Status::ok();
}

// A step that does not ask for more.
Result<LogStep> LogCursor::settled_step() {
  for (;;) {
    Result<LogStep> step = opener_.step(window(), reaches_end_);
    if (!step.is_ok()) {
      forget();
      return step;
    }
    if (step->found != LogStep::Found::kNeedMore) {
      consumed_ += step->size;
      return step;
    }
    COFFER_TRY(fill(step->size));
  }
}

// Ok if the log ends where the cursor stands; kDamaged if it does not.
Status LogCursor::search_tail() {
  if (opener_.position() == kEnvelopeSize) {
    std::array<uint8_t, kLogSessionHeaderSize> beginning{};
    COFFER_ASSIGN(size_t count, file_->read_at(kEnvelopeSize, beginning));
    COFFER_TRY(check_log_beginning(opener_.params(), ByteView(beginning).first(count)));
  }
  COFFER_ASSIGN(uint64_t size, file_->size());
  LogTailSearch search(opener_.params().file_id, opener_.position(), size);
  Buffer tail;
  for (;;) {
    COFFER_ASSIGN(const uint64_t data, file_->next_data(search.offset()));
    if (data > search.offset()) search.pass_zeros(data);
    uint64_t rest = size > search.offset() ? size - search.offset() : 0;
    // One byte more than there is: not getting it proves the end.
    size_t wanted = static_cast<size_t>(std::min<uint64_t>(rest + 1, LogTailSearch::kWindowSizeMin));
    tail.clear();
    uint8_t* out = tail.extend(wanted);
    COFFER_ASSIGN(size_t count, file_->read_at(search.offset(), {out, wanted}));
    switch (search.step({out, count}, count < wanted)) {
      case LogTailSearch::Verdict::kDamaged: return search.damage();
      case LogTailSearch::Verdict::kTorn: torn_bytes_ = size - std::min(size, opener_.position()); return Status::ok();
      case LogTailSearch::Verdict::kMore: break;
    }
    COFFER_ASSIGN(size, file_->size());
  }
}

Result<ByteView> LogCursor::next() {
  Result<ByteView> frame = look_for_next();
  at_end_ = frame.is_ok() && frame->empty();
  return frame;
}

Result<ByteView> LogCursor::look_for_next() {
  fresh_ = false;
  Status damage;
  uint64_t damaged_at = 0;
  for (;;) {
    COFFER_ASSIGN(LogStep step, settled_step());
    switch (step.found) {
      case LogStep::Found::kFrame:
        if (opener_.has_key()) return step.plaintext;
        continue;
      case LogStep::Found::kSession:
      case LogStep::Found::kClose:
      case LogStep::Found::kNeedMore: continue;
      case LogStep::Found::kEnd:
      case LogStep::Found::kBadPlace: break;
    }
    if (!fresh_) {
      COFFER_TRY(refill());
      continue;
    }
    if (step.found == LogStep::Found::kEnd) {
      torn_bytes_ = 0;
      return ByteView();
    }
    // A writer may have completed and synced the frame here between our reading it and our reading what follows it,
    // which then testifies against it. So damage counts only if it is still there afterwards.
    if (!damage.is_ok() && damaged_at == opener_.position()) return damage;
    damaged_at = opener_.position();
    damage = search_tail();
    if (damage.is_ok()) return ByteView();
    if (damage.code() != Code::kDamaged) return damage;
    COFFER_TRY(refill());
  }
}

}  // namespace coffer
