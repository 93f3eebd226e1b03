// A file of the base file system being written front to back; hides what direct I/O asks for.
#pragma once

#include "coffer/base/bytes.h"
#include "coffer/engines/rocksdb/io_status.h"

namespace coffer::rocks {

// append() from one thread; sync() may run beside it unless the file is direct.
class BaseWriter {
 public:
  // No mapping: what RocksDB's asserts about mapped writes holds for its own file system only.
  static ::rocksdb::FileOptions base_options(const ::rocksdb::FileOptions& options);

  // `file` is new, or not direct.
  static std::unique_ptr<BaseWriter> create(std::unique_ptr<::rocksdb::FSWritableFile> file);
  virtual ~BaseWriter() = default;

  virtual IOStatus append(ByteView bytes, const IOOptions& options, IODebugContext* dbg) = 0;
  // Everything appended, and the file's size, are durable once it returns ok. `full`: fsync instead of fdatasync.
  virtual IOStatus sync(bool full, const IOOptions& options, IODebugContext* dbg) = 0;
  virtual IOStatus close(const IOOptions& options, IODebugContext* dbg) = 0;
  virtual bool direct() const = 0;

  ::rocksdb::FSWritableFile& file() { return *file_; }

 protected:
  explicit BaseWriter(std::unique_ptr<::rocksdb::FSWritableFile> file) : file_(std::move(file)) {}
  const std::unique_ptr<::rocksdb::FSWritableFile> file_;
};

}  // namespace coffer::rocks
