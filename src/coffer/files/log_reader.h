// Reads a `log` file: from front to back while it grows, and at any place once an index was built. What the RocksDB
// adapter, `coffer cat` and `coffer verify` read logs with. docs/format.md, "log", L8 and L9.
//
// Errors do not name the file: the caller adds its path with Status::with_context().
#pragma once

#include <optional>
#include <vector>

#include "coffer/files/log_cursor.h"

namespace coffer {

// What is known of a log once its end was reached.
struct LogEnd {
  bool closed = false;      // the last thing in it is a clean close
  uint64_t torn_bytes = 0;  // behind the end of the log: a torn tail, preallocated space or an earlier life's remains
  uint64_t logical_size = 0;
  LogPosition append;  // where a new session begins, after the file was cut there and synced
};

// The size of the plaintext, found without the file key, as LogReader::logical_size() finds it in a log that nobody
// tampered with: frames do not say how much stands before them, so all of it is read and checksummed.
Result<uint64_t> measure_log(std::shared_ptr<const ReadableFile> file, const LogParams& params);

// One thread, but for read_at().
class LogReader {
 public:
  // `file` may grow while it is read, not change otherwise. Its envelope is the caller's business.
  static Result<LogReader> create(std::shared_ptr<const ReadableFile> file, const FileKey& file_key,
                                  const LogParams& params);

  // The plaintext of the next frame (or what read() or skip() left of it), valid until the next call; empty at the end
  // of the log. The end is not remembered: once the log has grown, the next call goes on. kDamaged when durable data
  // cannot be read, kTampered when bytes were written by someone without the key; the same call then fails again.
  Result<ByteView> next();
  // Fills `out`; fewer bytes only at the end of the log. What was read before an error is not lost: the next call
  // starts with it, so next() reads all that stands before damage.
  Result<size_t> read(MutableBytes out);
  // Passes over `count` bytes, authenticated like all others; returns how many there were.
  Result<uint64_t> skip(uint64_t count);
  // Logical offset of what is read next.
  uint64_t position() const { return cursor_.opener().logical_size() - pending_.size(); }

  // What next() met when it returned the empty piece. REQUIRES: it did, last.
  LogEnd end() const;
  // Reads all of the log, without moving position().
  Result<LogEnd> measure() const;
  Result<uint64_t> logical_size() const;

  // Reads all of the log (or what it has grown by since the last call) and remembers places in it.
  Status build_index();
  uint64_t indexed_size() const { return indexed_size_; }  // logical
  // Fewer bytes only at indexed_size(), which is 0 before build_index(). Thread-safe, as long as no other call runs.
  Result<size_t> read_at(uint64_t logical_offset, MutableBytes out) const;

 private:
  LogReader(std::shared_ptr<const ReadableFile> file, const LogOpener& start);
  static LogEnd end_of(const LogCursor& cursor);

  std::shared_ptr<const ReadableFile> file_;
  LogOpener start_;  // at the beginning of the log
  LogCursor cursor_;
  ByteView pending_;  // what is left of a frame; inside the cursor's buffer or stash_
  Bytes stash_;       // what an error kept from being returned

  std::vector<LogOpener> index_;  // in the order of their logical offsets, the first at 0
  std::optional<LogCursor> index_cursor_;
  uint64_t indexed_size_ = 0;
};

}  // namespace coffer
