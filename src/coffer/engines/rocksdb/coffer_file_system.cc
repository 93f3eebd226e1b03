#include "coffer/engines/rocksdb/coffer_file_system.h"

#include "coffer/engines/rocksdb/file_name.h"
#include "coffer/engines/rocksdb/info_log.h"
#include "coffer/engines/rocksdb/sequential_file.h"
#include "coffer/files/log_reader.h"

namespace coffer::rocks {

using ::rocksdb::FileOptions;
using ::rocksdb::FSRandomAccessFile;
using ::rocksdb::FSSequentialFile;
using ::rocksdb::FSWritableFile;

namespace {

// Only data files are worth it, and only they are written from the first byte on by one owner.
FileOptions writing_options(const std::string& path, const FileOptions& options) {
  FileOptions base = BaseWriter::base_options(options);
  base.use_direct_writes = base.use_direct_writes && is_data_file(path);
  return base;
}

FileOptions appending_options(const FileOptions& options) {
  FileOptions base = BaseWriter::base_options(options);
  base.use_direct_writes = false;
  return base;
}

bool is_missing(const IOStatus& status) { return status.IsNotFound() || status.IsPathNotFound(); }

}  // namespace

IOStatus CofferFileSystem::NewSequentialFile(const std::string& path, const FileOptions& options,
                                             std::unique_ptr<FSSequentialFile>* result, IODebugContext* dbg) {
  result->reset();
  return guarded([&] { return SequentialFile::open(context_, path, options, result, dbg); });
}

IOStatus CofferFileSystem::NewRandomAccessFile(const std::string& path, const FileOptions& options,
                                               std::unique_ptr<FSRandomAccessFile>* result, IODebugContext* dbg) {
  result->reset();
  return guarded([&] {
    std::unique_ptr<RandomFile> file;
    COFFER_IO_TRY(open_random_file(context_, path, options, &file, dbg));
    *result = std::move(file);
    return IOStatus::OK();
  });
}

Result<NewFile> CofferFileSystem::new_header(const std::string& path) {
  const Config& config = context_.coffer->config();
  const std::string absolute = absolute_path(path);
  const bool data = is_data_file(absolute);
  NewFileRequest request;
  request.kind = data ? config.data_kind : is_metadata(absolute) ? Kind::kLog : config.log_kind;
  request.suite = request.kind == Kind::kCtr ? config.ctr_suite : config.suite;
  request.chunk_log2 = request.kind == Kind::kBlocks ? config.chunk_log2 : 0;
  if (data) request.domain = config.domain_of(absolute);
  COFFER_ASSIGN(request.store_id, context_.coffer->store_for(store_directory(absolute)));
  return context_.coffer->new_file(request);
}

IOStatus CofferFileSystem::create(const std::string& path, std::unique_ptr<BaseWriter> base, NewFile header,
                                  Header state, const FileOptions& options, std::unique_ptr<FSWritableFile>* result) {
  switch (header.fields.kind) {
    case Kind::kBlocks: return create_blocks(path, std::move(base), std::move(header), options, result);
    case Kind::kLog: return create_log(path, std::move(base), std::move(header), state, options, result);
    case Kind::kCtr: return create_ctr(context_, path, std::move(base), std::move(header), state, options, result);
  }
  return IOStatus::NotSupported(path, "unknown kind of file");
}

IOStatus CofferFileSystem::NewWritableFile(const std::string& path, const FileOptions& options,
                                           std::unique_ptr<FSWritableFile>* result, IODebugContext* dbg) {
  result->reset();
  return guarded([&] {
    // The key first: without one, an old file of this name must not have been emptied.
    auto header = new_header(path);
    if (!header.is_ok()) return to_io_status(header.status().with_context(path), distrust_of(path));
    std::unique_ptr<FSWritableFile> base_file;
    COFFER_IO_TRY(context_.base->NewWritableFile(path, writing_options(path, options), &base_file, dbg));
    return create(path, BaseWriter::create(std::move(base_file)), std::move(*header), Header::kToBeWritten, options,
                  result);
  });
}

IOStatus CofferFileSystem::ReopenWritableFile(const std::string& path, const FileOptions& options,
                                              std::unique_ptr<FSWritableFile>* result, IODebugContext* dbg) {
  result->reset();
  return guarded([&] { return reopen(path, options, result, dbg); });
}

IOStatus CofferFileSystem::reopen(const std::string& path, const FileOptions& options,
                                  std::unique_ptr<FSWritableFile>* result, IODebugContext* dbg) {
  ExistingFile file;
  IOStatus opened = open_existing(context_, path, FileOptions(), &file, dbg);
  if (is_missing(opened)) return NewWritableFile(path, options, result, dbg);
  COFFER_IO_TRY(opened);
  if (file.never_written) return NewWritableFile(path, options, result, dbg);
  if (file.opened.fields.kind == Kind::kLog) return continue_log(path, std::move(file), options, result, dbg);

  uint64_t size = 0;
  COFFER_IO_TRY(measure_existing(context_, path, file, &size));
  std::unique_ptr<FSWritableFile> base_file;
  COFFER_IO_TRY(context_.base->ReopenWritableFile(path, appending_options(options), &base_file, dbg));
  return reopen_complete(path, BaseWriter::create(std::move(base_file)), file, size, options, result);
}

IOStatus CofferFileSystem::continue_log(const std::string& path, ExistingFile file, const FileOptions& options,
                                        std::unique_ptr<FSWritableFile>* result, IODebugContext* dbg) {
  const LogParams params{file.opened.fields.suite, file.opened.fields.file_id};
  auto readable = std::make_shared<BaseReadableFile>(file.reader, context_.base, path);
  auto end = [&]() -> Result<LogEnd> {
    COFFER_ASSIGN(LogReader reader, LogReader::create(std::move(readable), file.opened.file_key, params));
    return reader.measure();
  }();
  if (!end.is_ok()) return to_io_status(end.status().with_context(path), distrust_of(path));
  std::unique_ptr<FSWritableFile> base_file;
  COFFER_IO_TRY(context_.base->ReopenWritableFile(path, appending_options(options), &base_file, dbg));
  // Cuts off a torn tail. Also where there is none: RocksDB's own file learns its size only from this.
  COFFER_IO_TRY(base_file->Truncate(end->append.offset, options.io_options, dbg));
  return reopen_log(path, BaseWriter::create(std::move(base_file)), std::move(file.opened), end->append, options,
                    result);
}

IOStatus CofferFileSystem::ReuseWritableFile(const std::string& path, const std::string& old_path,
                                             const FileOptions& options, std::unique_ptr<FSWritableFile>* result,
                                             IODebugContext* dbg) {
  result->reset();
  return guarded([&] {
    if (!is_data_file(path)) return reuse(path, old_path, options, result, dbg);
    COFFER_IO_TRY(context_.base->RenameFile(old_path, path, options.io_options, dbg));
    return NewWritableFile(path, options, result, dbg);
  });
}

// The old file keeps its blocks on the disk and gets a new identity: another file id, another key. Until both slots are
// durable nothing is written under that key, so at any crash the file is wholly the old or wholly the new one.
IOStatus CofferFileSystem::reuse(const std::string& path, const std::string& old_path, const FileOptions& options,
                                 std::unique_ptr<FSWritableFile>* result, IODebugContext* dbg) {
  auto header = new_header(path);
  if (!header.is_ok()) return to_io_status(header.status().with_context(path), distrust_of(path));
  // A rewrap at the same time would put a slot of the old identity back.
  auto lock = context_.coffer->lock_envelopes();
  if (!lock.is_ok()) return to_io_status(lock.status(), distrust_of(path));
  std::unique_ptr<FSWritableFile> base_file;
  COFFER_IO_TRY(context_.base->ReuseWritableFile(path, old_path, appending_options(options), &base_file, dbg));
  std::unique_ptr<BaseWriter> base = BaseWriter::create(std::move(base_file));
  COFFER_IO_TRY(base->append(header->envelope, options.io_options, dbg));
  COFFER_IO_TRY(base->sync(false, options.io_options, dbg));
  return create(path, std::move(base), std::move(*header), Header::kDurable, options, result);
}

IOStatus CofferFileSystem::NewRandomRWFile(const std::string& path, const FileOptions& options,
                                           std::unique_ptr<::rocksdb::FSRandomRWFile>* result, IODebugContext* dbg) {
  result->reset();
  COFFER_IO_TRY(context_.base->FileExists(path, options.io_options, dbg));
  return IOStatus::NotSupported(path, "encrypted files cannot be overwritten in place");
}

IOStatus CofferFileSystem::NewMemoryMappedFileBuffer(const std::string& path,
                                                     std::unique_ptr<::rocksdb::MemoryMappedFileBuffer>* result) {
  result->reset();
  return IOStatus::NotSupported(path, "encrypted files cannot be mapped for writing");
}

IOStatus CofferFileSystem::NewLogger(const std::string& path, const IOOptions& options,
                                     std::shared_ptr<::rocksdb::Logger>* result, IODebugContext* dbg) {
  result->reset();
  return guarded([&] {
    FileOptions file_options;
    file_options.io_options = options;
    std::unique_ptr<FSWritableFile> file;
    COFFER_IO_TRY(NewWritableFile(path, file_options, &file, dbg));
    *result = std::make_shared<InfoLog>(std::move(file));
    return IOStatus::OK();
  });
}

IOStatus CofferFileSystem::logical_size(const std::string& path, const IOOptions& options, uint64_t* size,
                                        IODebugContext* dbg) {
  FileOptions file_options;
  file_options.io_options = options;
  ExistingFile file;
  IOStatus looked = look_at_existing(context_, path, file_options, &file, dbg);
  if (is_missing(looked)) return looked;
  bool is_directory = false;
  if (!looked.ok() && context_.base->IsDirectory(path, options, &is_directory, dbg).ok() && is_directory) {
    return context_.base->GetFileSize(path, options, size, dbg);
  }
  COFFER_IO_TRY(looked);
  if (file.refusal.code() == Code::kPlaintext) {
    *size = file.physical_size;
    return IOStatus::OK();
  }
  COFFER_IO_TRY(to_io_status(file.refusal, distrust_of(path)));
  return measure_existing(context_, path, file, size);
}

IOStatus CofferFileSystem::GetFileSize(const std::string& path, const IOOptions& options, uint64_t* size,
                                       IODebugContext* dbg) {
  *size = 0;
  return guarded([&] { return logical_size(path, options, size, dbg); });
}

IOStatus CofferFileSystem::GetChildrenFileAttributes(const std::string& directory, const IOOptions& options,
                                                     std::vector<::rocksdb::FileAttributes>* result,
                                                     IODebugContext* dbg) {
  COFFER_IO_TRY(context_.base->GetChildrenFileAttributes(directory, options, result, dbg));
  return guarded([&] {
    for (auto child = result->begin(); child != result->end();) {
      uint64_t size = 0;
      IOStatus status = logical_size(directory + "/" + child->name, options, &size, dbg);
      if (is_missing(status)) {
        child = result->erase(child);
        continue;
      }
      // One damaged file must not hide all others: it keeps its size on disk, which fits nothing that RocksDB expects.
      if (!status.ok() && !status.IsCorruption() && !status.GetDataLoss()) return status;
      if (status.ok()) child->size_bytes = size;
      ++child;
    }
    return IOStatus::OK();
  });
}

IOStatus CofferFileSystem::Truncate(const std::string& path, size_t size, const IOOptions& options,
                                    IODebugContext* dbg) {
  return guarded([&] {
    if (size == 0) return context_.base->Truncate(path, 0, options, dbg);
    uint64_t current = 0;
    COFFER_IO_TRY(logical_size(path, options, &current, dbg));
    if (current == size) return IOStatus::OK();
    return IOStatus::NotSupported(path, "an encrypted file cannot be cut from " + std::to_string(current) + " to " +
                                            std::to_string(size) + " bytes");
  });
}

}  // namespace coffer::rocks
