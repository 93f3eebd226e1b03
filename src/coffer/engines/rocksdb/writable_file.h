// Coffer files as RocksDB's FSWritableFile.
#pragma once

#include <atomic>

#include "coffer/engines/rocksdb/base_writer.h"
#include "coffer/engines/rocksdb/existing_file.h"
#include "coffer/format/blocks.h"
#include "coffer/format/log.h"

namespace coffer::rocks {

// What all kinds have in common. Offsets and sizes that RocksDB sees are of the plaintext; the base file's are
// physical.
class GrowingFile : public ::rocksdb::FSWritableFile {
 public:
  ~GrowingFile() override = default;

  IOStatus Append(const Slice& data, const IOOptions& options, IODebugContext* dbg) final;
  IOStatus Append(const Slice& data, const IOOptions& options, const ::rocksdb::DataVerificationInfo& info,
                  IODebugContext* dbg) final;
  // Only where Append would write as well: RocksDB uses it for direct I/O, which stays below.
  IOStatus PositionedAppend(const Slice& data, uint64_t offset, const IOOptions& options, IODebugContext* dbg) final;
  IOStatus PositionedAppend(const Slice& data, uint64_t offset, const IOOptions& options,
                            const ::rocksdb::DataVerificationInfo& info, IODebugContext* dbg) final;
  IOStatus Truncate(uint64_t size, const IOOptions& options, IODebugContext* dbg) final;
  IOStatus Flush(const IOOptions& options, IODebugContext* dbg) final { return base_->file().Flush(options, dbg); }
  IOStatus Sync(const IOOptions& options, IODebugContext* dbg) final { return sync_once(false, options, dbg); }
  IOStatus Fsync(const IOOptions& options, IODebugContext* dbg) final { return sync_once(true, options, dbg); }
  IOStatus Close(const IOOptions& options, IODebugContext* dbg) final;

  bool use_direct_io() const final { return false; }
  uint64_t GetFileSize(const IOOptions&, IODebugContext*) final { return logical_size(); }
  size_t GetUniqueId(char* id, size_t max_size) const final;

  void SetIOPriority(::rocksdb::Env::IOPriority priority) final;
  void SetWriteLifeTimeHint(::rocksdb::Env::WriteLifeTimeHint hint) final;
  IOStatus InvalidateCache(size_t offset, size_t length) final;
  IOStatus RangeSync(uint64_t offset, uint64_t size, const IOOptions& options, IODebugContext* dbg) final;
  void SetPreallocationBlockSize(size_t size) final { base_->file().SetPreallocationBlockSize(size); }
  void GetPreallocationStatus(size_t* block_size, size_t* last_allocated_block) final {
    base_->file().GetPreallocationStatus(block_size, last_allocated_block);
  }
  void PrepareWrite(size_t offset, size_t size, const IOOptions& options, IODebugContext* dbg) final;
  IOStatus Allocate(uint64_t offset, uint64_t size, const IOOptions& options, IODebugContext* dbg) final;

 protected:
  GrowingFile(std::string path, std::unique_ptr<BaseWriter> base, const Id& file_id,
              const ::rocksdb::FileOptions& options)
      : FSWritableFile(options),
        path_(std::move(path)),
        distrust_(distrust_of(path_)),
        base_(std::move(base)),
        file_id_(file_id) {}

  virtual IOStatus append(ByteView data, const IOOptions& options, IODebugContext* dbg) = 0;
  virtual IOStatus sync(bool full, const IOOptions& options, IODebugContext* dbg) = 0;
  virtual IOStatus truncate(uint64_t size, const IOOptions& options, IODebugContext* dbg);
  // Writes what is still owed to the file. Called once, before the base file is closed.
  virtual IOStatus finish(const IOOptions& options, IODebugContext* dbg) = 0;
  // Called once after finish() and the base's Close have succeeded.
  virtual IOStatus after_close(const IOOptions&, IODebugContext*) { return IOStatus::OK(); }
  virtual uint64_t logical_size() const = 0;
  // About where the plaintext byte `offset` comes to lie; at least as far as it really does.
  virtual uint64_t physical_offset(uint64_t offset) const = 0;

  // Every destructor of a final class calls this: RocksDB relies on it in places.
  void close_in_destructor();

  // Hands sealed bytes to the base file and empties `out`. Once that, or the sealing, or a sync has failed nothing more
  // is written: what reached the file is unknown.
  IOStatus write(const Status& sealed, Buffer& out, const IOOptions& options, IODebugContext* dbg);

  const std::string path_;
  const Distrust distrust_;
  const std::unique_ptr<BaseWriter> base_;
  const Id file_id_;

 private:
  IOStatus sync_once(bool full, const IOOptions& options, IODebugContext* dbg);
  IOStatus close_once(const IOOptions& options, IODebugContext* dbg);

  uint64_t range_synced_ = 0;  // physical
  std::atomic<bool> failed_{false};
  bool closed_ = false;
};

// New files. `base` is empty and the header goes out with the first data; or, for a recycled file, the header is on the
// disk already and `base` stands behind it.
enum class Header { kToBeWritten, kDurable };
IOStatus create_blocks(std::string path, std::unique_ptr<BaseWriter> base, NewFile header,
                       const ::rocksdb::FileOptions& options, std::unique_ptr<::rocksdb::FSWritableFile>* result);
IOStatus create_ctr(const Context& context, std::string path, std::unique_ptr<BaseWriter> base, NewFile header,
                    Header state, const ::rocksdb::FileOptions& options,
                    std::unique_ptr<::rocksdb::FSWritableFile>* result);
IOStatus create_log(std::string path, std::unique_ptr<BaseWriter> base, NewFile header, Header state,
                    const ::rocksdb::FileOptions& options, std::unique_ptr<::rocksdb::FSWritableFile>* result);

// Files that exist already.
// A `blocks` or `ctr` file: complete, but it may be synced, cut to the size it has, and, on its way out, cut shorter.
IOStatus reopen_complete(std::string path, std::unique_ptr<BaseWriter> base, const ExistingFile& file,
                         uint64_t logical_size, const ::rocksdb::FileOptions& options,
                         std::unique_ptr<::rocksdb::FSWritableFile>* result);
// Continues a log. `base` has been cut at `position`.
IOStatus reopen_log(std::string path, std::unique_ptr<BaseWriter> base, OpenedFile opened, const LogPosition& position,
                    const ::rocksdb::FileOptions& options, std::unique_ptr<::rocksdb::FSWritableFile>* result);

}  // namespace coffer::rocks
