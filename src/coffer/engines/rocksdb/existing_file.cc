#include "coffer/engines/rocksdb/existing_file.h"

namespace coffer::rocks {

Distrust distrust_of(const std::string& path) {
  return role_of(path) == EngineRole::kLog ? Distrust::kIoError : Distrust::kCorruption;
}

IOStatus look_at_existing(const Context& context, const std::string& path, const ::rocksdb::FileOptions& options,
                          ExistingFile* file, IODebugContext* dbg) {
  std::unique_ptr<::rocksdb::FSRandomAccessFile> base_file;
  COFFER_IO_TRY(context.base->NewRandomAccessFile(path, BaseReader::base_options(options), &base_file, dbg));
  file->reader = std::make_shared<const BaseReader>(std::move(base_file));

  Scratch scratch(file->reader->scratch_size(0, kEnvelopeSize));
  MutableBytes start;
  COFFER_IO_TRY(file->reader->read(0, kEnvelopeSize, options.io_options, scratch.data(), &start, dbg));
  const auto readable = file->readable(context, path);
  auto head = judge_head(start, *readable, path);
  if (!head.is_ok()) return readable->explain(head.status(), distrust_of(path));
  file->head = std::move(*head);
  return IOStatus::OK();
}

IOStatus open_existing(const Context& context, const std::string& path, const ::rocksdb::FileOptions& options,
                       ExistingFile* file, IODebugContext* dbg) {
  COFFER_IO_TRY(look_at_existing(context, path, options, file, dbg));
  COFFER_IO_TRY(to_io_status(file->head.refusal, distrust_of(path)));
  COFFER_IO_TRY(context.base->GetFileSize(path, options.io_options, &file->physical_size, dbg));
  if (file->never_written()) return IOStatus::OK();
  if (file->physical_size < kEnvelopeSize) {
    return to_io_status({Code::kTruncated, path + ": became shorter while it was opened"}, distrust_of(path));
  }
  auto opened = context.coffer->open_file(file->head.scan, path);
  if (!opened.is_ok()) return to_io_status(opened.status(), distrust_of(path));
  file->opened = std::move(*opened);
  return IOStatus::OK();
}

bool is_accepted_plaintext(const Context& context, const std::string& path, const ::rocksdb::FileOptions& options,
                           IODebugContext* dbg) {
  ExistingFile file;
  return look_at_existing(context, path, options, &file, dbg).ok() && file.head.is(FileHead::What::kPlaintext) &&
         context.base->GetFileSize(path, options.io_options, &file.physical_size, dbg).ok() &&
         context.plaintext->accepts(absolute_path(path), file.physical_size);
}

}  // namespace coffer::rocks
