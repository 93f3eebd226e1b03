// Coffer files as RocksDB's FSWritableFile, whatever their kind: a FileWriter of the floor below over a file of the
// base.
#pragma once

#include "coffer/engines/rocksdb/base_writer.h"
#include "coffer/engines/rocksdb/data_domains.h"
#include "coffer/engines/rocksdb/existing_file.h"
#include "coffer/files/file_writer.h"

namespace coffer::rocks {

// Offsets and sizes that RocksDB sees are of the plaintext; the base file's are physical.
class WritableFile final : public ::rocksdb::FSWritableFile {
 public:
  WritableFile(const Context& context, std::string path, std::unique_ptr<BaseWriter> base,
               std::unique_ptr<FileWriter> writer, const ::rocksdb::FileOptions& options);
  // RocksDB relies on it in places.
  ~WritableFile() override { WritableFile::Close(IOOptions(), nullptr).PermitUncheckedError(); }

  // For a recycled file, before anything else.
  IOStatus settle_head(const IOOptions& options, IODebugContext* dbg);
  // Until something is written, this may turn out to be a copy, and to belong to another domain.
  void await_copy_source();
  // REQUIRES: nothing was written
  void begin_again(std::unique_ptr<FileWriter> writer);

  IOStatus Append(const Slice& data, const IOOptions& options, IODebugContext* dbg) override;
  IOStatus Append(const Slice& data, const IOOptions& options, const ::rocksdb::DataVerificationInfo& info,
                  IODebugContext* dbg) override;
  // Only where Append would write as well: RocksDB uses it for direct I/O, which stays below.
  IOStatus PositionedAppend(const Slice& data, uint64_t offset, const IOOptions& options, IODebugContext* dbg) override;
  IOStatus PositionedAppend(const Slice& data, uint64_t offset, const IOOptions& options,
                            const ::rocksdb::DataVerificationInfo& info, IODebugContext* dbg) override;
  IOStatus Truncate(uint64_t size, const IOOptions& options, IODebugContext* dbg) override;
  IOStatus Flush(const IOOptions& options, IODebugContext* dbg) override { return base_->file().Flush(options, dbg); }
  IOStatus Sync(const IOOptions& options, IODebugContext* dbg) override { return sync(false, options, dbg); }
  IOStatus Fsync(const IOOptions& options, IODebugContext* dbg) override { return sync(true, options, dbg); }
  bool IsSyncThreadSafe() const override {
    return writer_->may_sync_beside_append() && !base_->direct() && base_->file().IsSyncThreadSafe();
  }
  IOStatus Close(const IOOptions& options, IODebugContext* dbg) override;

  bool use_direct_io() const final { return false; }
  uint64_t GetFileSize(const IOOptions&, IODebugContext*) override { return writer_->logical_size(); }
  size_t GetUniqueId(char* id, size_t max_size) const final;

  void SetIOPriority(::rocksdb::Env::IOPriority priority) override;
  void SetWriteLifeTimeHint(::rocksdb::Env::WriteLifeTimeHint hint) override;
  IOStatus InvalidateCache(size_t offset, size_t length) override;
  IOStatus RangeSync(uint64_t offset, uint64_t size, const IOOptions& options, IODebugContext* dbg) override;
  void SetPreallocationBlockSize(size_t size) override { base_->file().SetPreallocationBlockSize(size); }
  void GetPreallocationStatus(size_t* block_size, size_t* last_allocated_block) override {
    base_->file().GetPreallocationStatus(block_size, last_allocated_block);
  }
  void PrepareWrite(size_t offset, size_t size, const IOOptions& options, IODebugContext* dbg) override;
  IOStatus Allocate(uint64_t offset, uint64_t size, const IOOptions& options, IODebugContext* dbg) override;

 private:
  class Call;
  template <class Body>
  IOStatus call(const IOOptions& options, IODebugContext* dbg, const Body& body);
  IOStatus sync(bool full, const IOOptions& options, IODebugContext* dbg);

  const Context context_;
  const std::string path_;
  const Distrust distrust_;
  const std::unique_ptr<BaseWriter> base_;
  std::unique_ptr<FileWriter> writer_;
  std::shared_ptr<CopyTarget> copy_target_;
  uint64_t range_synced_ = 0;  // physical
};

}  // namespace coffer::rocks
