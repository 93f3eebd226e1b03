// Coffer files as RocksDB's FSSequentialFile: a position in a RandomFile.
#pragma once

#include "coffer/engines/rocksdb/random_file.h"

namespace coffer::rocks {

class SequentialFile final : public ::rocksdb::FSSequentialFile {
 public:
  static IOStatus open(const Context& context, const std::string& path, const ::rocksdb::FileOptions& options,
                       std::unique_ptr<::rocksdb::FSSequentialFile>* result, IODebugContext* dbg);

  IOStatus Read(size_t n, const IOOptions& options, Slice* result, char* scratch, IODebugContext* dbg) override;
  IOStatus PositionedRead(uint64_t offset, size_t n, const IOOptions& options, Slice* result, char* scratch,
                          IODebugContext* dbg) override;
  IOStatus Skip(uint64_t n) override {
    position_ += n;
    return IOStatus::OK();
  }
  bool use_direct_io() const override { return false; }
  IOStatus InvalidateCache(size_t offset, size_t length) override { return file_->InvalidateCache(offset, length); }
  ::rocksdb::Temperature GetTemperature() const override { return file_->GetTemperature(); }

 private:
  SequentialFile(const Context& context, std::string path, const ::rocksdb::FileOptions& options)
      : context_(context), path_(std::move(path)), options_(options) {}
  IOStatus look_again(IODebugContext* dbg);

  const Context context_;
  const std::string path_;
  const ::rocksdb::FileOptions options_;
  std::unique_ptr<RandomFile> file_;
  uint64_t position_ = 0;
};

}  // namespace coffer::rocks
