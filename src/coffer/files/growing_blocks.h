// A `blocks` file from its first byte on, of which what was appended can be read before it is complete.
#pragma once

#include "coffer/files/blocks_body.h"
#include "coffer/files/file_writer.h"

namespace coffer {

// What is appended, until it is complete: with the first sync() or close() after something was. Then it is as any
// finished file. Errors do not name the file. read() beside read(); everything else alone.
class GrowingBlocks {
 public:
  // `file` reads what is appended to the AppendFile that is lent to the calls below; it is new, and empty.
  static Result<std::unique_ptr<GrowingBlocks>> create(std::shared_ptr<Coffer> coffer, NewFile header,
                                                       std::shared_ptr<const ReadableFile> file);
  ~GrowingBlocks();

  uint64_t logical_size() const { return writer_->logical_size(); }
  bool is_complete() const { return complete_; }
  // kUnsupported once it is complete.
  Status append(ByteView data, AppendFile& file);
  Status sync(bool full, AppendFile& file);
  // A file that nothing was appended to stays empty, without a header.
  Status close(AppendFile& file);
  // Fills `out`; fewer bytes only at the end.
  Result<size_t> read(uint64_t offset, MutableBytes out);

 private:
  class Tail;

  GrowingBlocks(std::shared_ptr<const ReadableFile> file, std::unique_ptr<FileWriter> writer,
                std::unique_ptr<Tail> tail, uint64_t chunk_size);
  // What stands in the file; something does.
  Result<const OpenBlocks*> body();
  void complete();

  const std::shared_ptr<const ReadableFile> file_;
  const std::unique_ptr<FileWriter> writer_;
  const std::unique_ptr<Tail> tail_;
  const uint64_t chunk_size_;
  bool complete_ = false;
  std::mutex opening_;
  std::optional<OpenBlocks> body_;  // of the file as it was last opened; guarded by opening_
};

// Reads from the file, and opens. REQUIRES: the range is within the body's size
Status read_blocks(const OpenBlocks& body, const ReadableFile& file, uint64_t offset, MutableBytes out);

}  // namespace coffer
