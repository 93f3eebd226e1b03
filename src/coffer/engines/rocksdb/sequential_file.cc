#include "coffer/engines/rocksdb/sequential_file.h"

namespace coffer::rocks {

IOStatus SequentialFile::open(const Context& context, const std::string& path, const ::rocksdb::FileOptions& options,
                              std::unique_ptr<SequentialFile>* result, IODebugContext* dbg) {
  std::unique_ptr<SequentialFile> file(new SequentialFile(context, path, options));
  COFFER_IO_TRY(open_random_file(context, path, options, &file->file_, dbg));
  *result = std::move(file);
  return IOStatus::OK();
}

// A log may be opened before its writer has put anything into it, and followed from there on.
IOStatus SequentialFile::look_again(IODebugContext* dbg) {
  std::unique_ptr<RandomFile> file;
  IOStatus status = guarded([&] { return open_random_file(context_, path_, options_, &file, dbg); });
  // Deleted or renamed meanwhile: what is open stays empty.
  if (status.IsNotFound() || status.IsPathNotFound()) return IOStatus::OK();
  COFFER_IO_TRY(status);
  file_ = std::move(file);
  return IOStatus::OK();
}

IOStatus SequentialFile::Read(size_t n, const IOOptions& options, Slice* result, char* scratch, IODebugContext* dbg) {
  *result = Slice();
  if (file_->never_written()) COFFER_IO_TRY(look_again(dbg));
  COFFER_IO_TRY(file_->Read(position_, n, options, result, scratch, dbg));
  position_ += result->size();
  return IOStatus::OK();
}

IOStatus SequentialFile::PositionedRead(uint64_t offset, size_t n, const IOOptions& options, Slice* result,
                                        char* scratch, IODebugContext* dbg) {
  if (file_->never_written()) COFFER_IO_TRY(look_again(dbg));
  return file_->Read(offset, n, options, result, scratch, dbg);
}

}  // namespace coffer::rocks
