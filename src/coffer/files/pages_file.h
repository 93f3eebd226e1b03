// A `pages` file that is open for changing at any place: random writes, holes, truncation. docs/format.md, "pages".
//
// Whatever a crash leaves of it: every page that was durable reads as it was or as it was written since, never as an
// error, and so does its size. One process has it open for writing; whoever lets others in has to see to that. Any
// number of threads.
#pragma once

#include <functional>
#include <shared_mutex>

#include "coffer/files/pages_writer.h"

namespace coffer {

// Errors do not name the file: the caller adds its path. After an error of a sync, nothing more is written: what is on
// the disk is not known, and opening it anew finds out.
class PagesFile {
 public:
  // A new file: `file` is empty, and stays so until something is written or synced.
  static Result<std::unique_ptr<PagesFile>> create(const NewFile& header, std::unique_ptr<WritableFile> file,
                                                   const PagesLimits& limits = {});
  // kTampered and kTruncated for what no crash explains. What a crash left is put right before the first change.
  static Result<std::unique_ptr<PagesFile>> open(const OpenedFile& opened, std::unique_ptr<WritableFile> file,
                                                 const PagesLimits& limits = {});
  // Without close(): as if the process had ended.
  ~PagesFile() = default;

  uint64_t size() const;
  // Bytes read; fewer than out.size() only at the end. On failure `out` is all zeros.
  Result<size_t> read(uint64_t offset, MutableBytes out) const;
  // All of it, or as much as an error let through. The file grows where it has to; what lies between is zeros.
  Status write(uint64_t offset, ByteView data);
  // At the end, wherever that is when it is its turn. Returns the offset.
  Result<uint64_t> append(ByteView data);
  Status truncate(uint64_t size);
  // Zeros from now on; the size stays.
  Status punch_hole(uint64_t offset, uint64_t size);
  // The first byte from `offset` on that is in no hole, or in one; holes are whole pages. The size where there is none.
  // REQUIRES: offset < size()
  Result<uint64_t> seek_data(uint64_t offset) const;
  Result<uint64_t> seek_hole(uint64_t offset) const;

  // All that was written before is durable on return. The file's name is not.
  Status sync();
  // By this call, which does as much as fdatasync(2) at least. It is not called where there is nothing to sync.
  Status sync_by(const std::function<Status()>& sync_file);
  // The same. Does nothing to a file that was not changed since it was opened.
  Status sync_changes();
  // As sync(), and all is in its place. Later calls of anything are errors.
  Status close();

  // What is written counts as written under this key. Before anything else.
  void be_counted(std::shared_ptr<KeyCounter> counter) { counter_ = std::move(counter); }
  // Ok, or why its keys cannot be had.
  Status usable() { return keys_->usable(); }

 private:
  PagesFile(std::shared_ptr<WritableFile> file, std::unique_ptr<PagesKeys> keys, const PagesLayout& layout,
            ByteView head, const PagesLimits& limits);
  static Result<std::unique_ptr<PagesFile>> make(const OpenedFile& opened, std::unique_ptr<WritableFile> file,
                                                 ByteView head, const PagesLimits& limits);

  // Calls `change` with the file to itself, once there is room for it. `end`: says, with the file to itself, how many
  // bytes the file may then have; `bytes`: what the journal takes.
  template <class End, class Change>
  Status change(const End& end, uint64_t bytes, const Change& change);
  Status write_locked(uint64_t offset, ByteView data);
  Status zero_locked(uint64_t offset, uint64_t end, uint64_t size);
  Status shrink_locked(uint64_t size);
  Status punch_locked(uint64_t offset, uint64_t end);
  Result<uint64_t> seek(uint64_t offset, bool data) const;

  const std::shared_ptr<WritableFile> file_;
  const std::unique_ptr<PagesKeys> keys_;
  PagesState state_;
  PagesWriter writer_;
  std::shared_ptr<KeyCounter> counter_;  // null: nobody counts
  std::mutex sync_mutex_;                // one sync at a time; taken before mutex_
  mutable std::shared_mutex mutex_;
  bool closed_ = false;
};

}  // namespace coffer
