// The FileSystem itself.
#pragma once

#include <map>
#include <shared_mutex>

#include "coffer/engines/rocksdb/data_domains.h"
#include "coffer/engines/rocksdb/engine_files.h"
#include "coffer/engines/rocksdb/existing_file.h"
#include "coffer/engines/rocksdb/sequential_file.h"
#include "coffer/engines/rocksdb/writable_file.h"

namespace coffer::rocks {

// Held alone while a successor takes a file's place, and shared while a file is opened or measured, which takes several
// looks at its path, or leaves its place.
std::shared_mutex& successions();

class CofferFileSystem final : public ::rocksdb::FileSystemWrapper {
 public:
  CofferFileSystem(std::shared_ptr<Coffer> coffer, const std::shared_ptr<::rocksdb::FileSystem>& base)
      : FileSystemWrapper(base), context_{coffer, base, std::make_shared<AcceptedPlaintext>(*coffer, engine_files())} {}

  Coffer& coffer() const { return *context_.coffer; }

  static const char* kClassName() { return "CofferFileSystem"; }
  const char* Name() const override { return kClassName(); }

  // Where a listener says which domain the data file that comes next belongs to.
  const std::shared_ptr<AnnouncedDomains>& announced_domains() const { return announced_; }

  IOStatus NewSequentialFile(const std::string& path, const ::rocksdb::FileOptions& options,
                             std::unique_ptr<::rocksdb::FSSequentialFile>* result, IODebugContext* dbg) override;
  IOStatus NewRandomAccessFile(const std::string& path, const ::rocksdb::FileOptions& options,
                               std::unique_ptr<::rocksdb::FSRandomAccessFile>* result, IODebugContext* dbg) override;
  IOStatus NewWritableFile(const std::string& path, const ::rocksdb::FileOptions& options,
                           std::unique_ptr<::rocksdb::FSWritableFile>* result, IODebugContext* dbg) override;
  IOStatus ReopenWritableFile(const std::string& path, const ::rocksdb::FileOptions& options,
                              std::unique_ptr<::rocksdb::FSWritableFile>* result, IODebugContext* dbg) override;
  IOStatus ReuseWritableFile(const std::string& path, const std::string& old_path,
                             const ::rocksdb::FileOptions& options, std::unique_ptr<::rocksdb::FSWritableFile>* result,
                             IODebugContext* dbg) override;
  // Not supported: overwriting in place needs a format of its own (`pages`). RocksDB wants it only to patch a sequence
  // number into an ingested file, and does without it.
  IOStatus NewRandomRWFile(const std::string& path, const ::rocksdb::FileOptions& options,
                           std::unique_ptr<::rocksdb::FSRandomRWFile>* result, IODebugContext* dbg) override;
  IOStatus NewMemoryMappedFileBuffer(const std::string& path,
                                     std::unique_ptr<::rocksdb::MemoryMappedFileBuffer>* result) override;
  IOStatus NewLogger(const std::string& path, const IOOptions& options, std::shared_ptr<::rocksdb::Logger>* result,
                     IODebugContext* dbg) override;

  IOStatus GetFileSize(const std::string& path, const IOOptions& options, uint64_t* size, IODebugContext* dbg) override;
  IOStatus GetChildrenFileAttributes(const std::string& directory, const IOOptions& options,
                                     std::vector<::rocksdb::FileAttributes>* result, IODebugContext* dbg) override;
  IOStatus Truncate(const std::string& path, size_t size, const IOOptions& options, IODebugContext* dbg) override;

  // What these do to places is in the keyring before the files are at theirs. NotSupported where a store may hold files
  // of no further store: RocksDB copies then.
  IOStatus LinkFile(const std::string& from, const std::string& to, const IOOptions& options,
                    IODebugContext* dbg) override;
  IOStatus RenameFile(const std::string& from, const std::string& to, const IOOptions& options,
                      IODebugContext* dbg) override;
  IOStatus DeleteDir(const std::string& directory, const IOOptions& options, IODebugContext* dbg) override;

