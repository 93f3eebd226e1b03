#include "coffer/store/key_gate.h"

#include "coffer/store/coffer.h"

namespace coffer {
namespace {

// Of files whose keys nobody takes back.
constinit std::atomic<uint64_t> only_turn{0};

}  // namespace

void KeyGate::take_back() {
  turn_.fetch_add(1, std::memory_order_seq_cst);
  wait_for_key_uses();
  std::lock_guard lock(mutex_);
  for (KeyHolder* holder = first_; holder != nullptr; holder = holder->next_) holder->give_back();
}

KeyLease KeyLease::of(std::shared_ptr<KeyGate> gate) {
  KeyLease out;
  out.turn = gate->turn_.load(std::memory_order_seq_cst);
  out.gate = std::move(gate);
  return out;
}

bool KeyLease::is_current() const { return gate == nullptr || gate->turn_.load(std::memory_order_seq_cst) == turn; }

KeyHolder::KeyHolder(const KeyLease& lease, const EnvelopeFields& fields)
    : gate_(lease.gate), fields_(fields), turn_(gate_ == nullptr ? &only_turn : &gate_->turn_), held_(lease.turn) {}

void KeyHolder::enroll() {
  if (gate_ == nullptr) return;
  std::lock_guard lock(gate_->mutex_);
  next_ = gate_->first_;
  if (next_ != nullptr) next_->previous_ = this;
  gate_->first_ = this;
  // They may have been taken back since the lease was given out.
  give_back();
}

void KeyHolder::leave() {
  // In a child of fork() a thread that the child lacks may hold the lock, and nobody takes anything back.
  if (gate_ == nullptr || !gate_->process_.is_here()) return;
  std::lock_guard lock(gate_->mutex_);
  (previous_ != nullptr ? previous_->next_ : gate_->first_) = next_;
  if (next_ != nullptr) next_->previous_ = previous_;
}

// Nobody is inside who found the keys held: take_back() has waited, or nobody knows this holder yet.
void KeyHolder::give_back() {
  std::lock_guard lock(mutex_);
  if (!is_held()) drop();
}

void KeyHolder::drop() {
  if (held_.exchange(0) != 0) drop_keys();
}

Status KeyHolder::take_again() {
  std::lock_guard again(again_);
  if (is_held()) return Status::ok();
  // Before the header is looked at: what is taken back from here on makes this turn one that is over.
  const uint64_t turn = turn_->load(std::memory_order_seq_cst);
  COFFER_ASSIGN(const FileKey file_key, unlock_again());
  std::lock_guard lock(mutex_);
  if (held_.load() != 0) wait_for_key_uses();
  drop();
  COFFER_TRY(restore_keys(file_key));
  held_.store(turn, std::memory_order_release);
  if (is_held()) return Status::ok();
  // Somebody may have found them held a moment ago, and uses them.
  wait_for_key_uses();
  drop();
  return Status::ok();
}

Status key_is_gone() {
  return {Code::kKeyUnavailable,
          "the keys of its domain were taken back while it was written, so it cannot be completed; "
          "coffer status says why, and it has to be made anew"};
}

Result<FileKey> KeyHolder::unlock(const EnvelopeScan& scan) const {
  const std::shared_ptr<Coffer> coffer = gate_ != nullptr ? gate_->coffer_.lock() : nullptr;
  if (coffer == nullptr) return {Code::kKeyUnavailable, "its coffer was closed"};
  if (scan.current < 0) return {Code::kDamaged, "its header is all zeros"};
  const EnvelopeFields& found = scan.fields;
  if (found.file_id != fields_.file_id || found.kind != fields_.kind || found.suite != fields_.suite ||
      found.chunk_log2 != fields_.chunk_log2 || found.store_id != fields_.store_id) {
    return {Code::kTampered, "the header of another file has taken the place of its own while it was open"};
  }
  COFFER_ASSIGN(OpenedFile opened, coffer->unlock(scan, "its header"));
  return std::move(opened.file_key);
}

}  // namespace coffer
