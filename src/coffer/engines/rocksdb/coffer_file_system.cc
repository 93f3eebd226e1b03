#include "coffer/engines/rocksdb/coffer_file_system.h"

#include "coffer/crypto/key_memory.h"
#include "coffer/engines/rocksdb/info_log.h"
#include "coffer/files/marked_files.h"
#include "coffer/files/new_file.h"

namespace coffer::rocks {

using ::rocksdb::FileOptions;
using ::rocksdb::FSRandomAccessFile;
using ::rocksdb::FSSequentialFile;
using ::rocksdb::FSWritableFile;

namespace {

// Only data files are worth it, and only they are written from the first byte on by one owner.
FileOptions writing_options(const std::string& path, const FileOptions& options) {
  FileOptions base = BaseWriter::base_options(options);
  base.use_direct_writes = base.use_direct_writes && role_of(path) == EngineRole::kData;
  return base;
}

FileOptions appending_options(const FileOptions& options) {
  FileOptions base = BaseWriter::base_options(options);
  base.use_direct_writes = false;
  return base;
}

bool is_missing(const IOStatus& status) { return status.IsNotFound() || status.IsPathNotFound(); }

}  // namespace

std::shared_mutex& successions() {
  static std::shared_mutex mutex;
  return mutex;
}

IOStatus CofferFileSystem::NewSequentialFile(const std::string& path, const FileOptions& options,
                                             std::unique_ptr<FSSequentialFile>* result, IODebugContext* dbg) {
  result->reset();
  return guarded([&] {
    COFFER_IO_TRY(check_store_of(path));
    std::unique_ptr<SequentialFile> file;
    {
      std::shared_lock opening(successions());
      const IOStatus opened = SequentialFile::open(context_, path, options, &file, dbg);
      if (!opened.ok() && is_accepted_plaintext(context_, path, options, dbg)) {
        return context_.base->NewSequentialFile(path, options, result, dbg);
      }
      COFFER_IO_TRY(opened);
    }
    if (role_of(path) == EngineRole::kData) COFFER_IO_TRY(begin_copy(*file));
    *result = std::move(file);
    return IOStatus::OK();
  });
}

IOStatus CofferFileSystem::begin_copy(SequentialFile& source) {
  const Domain* domain = context_.coffer->keyring()->find_key(source.domain_key_id()).domain;
  if (domain == nullptr) return IOStatus::OK();
  set_copy_source(source.keep_copy_source({domain->name}));
  const std::shared_ptr<CopyTarget> target = copy_target();
  if (target == nullptr || domain->name == kSystemDomain) return IOStatus::OK();
  auto header = header_for(target->path, domain->name);
  if (!header.is_ok()) return to_io_status(header.status(), distrust_of(target->path));
  auto writer = new_writer(context_.coffer, std::move(*header), EngineRole::kData);
  if (!writer.is_ok()) return to_io_status(writer.status().with_context(target->path), distrust_of(target->path));
  list(**writer, target->path, {});
  target->file->begin_again(std::move(*writer));
  return IOStatus::OK();
}

std::string CofferFileSystem::domain_for(const std::string& absolute_path) {
  if (role_of(absolute_path) != EngineRole::kData) return {};
  std::string announced = announced_->take(absolute_path);
  if (!announced.empty()) return announced;
  const std::string_view configured = context_.coffer->config().domain_of(absolute_path);
  if (configured != kSystemDomain) return std::string(configured);
  const std::shared_ptr<const CopySource> source = copy_source();
  return source != nullptr ? source->domain : std::string();
}

IOStatus CofferFileSystem::NewRandomAccessFile(const std::string& path, const FileOptions& options,
                                               std::unique_ptr<FSRandomAccessFile>* result, IODebugContext* dbg) {
  result->reset();
  return guarded([&] {
    std::unique_ptr<RandomFile> file;
    std::shared_lock opening(successions());
    const IOStatus opened = open_random_file(context_, path, options, &file, dbg);
    if (!opened.ok() && is_accepted_plaintext(context_, path, options, dbg)) {
      return context_.base->NewRandomAccessFile(path, options, result, dbg);
    }
    COFFER_IO_TRY(opened);
    *result = std::move(file);
    return IOStatus::OK();
  });
}

Result<NewFile> CofferFileSystem::header_for(const std::string& path, const std::string& domain,
                                             const ReadableFile* recycled) {
  const std::string absolute = absolute_path(path);
  auto header = new_header(*context_.coffer, {absolute, store_directory(absolute), role_of(absolute), domain,
                                              shows_a_database(absolute), recycled});
  if (!header.is_ok()) return header.status().with_context(path);
  return header;
}

IOStatus CofferFileSystem::make_file(const std::string& path, std::unique_ptr<FSWritableFile> base_file,
                                     Result<std::unique_ptr<FileWriter>> writer, const FileOptions& options,
                                     const Listing& listing, std::unique_ptr<WritableFile>* result) {
  if (!writer.is_ok()) return to_io_status(writer.status().with_context(path), distrust_of(path));
  list(**writer, path, listing);
  watch_log(*context_.coffer, **writer, absolute_path(path), role_of(path));
  *result = std::make_unique<WritableFile>(context_, path, BaseWriter::create(std::move(base_file)), std::move(*writer),
                                           options);
  return IOStatus::OK();
}

IOStatus CofferFileSystem::NewWritableFile(const std::string& path, const FileOptions& options,
                                           std::unique_ptr<FSWritableFile>* result, IODebugContext* dbg) {
  result->reset();
  return guarded([&] {
    // The key first: without one, an old file of this name must not have been emptied.
    const std::string domain = domain_for(absolute_path(path));
    auto header = header_for(path, domain);
    if (!header.is_ok()) return to_io_status(header.status(), distrust_of(path));
    COFFER_IO_TRY(let_go_if_there(path, options.io_options, dbg));
    const auto replaced = counted_at(path, options.io_options, dbg);
    std::unique_ptr<FSWritableFile> base_file;
    COFFER_IO_TRY(context_.base->NewWritableFile(path, writing_options(path, options), &base_file, dbg));
    context_.coffer->file_counts().changed(replaced, std::nullopt);
    std::unique_ptr<WritableFile> file;
    COFFER_IO_TRY(make_file(path, std::move(base_file), new_writer(context_.coffer, std::move(*header), role_of(path)),
                            options, {}, &file));
    if (domain.empty() && role_of(path) == EngineRole::kData) file->await_copy_source();
    *result = std::move(file);
    return IOStatus::OK();
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
  if (file.never_written()) return NewWritableFile(path, options, result, dbg);

  auto readable = file.readable(context_, path);
  Listing listing{.before = file.physical_size, .size = file.physical_size};
  listing.other_key = class_of(file.head.scan).other;
  const auto counter = context_.coffer->usage().counter(file.opened.fields.domain_key_id);
  auto reopened =
      body_of(file.opened.fields.kind).reopen(std::move(file.opened), readable, file.physical_size, role_of(path));
  if (!reopened.is_ok()) return readable->explain(reopened.status().with_context(path), distrust_of(path));
  reopened->writer->be_counted(counter);
  std::unique_ptr<FSWritableFile> base_file;
  COFFER_IO_TRY(context_.base->ReopenWritableFile(path, appending_options(options), &base_file, dbg));
  // Also where nothing is cut off: RocksDB's own file learns its size only from this.
  if (reopened->cut_at) COFFER_IO_TRY(base_file->Truncate(*reopened->cut_at, options.io_options, dbg));
  if (reopened->cut_at) listing.size = *reopened->cut_at;
  std::unique_ptr<WritableFile> out;
  COFFER_IO_TRY(make_file(path, std::move(base_file), std::move(reopened->writer), options, listing, &out));
  *result = std::move(out);
  return IOStatus::OK();
}

IOStatus CofferFileSystem::ReuseWritableFile(const std::string& path, const std::string& old_path,
                                             const FileOptions& options, std::unique_ptr<FSWritableFile>* result,
                                             IODebugContext* dbg) {
  result->reset();
  return guarded([&] {
    // A mark that requires the old file until it can be rewritten: it stays, and is deleted when that is possible.
    if (!let_go(old_path).ok()) return NewWritableFile(path, options, result, dbg);
    // The plaintext of one from before must not stay behind a header.
    if (context_.plaintext->has_accepted() && is_accepted_plaintext(context_, old_path, options, dbg)) {
      COFFER_IO_TRY(DeleteFile(old_path, options.io_options, dbg));
      return NewWritableFile(path, options, result, dbg);
    }
    if (role_of(path) != EngineRole::kData) return reuse(path, old_path, options, result, dbg);
    COFFER_IO_TRY(context_.base->RenameFile(old_path, path, options.io_options, dbg));
    return NewWritableFile(path, options, result, dbg);
  });
}

// The old file keeps its blocks on the disk and gets a new identity: another file id, another key.
IOStatus CofferFileSystem::reuse(const std::string& path, const std::string& old_path, const FileOptions& options,
                                 std::unique_ptr<FSWritableFile>* result, IODebugContext* dbg) {
  std::unique_ptr<FSRandomAccessFile> old_file;
  COFFER_IO_TRY(context_.base->NewRandomAccessFile(old_path, BaseReader::base_options(options), &old_file, dbg));
  const BaseReadableFile old(std::make_shared<const BaseReader>(std::move(old_file)), context_.base, old_path);
  auto header = header_for(path, {}, &old);
  if (!header.is_ok()) return to_io_status(header.status(), distrust_of(path));
  const auto before = counted_at(old_path, options.io_options, dbg);
  // A rewrap at the same time would put a slot of the old identity back.
  auto lock = context_.coffer->lock_envelopes();
  if (!lock.is_ok()) return to_io_status(lock.status(), distrust_of(path));
  std::unique_ptr<FSWritableFile> base_file;
  COFFER_IO_TRY(context_.base->ReuseWritableFile(path, old_path, appending_options(options), &base_file, dbg));
  context_.coffer->file_counts().changed(before, std::nullopt);
  std::unique_ptr<WritableFile> file;
  COFFER_IO_TRY(make_file(path, std::move(base_file), new_writer(context_.coffer, std::move(*header), role_of(path)),
                          options, {.floor = before ? before->size : 0}, &file));
  COFFER_IO_TRY(file->settle_head(options.io_options, dbg));
  *result = std::move(file);
  return IOStatus::OK();
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
    auto news = [coffer = context_.coffer, seen = uint64_t{0}, marks_seen = uint64_t{0}, policy_seen = uint64_t{0},
                 warned = false]() mutable {
      std::string line = coffer->live_keyring().news_since(seen);
      if (line.empty()) line = coffer->policy().news_since(policy_seen);
      if (line.empty() && coffer->freshness() != nullptr) line = coffer->freshness()->news_since(marks_seen);
      if (line.empty() && !warned) {
        line = key_memory_warning();
        warned = !line.empty();
      }
      return line;
    };
    *result = std::make_shared<InfoLog>(std::move(file), std::move(news));
    ::rocksdb::Header(result->get(), "Coffer: data files are read %s", how_data_files_are_read(context_, path).c_str());
    return IOStatus::OK();
  });
}

// One header and, but for logs, no more is read, and no key asked for. The size is what anybody sees who may look at
// the disk, and as little proven: opening the file proves it.
IOStatus CofferFileSystem::logical_size(const std::string& path, const IOOptions& options, uint64_t* size,
                                        IODebugContext* dbg) {
  FileOptions file_options;
  file_options.io_options = options;
  ExistingFile file;
  std::shared_lock measuring(successions());
  IOStatus looked = look_at_existing(context_, path, file_options, &file, dbg);
  if (is_missing(looked)) return looked;
  bool is_directory = false;
  if (!looked.ok() && context_.base->IsDirectory(path, options, &is_directory, dbg).ok() && is_directory) {
    return context_.base->GetFileSize(path, options, size, dbg);
  }
  COFFER_IO_TRY(looked);
  COFFER_IO_TRY(context_.base->GetFileSize(path, options, &file.physical_size, dbg));
  if (file.head.is(FileHead::What::kPlaintext) &&
      context_.plaintext->accepts(absolute_path(path), file.physical_size)) {
    *size = file.physical_size;
    return IOStatus::OK();
  }
  auto readable = file.readable(context_, path);
  auto shown = shown_size(file.head, readable, file.physical_size);
  if (!shown.is_ok()) return readable->explain(shown.status().with_context(path), distrust_of(path));
  *size = *shown;
  return IOStatus::OK();
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
    if (size == 0) {
      COFFER_IO_TRY(let_go(path));
      const auto before = counted_at(path, options, dbg);
      COFFER_IO_TRY(context_.base->Truncate(path, 0, options, dbg));
      context_.coffer->file_counts().changed(before, std::nullopt);
      return IOStatus::OK();
    }
    uint64_t current = 0;
    COFFER_IO_TRY(logical_size(path, options, &current, dbg));
    if (current == size) return IOStatus::OK();
    return IOStatus::NotSupported(path, "an encrypted file cannot be cut from " + std::to_string(current) + " to " +
                                            std::to_string(size) + " bytes");
  });
}

}  // namespace coffer::rocks
