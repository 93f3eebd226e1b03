// What RocksDB's calls mean for the marks of its stores; files/marked_files has the rules.
#include "coffer/base/path.h"
#include "coffer/engines/rocksdb/coffer_file_system.h"
#include "coffer/files/freshness_check.h"
#include "coffer/files/marked_files.h"

namespace coffer::rocks {

IOStatus CofferFileSystem::check_store_of(const std::string& path) {
  const EngineRole role = role_of(path);
  if (base_name(path) != kCurrentName && role != EngineRole::kLog && role != EngineRole::kMetadata) {
    return IOStatus::OK();
  }
  const Status fresh = ensure_fresh(*context_.coffer, std::string(parent_of(absolute_path(path))));
  return to_io_status(fresh, distrust_of(path));
}

IOStatus CofferFileSystem::GetChildren(const std::string& directory, const IOOptions& options,
                                       std::vector<std::string>* result, IODebugContext* dbg) {
  return guarded([&] {
    const Status fresh = ensure_fresh(*context_.coffer, absolute_path(directory), /*listing=*/true);
    COFFER_IO_TRY(to_io_status(fresh, Distrust::kIoError));
    return context_.base->GetChildren(directory, options, result, dbg);
  });
}

IOStatus CofferFileSystem::let_go(const std::string& path) {
  const std::string absolute = absolute_path(path);
  const Status gone = base_name(path) == kCurrentName ? before_removal_of_current(*context_.coffer, absolute)
                                                      : before_removal(*context_.coffer, absolute, role_of(absolute));
  return to_io_status(gone, distrust_of(path));
}

IOStatus CofferFileSystem::let_go_if_there(const std::string& path, const IOOptions& options, IODebugContext* dbg) {
  if (context_.coffer->freshness() == nullptr || role_of(path) == EngineRole::kData) return IOStatus::OK();
  return context_.base->FileExists(path, options, dbg).ok() ? let_go(path) : IOStatus::OK();
}

IOStatus CofferFileSystem::DeleteFile(const std::string& path, const IOOptions& options, IODebugContext* dbg) {
  return guarded([&] {
    COFFER_IO_TRY(let_go(path));
    std::shared_lock leaving(successions());
    const auto gone = counted_at(path, options, dbg);
    COFFER_IO_TRY(context_.base->DeleteFile(path, options, dbg));
    context_.coffer->file_counts().changed(gone, std::nullopt);
    context_.plaintext->gone(absolute_path(path));
    return IOStatus::OK();
  });
}

IOStatus CofferFileSystem::LockFile(const std::string& path, const IOOptions& options, ::rocksdb::FileLock** lock,
                                    IODebugContext* dbg) {
  return guarded([&] {
    COFFER_IO_TRY(context_.base->LockFile(path, options, lock, dbg));
    const Status settled = context_.plaintext->settle(std::string(parent_of(absolute_path(path))));
    if (settled.is_ok()) return IOStatus::OK();
    (void)context_.base->UnlockFile(*lock, options, dbg);
    *lock = nullptr;
    return to_io_status(settled, Distrust::kIoError);
  });
}

IOStatus CofferFileSystem::rename_to_current(const std::string& from, const std::string& to, const IOOptions& options,
                                             IODebugContext* dbg) {
  if (context_.coffer->freshness() == nullptr) return context_.base->RenameFile(from, to, options, dbg);
  ::rocksdb::FileOptions file_options;
  file_options.io_options = options;
  ExistingFile file;
  COFFER_IO_TRY(open_existing(context_, from, file_options, &file, dbg));
  IOStatus renamed;
  const Status replaced = replace_current(*context_.coffer, absolute_path(to), file.opened.fields.file_id, [&] {
    renamed = context_.base->RenameFile(from, to, options, dbg);
    if (!renamed.ok()) return from_io_status(renamed);
    std::unique_ptr<::rocksdb::FSDirectory> directory;
    renamed = context_.base->NewDirectory(std::string(parent_of(to)), options, &directory, dbg);
    if (renamed.ok()) renamed = directory->Fsync(options, dbg);
    if (renamed.ok()) renamed = directory->Close(options, dbg);
    return from_io_status(renamed);
  });
  return renamed.ok() ? to_io_status(replaced, distrust_of(to)) : renamed;
}

}  // namespace coffer::rocks
