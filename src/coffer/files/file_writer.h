// Writing a file from its header to its close, whatever its kind. The bytes go through the engine's own handle, which
// it lends for each call: the writer says what goes where, and opens, keeps and closes nothing by itself.
#pragma once

#include <atomic>
#include <span>

#include "coffer/format/envelope.h"
#include "coffer/store/file_counts.h"
#include "coffer/store/freshness.h"
#include "coffer/store/key_usage.h"
#include "coffer/store/keyring_uses.h"

namespace coffer {

// The file below, for one call: an engine's own, or one of a Disk. Written front to back.
class AppendFile {
 public:
  virtual Status append(ByteView bytes) = 0;
  // Everything appended, and the file's size, are durable once it returns ok. `full`: fsync instead of fdatasync.
  virtual Status sync(bool full) = 0;
  virtual Status truncate(uint64_t size) = 0;
  virtual Status close() = 0;
  // After close(): replaces these slots of the header, one after the other, if the file is still to be found and still
  // has this id; else, or where the base cannot, nothing happens and that is ok. `durable`: synced on return.
  virtual Status replace_slots(const Id& file_id, std::span<const SlotUpdate> slots, bool durable) = 0;

 protected:
  ~AppendFile() = default;
};

// append() from one thread at a time; sync() may run beside it where may_sync_beside_append().
//
//            append, sync          close
//   open ───────────────▶ open ───────────▶ closed
//     │ what a write, a sync or the sealing failed at is unknown
//     ▼
//   failed: nothing more is written; close() closes the file below and leaves its end as it is
//
// Errors do not name the file: the engine adds its path.
class FileWriter {
 public:
  virtual ~FileWriter() = default;

  // Appending nothing is always ok while the file is open.
  Status append(ByteView data, AppendFile& file);
  Status sync(bool full, AppendFile& file);
  // kUnsupported unless that is the size it has, or the file is on its way out and gets shorter.
  Status truncate(uint64_t size, AppendFile& file);
  // Writes what is owed and closes the file below, once; later calls do nothing.
  Status close(AppendFile& file);
  // For a recycled file, before anything else: hands the header over and syncs it. Until both slots are durable nothing
  // may be written under the new key, so at any crash the file is wholly the old or wholly the new one.
  Status settle_head(AppendFile& file);
  // For a file that a crash may empty, before anything else: syncs the header before it hands over what stands behind
  // it. So a header that is gone over a body that is not is no crash (docs/format.md, E9).
  void sync_head_first() { head_syncs_first_ = true; }
  // Told from now on how far the file is durable. Before anything else.
  void be_watched(std::shared_ptr<LogWatch> watch) { watch_ = std::move(watch); }

  // What is appended counts as written under this key. Before anything else.
  void be_counted(std::shared_ptr<KeyCounter> counter) { counter_ = std::move(counter); }
  // Held until the header is handed over. Before anything else.
  void be_used(KeyringUsePtr use) { use_ = std::move(use); }
  // REQUIRES: it is counted.
  const Id& key() const { return counter_->key(); }
  // Told from now on how large the file is on the disk: `size` of it is from before, and it has `floor` at least until
  // it is cut.
  void be_listed(std::shared_ptr<GrowingFile> listing, uint64_t size, uint64_t floor);

  virtual uint64_t logical_size() const = 0;
  // About where the plaintext byte `offset` comes to lie; at least as far as it really does. For hints.
  virtual uint64_t physical_offset(uint64_t offset) const = 0;
  virtual bool may_sync_beside_append() const { return false; }
  const Id& file_id() const { return file_id_; }

 protected:
  // `head`: what goes out before the first data; empty when it is in the file.
  FileWriter(const Id& file_id, ByteView head) : file_id_(file_id), head_size_(head.size()) { out_.append(head); }

  virtual Status append_data(ByteView data, AppendFile& file) = 0;
  virtual Status sync_data(bool full, AppendFile& file) { return sync_file(full, file); }
  virtual Status truncate_data(uint64_t size, AppendFile& file);
  // Writes what is still owed. Called once, before the file is closed.
  virtual Status finish(AppendFile& file) = 0;
  // Physical; all before it was synced, as far as the kind knows.
  virtual uint64_t durable_offset() const { return 0; }
  // Called once after finish() and the close of the file below have succeeded.
  virtual Status after_close(AppendFile&) { return Status::ok(); }

  // Hands out_, into which was sealed with this result, to the file and empties it.
  Status write(const Status& sealed, AppendFile& file);
  Status sync_file(bool full, AppendFile& file);
  // The file has this size now.
  void was_cut(uint64_t physical_size);
  // The header needs this key now, and no other.
  void is_under(const Id& key) {
    if (listing_ != nullptr) listing_->is_under(key);
  }
  bool recycled() const { return recycled_; }

  Buffer out_;  // sealed, not yet handed over

 private:
  Status fail(Status status);
  Status write_out(AppendFile& file);
  Status sync_and_tell(bool full, AppendFile& file);
  void count();
  void grew(uint64_t bytes);

  const Id file_id_;
  std::shared_ptr<LogWatch> watch_;       // null: nobody wants to know
  std::shared_ptr<KeyCounter> counter_;   // null: nobody counts
  std::shared_ptr<GrowingFile> listing_;  // null: in no counts
  KeyringUsePtr use_;                     // null: the header is in the file
  uint64_t uncounted_ = 0;
  uint64_t disk_size_ = 0, disk_floor_ = 0;
  size_t head_size_;  // of the header, while it is in out_
  bool head_syncs_first_ = false;
  std::atomic<bool> failed_{false};
  bool closed_ = false;
  bool recycled_ = false;
};

}  // namespace coffer
