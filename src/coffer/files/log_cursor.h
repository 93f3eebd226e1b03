// Walks the frames of a `log` file from a given place to its present end, which may move: LogReader is made of it.
#pragma once

#include <memory>

#include "coffer/format/log.h"
#include "coffer/io/disk.h"

namespace coffer {

// Not thread-safe.
class LogCursor {
 public:
  // Reads `read_size` bytes at a time, or a frame if that is larger.
  LogCursor(std::shared_ptr<const ReadableFile> file, LogOpener start, size_t read_size)
      : file_(std::move(file)), opener_(std::move(start)), read_size_(read_size) {}

  // The plaintext of the next frame, valid until the next call; empty at the end, which is looked for anew by every
  // call (L9). After an error the same call fails again. An opener without a key goes to the end in one call.
  Result<ByteView> next();

  // Where it stands, and what it has seen.
  const LogOpener& opener() const { return opener_; }
  // The last call of next() returned the empty piece.
  bool at_end() const { return at_end_; }
  // Bytes behind the end that are no part of the log. Meaningful when at_end().
  uint64_t torn_bytes() const { return torn_bytes_; }

 private:
  Result<ByteView> look_for_next();
  MutableBytes window() { return buffer_.mutable_view().subspan(consumed_); }
  Status fill(size_t size);
  Status refill();
  void forget();
  Result<LogStep> settled_step();
  Status search_tail();

  std::shared_ptr<const ReadableFile> file_;
  LogOpener opener_;
  size_t read_size_;
  Buffer buffer_;             // of the file, from opener_.position() - consumed_ on
  size_t consumed_ = 0;       // of the buffer
  bool reaches_end_ = false;  // the file ended where the buffer does, when it was read
  bool fresh_ = false;        // the window was read in this call to next()
  bool at_end_ = false;
  uint64_t torn_bytes_ = 0;
};

}  // namespace coffer
