// Coffer files as RocksDB's FSRandomAccessFile.
#pragma once

#include <mutex>

#include "coffer/engines/rocksdb/existing_file.h"
#include "coffer/format/blocks.h"

namespace coffer::rocks {

using ::rocksdb::FSReadRequest;
using ::rocksdb::IOHandleDeleter;

// What all kinds have in common. Direct I/O, if asked for, stays below: RocksDB may read anything anywhere.
class RandomFile : public ::rocksdb::FSRandomAccessFile {
 public:
  IOStatus Read(uint64_t offset, size_t n, const IOOptions& options, Slice* result, char* scratch,
                IODebugContext* dbg) const final;
  // Lets RocksDB read ahead into its own buffer: the page cache would only hold sealed bytes.
  IOStatus Prefetch(uint64_t, size_t, const IOOptions&, IODebugContext*) override {
    return IOStatus::NotSupported("Prefetch");
  }
  size_t GetUniqueId(char* id, size_t max_size) const override;
  void Hint(AccessPattern pattern) override { reader_->file().Hint(pattern); }
  bool use_direct_io() const override { return false; }
  IOStatus InvalidateCache(size_t offset, size_t length) override;
  ::rocksdb::Temperature GetTemperature() const override { return reader_->file().GetTemperature(); }

  // The plaintext's size at this moment.
  virtual IOStatus logical_size(uint64_t* size) const = 0;
  // Its header had not reached the file when it was opened.
  virtual bool never_written() const { return false; }
  // The key of its domain that it was opened with.
  const Id& domain_key_id() const { return domain_key_id_; }

 protected:
  RandomFile(std::string path, const ExistingFile& file)
      : path_(std::move(path)),
        distrust_(distrust_of(path_)),
        reader_(file.reader),
        file_id_(file.opened.fields.file_id),
        domain_key_id_(file.opened.fields.domain_key_id) {}

  // Reads up to `n` bytes into `out`; fewer only at the end of the file.
  virtual IOStatus read(uint64_t offset, size_t n, const IOOptions& options, uint8_t* out, size_t* count,
                        IODebugContext* dbg) const = 0;
  // Ok, or why its key cannot be had at the moment.
  virtual Status usable() const { return Status::ok(); }
  // Where the sealed form of a logical range lies, for hints.
  virtual BlocksOpener::Range physical_range(uint64_t offset, uint64_t size) const = 0;

  IOStatus fail(const Status& status) const { return to_io_status(status.with_context(path_), distrust_); }
  IOStatus truncated() const;

  const std::string path_;
  const Distrust distrust_;
  const std::shared_ptr<const BaseReader> reader_;
  const Id file_id_;
  const Id domain_key_id_;

 private:
  IOStatus read_whole(const IOOptions& options, IODebugContext* dbg) const;

  // With use_mmap_reads RocksDB may pass no memory and keep what it is given as long as the file: the whole plaintext
  // then stays here from the first such read on.
  mutable std::mutex whole_mutex_;
  mutable std::unique_ptr<uint8_t[]> whole_;
  mutable uint64_t whole_size_ = 0;
};

// As half a sentence, for the info log; `path` is of the store.
std::string how_data_files_are_read(const Context& context, const std::string& path);

// Opens a file of any kind, or, if it was never written, an empty one where RocksDB could have left it so.
IOStatus open_random_file(const Context& context, const std::string& path, const ::rocksdb::FileOptions& options,
                          std::unique_ptr<RandomFile>* result, IODebugContext* dbg);

}  // namespace coffer::rocks
