// Writing a `log` file: its sessions, and the clean close that each of them owes. docs/format.md, "log".
#pragma once

#include <optional>

#include "coffer/base/clock_jump.h"
#include "coffer/files/file_writer.h"
#include "coffer/format/log.h"
#include "coffer/store/key_gate.h"

namespace coffer {

// Append and sync may run on two threads at once, as engines do with a log of theirs; they share two numbers.
//
//                      append                      close, sync of a file that ends cleanly
//   between sessions ──────────▶ in a session ─────────────────────────────▶ between sessions
//   at first in a new file,      frames go out, each with                    after the frame
//   or a reopened one            how far the file is durable                 that ends the session
//
// A process that was resumed may not be the only one: where the clocks say so, a session is left without its clean
// close (whose nonce another may have used) and a fresh one begun.
//
// A new file owes a session even if nothing is ever appended; a reopened one does not, and syncs what it found before
// it begins one, because a session header says that all before it is durable (L6).
// The same where keys were taken back (store/key_gate.h) and could be got again: a fresh session follows.
class LogWriter final : public FileWriter, private KeyHolder {
 public:
  struct Key {
    RestingKey<FileRole> file_key;
    KeyLease lease;
    EnvelopeScan header;  // that unlocks it again
  };
  // `head` as FileWriter's.
  LogWriter(const Key& key, const LogParams& params, const LogPosition& start, ByteView head, bool ends_cleanly);
  ~LogWriter() override { leave(); }

  bool may_sync_beside_append() const override { return !ends_cleanly_; }
  uint64_t logical_size() const override { return sealer_ ? sealer_->logical_size() : next_.logical_offset; }
  uint64_t physical_offset(uint64_t offset) const override;

 protected:
  Status append_data(ByteView data, AppendFile& file) override;
  Status sync_data(bool full, AppendFile& file) override;
  Status finish(AppendFile& file) override;
  uint64_t durable_offset() const override { return durable_upto_.load(std::memory_order_acquire); }

 private:
  // Calls `seal` in a session.
  template <class Seal>
  Status put(AppendFile& file, const Seal& seal);
  Status begin_session(AppendFile& file);
  void leave_session();
  void leave_session_if_resumed();
  Status end_session(AppendFile& file);
  Result<FileKey> unlock_again() override { return unlock(header_); }
  Status restore_keys(const FileKey& file_key) override;
  void drop_keys() override;
  Status sync_written(bool full, AppendFile& file);

  const bool ends_cleanly_;
  RestingKey<FileRole> file_key_;
  const EnvelopeScan header_;
  const LogParams params_;
  std::optional<LogSealer> sealer_;  // while in a session
  LogPosition next_;                 // where the next session starts, while between sessions
  ClockJump clocks_;
  bool owes_close_;
  bool must_sync_first_;
  bool was_synced_ = false;

  std::atomic<uint64_t> written_upto_{0};  // handed to the file below, as a whole
  std::atomic<uint64_t> durable_upto_{0};
};

}  // namespace coffer
