// A file of the base file system, read at physical offsets; hides what direct I/O asks for.
#pragma once

#include <memory>

#include "coffer/base/scratch.h"
#include "coffer/engines/rocksdb/io_status.h"
#include "coffer/io/disk.h"

namespace coffer::rocks {

// Thread-safe.
class BaseReader {
 public:
  // Takes what of RocksDB's options concerns the base: no mapping, which would hand out bytes we must not change.
  static ::rocksdb::FileOptions base_options(const ::rocksdb::FileOptions& options);

  explicit BaseReader(std::unique_ptr<::rocksdb::FSRandomAccessFile> file);
  // The same for a file that the base maps into memory besides, and that does not change any more. read() copies from
  // the mapping where that is good at the moment (files/mapped_reads.h; `cold_too` as there). Otherwise, and when the
  // copy fails, it goes to `by_pread`, which then says what is wrong.
  static IOStatus open_mapped(::rocksdb::FileSystem& base, const std::string& path,
                              const ::rocksdb::FileOptions& options, std::shared_ptr<const BaseReader> by_pread,
                              bool cold_too, std::shared_ptr<const BaseReader>* result, IODebugContext* dbg);
  ~BaseReader();

  // The memory that read() needs for `size` bytes at `offset`.
  size_t scratch_size(uint64_t offset, size_t size) const;
  // Reads `size` bytes, fewer only at the end of the file. `scratch` has scratch_size(offset, size) bytes, aligned to
  // Scratch::kAlignment; `bytes` lies in it.
  IOStatus read(uint64_t offset, size_t size, const IOOptions& options, uint8_t* scratch, MutableBytes* bytes,
                IODebugContext* dbg) const;

  // The two halves of read(), for requests that are submitted together or awaited. prepare() says what to ask the base;
  // finish() finds the wanted bytes in its answer.
  void prepare(uint64_t offset, size_t size, uint8_t* scratch, ::rocksdb::FSReadRequest* request) const;
  IOStatus finish(uint64_t offset, size_t size, const ::rocksdb::FSReadRequest& answer, MutableBytes* bytes) const;

  // Never the mapped one.
  ::rocksdb::FSRandomAccessFile& file() const { return by_pread_ != nullptr ? by_pread_->file() : *file_; }
  bool direct() const { return direct_; }
  // Null for a file that is not mapped.
  const BaseReader* by_pread() const { return by_pread_.get(); }
  // One read after the other costs less than a batch.
  bool is_mapped_now() const;

 private:
  bool copy_mapped(uint64_t offset, size_t size, const IOOptions& options, uint8_t* scratch, MutableBytes* bytes,
                   IODebugContext* dbg) const;

  std::unique_ptr<::rocksdb::FSRandomAccessFile> file_;
  std::shared_ptr<const BaseReader> by_pread_;
  bool cold_too_ = false;
  bool direct_;
  uint64_t alignment_;
};

// For the floors below, which take any ReadableFile. One thread.
class BaseReadableFile : public ReadableFile {
 public:
  // `size` asks the base file system, by name: an open FSRandomAccessFile does not tell.
  BaseReadableFile(std::shared_ptr<const BaseReader> reader, std::shared_ptr<::rocksdb::FileSystem> base,
                   std::string path)
      : reader_(std::move(reader)), base_(std::move(base)), path_(std::move(path)) {}

  Result<size_t> read_at(uint64_t offset, MutableBytes out) const override;
  Result<uint64_t> size() const override;
  Result<uint64_t> next_data(uint64_t offset) const override;
  // RocksDB's files tell nothing but their size.
  Result<FileInfo> info() const override {
    return {Code::kUnsupported, path_ + ": its base file system tells no more"};
  }

  // `failure` for RocksDB: as the base itself put it, if it was a read or size() that failed last.
  IOStatus explain(const Status& failure, Distrust distrust) const {
    return base_failure_.ok() ? to_io_status(failure, distrust) : base_failure_;
  }

 private:
  std::shared_ptr<const BaseReader> reader_;
  std::shared_ptr<::rocksdb::FileSystem> base_;
  std::string path_;
  mutable IOStatus base_failure_;
};

}  // namespace coffer::rocks
