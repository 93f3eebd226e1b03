// Coffer files as RocksDB's FSSequentialFile: a position in a RandomFile.
#pragma once

#include "coffer/engines/rocksdb/data_domains.h"
#include "coffer/engines/rocksdb/random_file.h"

namespace coffer::rocks {

class SequentialFile final : public ::rocksdb::FSSequentialFile {
 public:
  static IOStatus open(const Context& context, const std::string& path, const ::rocksdb::FileOptions& options,
                       std::unique_ptr<SequentialFile>* result, IODebugContext* dbg);

  const Id& domain_key_id() const { return file_->domain_key_id(); }
  // As long as this is open, what is written on its thread may be a copy of it.
  const std::shared_ptr<const CopySource>& keep_copy_source(CopySource source) {
    return copy_source_ = std::make_shared<const CopySource>(std::move(source));
  }

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
  std::shared_ptr<const CopySource> copy_source_;
};

}  // namespace coffer::rocks