  // What a store's mark requires leaves the mark before it leaves the store, and a store that is older than its mark is
  // neither listed nor read. docs/keys.md, "Freshness".
  IOStatus DeleteFile(const std::string& path, const IOOptions& options, IODebugContext* dbg) override;
  IOStatus GetChildren(const std::string& directory, const IOOptions& options, std::vector<std::string>* result,
                       IODebugContext* dbg) override;

  // A store in transition is settled once its engine has locked it. docs/adr/0031.
  IOStatus LockFile(const std::string& path, const IOOptions& options, ::rocksdb::FileLock** lock,
                    IODebugContext* dbg) override;

  // FileSystemWrapper does not pass these on.
  ::rocksdb::Status RegisterDbPaths(const std::vector<std::string>& paths) override;
  ::rocksdb::Status UnregisterDbPaths(const std::vector<std::string>& paths) override {
    return context_.base->UnregisterDbPaths(paths);
  }

 private:
  // The domain of a new data file: what was announced, else what coffer.yaml has for its path, else that of the file it
  // is a copy of. Empty if nothing says.
  std::string domain_for(const std::string& absolute_path);
  // The header of a new file at `path`; errors name it. An empty domain leaves it to coffer.yaml.
  Result<NewFile> header_for(const std::string& path, const std::string& domain,
                             const ReadableFile* recycled = nullptr);
  // A data file is read front to back: what is being written from it belongs to its domain.
  IOStatus begin_copy(SequentialFile& source);
  // What is known of a file that is about to be written.
  struct Listing {
    std::optional<uint64_t> before = {};  // its size on disk, where it was there as that file before
    uint64_t size = 0;                    // what of it stays
    uint64_t floor = 0;                   // it is as large at least, whatever is written
    Id other_key{};                       // that its header needs beside that of its writer
  };
  IOStatus make_file(const std::string& path, std::unique_ptr<::rocksdb::FSWritableFile> base_file,
                     Result<std::unique_ptr<FileWriter>> writer, const ::rocksdb::FileOptions& options,
                     const Listing& listing, std::unique_ptr<WritableFile>* result);
  IOStatus reopen(const std::string& path, const ::rocksdb::FileOptions& options,
                  std::unique_ptr<::rocksdb::FSWritableFile>* result, IODebugContext* dbg);
  IOStatus reuse(const std::string& path, const std::string& old_path, const ::rocksdb::FileOptions& options,
                 std::unique_ptr<::rocksdb::FSWritableFile>* result, IODebugContext* dbg);
  // A file is about to be at `to` as well, or instead.
  IOStatus let_in(const std::string& from, const std::string& to, const IOOptions& options, IODebugContext* dbg);
  IOStatus rename_directory(const std::string& from, const std::string& to, const IOOptions& options,
                            IODebugContext* dbg);
  // `path` is about to be deleted, renamed, emptied or recycled.
  IOStatus let_go(const std::string& path);
  // The same, of whatever stands where a file is about to be made.
  IOStatus let_go_if_there(const std::string& path, const IOOptions& options, IODebugContext* dbg);
  // counts.cc: the counts of files. What stands at a path, as far as it is counted.
  std::optional<CountedFile> counted_at(const std::string& path, const IOOptions& options, IODebugContext* dbg);
  void list(FileWriter& writer, const std::string& path, const Listing& listing);
  // An empty `from`: a further name.
  void count_move(const std::string& from, const std::string& to, const std::optional<CountedFile>& moved,
                  const std::optional<CountedFile>& replaced);
  IOStatus check_store_of(const std::string& path);
  IOStatus rename_to_current(const std::string& from, const std::string& to, const IOOptions& options,
                             IODebugContext* dbg);
  IOStatus logical_size(const std::string& path, const IOOptions& options, uint64_t* size, IODebugContext* dbg);

  const Context context_;
  const std::shared_ptr<AnnouncedDomains> announced_ = std::make_shared<AnnouncedDomains>();
};

}  // namespace coffer::rocks
