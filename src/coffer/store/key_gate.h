// Taking keys back from files that are open. Each domain has a gate; whoever keeps keys of a file of it expanded is a
// KeyHolder, enrolled there. docs/adr/0030.
//
//             take_back()                    the file is used again, and its header unlocks
//     held ────────────────▶ taken, wiped ───────────────────────────────────────────────────▶ held
//
// A gate is never shut for good: whether a file may be used again is what Coffer::unlock() says when it is asked anew.
#pragma once

#include <memory>
#include <mutex>

#include "coffer/base/key_use.h"
#include "coffer/base/per_process.h"
#include "coffer/base/secret.h"
#include "coffer/format/envelope.h"

namespace coffer {

class Coffer;
class KeyHolder;

// Thread-safe.
class KeyGate {
 public:
  explicit KeyGate(std::weak_ptr<Coffer> coffer) : coffer_(std::move(coffer)) {}

  // On return they are wiped, but for those of calls that read a log and wait for its disk: of these it waits for.
  void take_back();

 private:
  friend class KeyHolder;
  friend struct KeyLease;

  const std::weak_ptr<Coffer> coffer_;
  const OfOneProcess process_;
  // One more each time that keys are taken back, from 1.
  std::atomic<uint64_t> turn_{1};
  std::mutex mutex_;
  KeyHolder* first_ = nullptr;
};

// With which a file's key was given out. The gate is asked for it before the keyring is, so that what is taken back in
// between is noticed.
struct KeyLease {
  std::shared_ptr<KeyGate> gate;  // null: nobody takes this key back
  uint64_t turn = 0;

  static KeyLease of(std::shared_ptr<KeyGate> gate);
  bool is_current() const;
};

// What is said of a file whose key was taken back before it was complete, where no other key can complete it.
Status key_is_gone();

// Base of what keeps keys of one file. A class derived from it enrolls at the end of its constructor, and leaves at the
// beginning of its destructor.
class KeyHolder {
 public:
  KeyHolder(const KeyHolder&) = delete;
  KeyHolder& operator=(const KeyHolder&) = delete;

  // Ok, or why it has no key: with_key() of nothing.
  Status usable() {
    return with_key([] { return Status::ok(); });
  }

 protected:
  KeyHolder(const KeyLease& lease, const EnvelopeFields& fields);
  virtual ~KeyHolder() = default;
  void enroll();
  void leave();

  // Calls `use`, which computes and does nothing else, while the keys are there; gets them again first where they were
  // taken. Else says why they cannot be had: as Coffer::unlock().
  template <class Use>
  Status with_key(const Use& use) {
    for (;;) {
      {
        const KeyUse inside;
        if (is_held()) [[likely]]
          return use();
      }
      COFFER_TRY(take_again());
    }
  }
  bool is_held() const { return held_.load(std::memory_order_acquire) == turn_->load(std::memory_order_seq_cst); }
  // Gets the keys again, unless they are there.
  Status take_again();
  // While it is held, none are taken: for what changes the objects that have them, and uses none.
  std::unique_lock<std::mutex> keys_stay() { return std::unique_lock(mutex_); }

  // The file key, by a header of the file that `scan` has. kTampered if it is another file's.
  Result<FileKey> unlock(const EnvelopeScan& scan) const;

  // The file key as the file's header has it now. Not by two threads at once.
  virtual Result<FileKey> unlock_again() = 0;
  // Nobody uses the keys while these run.
  virtual Status restore_keys(const FileKey& file_key) = 0;
  virtual void drop_keys() = 0;

 private:
  friend class KeyGate;
  void give_back();
  void drop();

  const std::shared_ptr<KeyGate> gate_;
  const EnvelopeFields fields_;
  const std::atomic<uint64_t>* const turn_;
  std::atomic<uint64_t> held_;  // the turn in which the keys were got; 0: there are none
  std::mutex again_;            // held by the one who gets them again
  std::mutex mutex_;            // held by whoever puts them there, or takes them
  KeyHolder* next_ = nullptr;   // of the gate's, under its mutex
  KeyHolder* previous_ = nullptr;
};

}  // namespace coffer
