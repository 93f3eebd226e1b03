// Which threads use a key at this moment: so that a key that is taken back is wiped once nobody reads it, and whoever
// uses one takes no lock and shares no counter.
//
//     who uses it                                        who takes it back
//     A  KeyUse: this thread is inside                   C  says that it may not be used any more
//     B  looks whether it may be used                    D  wait_for_key_uses(): until all that were inside have left
//     …  uses it, or does not                            …  wipes it
//
// A to D are sequentially consistent: where D does not find a thread inside, B of that thread comes after C. So what is
// said at C has to be an atomic that B loads with memory_order_seq_cst. docs/adr/0030.
#pragma once

#include <atomic>
#include <cstdint>

namespace coffer {

// For the time of a computation: nothing inside waits for a disk, a network or whoever takes keys back. One inside of
// another is part of it.
class KeyUse {
 public:
  KeyUse();
  ~KeyUse() {
    if (inside_ != nullptr) inside_->step();
  }
  KeyUse(const KeyUse&) = delete;
  KeyUse& operator=(const KeyUse&) = delete;

  // Of a thread. Odd while it is inside.
  struct Count {
    std::atomic<uint64_t> value{0};
    void step() { value.store(value.load(std::memory_order_relaxed) + 1, std::memory_order_release); }
  };

 private:
  Count* inside_ = nullptr;  // null: another one around this
};

// Returns when every use that had begun before has ended. REQUIRES: not inside of one.
void wait_for_key_uses();

}  // namespace coffer
