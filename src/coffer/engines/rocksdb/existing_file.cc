#include "coffer/engines/rocksdb/existing_file.h"

#include "coffer/engines/rocksdb/file_name.h"
#include "coffer/files/log_reader.h"
#include "coffer/format/blocks.h"

namespace coffer::rocks {
namespace {

Result<uint64_t> logical_size(const Context& context, const std::string& path, const ExistingFile& file) {
  const EnvelopeFields& fields = file.opened.fields;
  switch (fields.kind) {
    case Kind::kBlocks: {
      COFFER_ASSIGN(BlocksLayout layout, BlocksLayout::create(fields.chunk_log2));
      return layout.logical_size(file.physical_size);
    }
    case Kind::kCtr: return file.physical_size - kEnvelopeSize;
    case Kind::kLog: {
      auto readable = std::make_shared<BaseReadableFile>(file.reader, context.base, path);
      const LogParams params{fields.suite, fields.file_id};
      COFFER_ASSIGN(LogReader reader, LogReader::create(std::move(readable), file.opened.file_key, params));
      return reader.logical_size();
    }
  }
  return {Code::kUnsupported, "unknown kind of file"};
}

}  // namespace

Distrust distrust_of(const std::string& path) {
  return is_write_ahead_log(path) ? Distrust::kIoError : Distrust::kCorruption;
}

IOStatus look_at_existing(const Context& context, const std::string& path, const ::rocksdb::FileOptions& options,
                          ExistingFile* file, IODebugContext* dbg) {
  std::unique_ptr<::rocksdb::FSRandomAccessFile> base_file;
  COFFER_IO_TRY(context.base->NewRandomAccessFile(path, BaseReader::base_options(options), &base_file, dbg));
  file->reader = std::make_shared<const BaseReader>(std::move(base_file));

  Scratch scratch(file->reader->scratch_size(0, kEnvelopeSize));
  MutableBytes start;
  COFFER_IO_TRY(file->reader->read(0, kEnvelopeSize, options.io_options, scratch.data(), &start, dbg));
  COFFER_IO_TRY(context.base->GetFileSize(path, options.io_options, &file->physical_size, dbg));
  if (Coffer::never_written(start)) {
    file->never_written = true;
    return IOStatus::OK();
  }
  if (start.size() < kEnvelopeSize) {
    // A header cut short begins like a header and counts as never written: these bytes are something else.
    file->refusal = Status(Code::kPlaintext, path + ": has no header of Coffer's, only " +
                                                 std::to_string(start.size()) + " bytes in clear");
    return IOStatus::OK();
  }
  if (file->physical_size < kEnvelopeSize) {
    file->refusal = Status(Code::kTruncated, path + ": became shorter while it was opened");
    return IOStatus::OK();
  }
  auto opened = context.coffer->open_file(start, path);
  if (opened.is_ok()) {
    file->opened = std::move(*opened);
  } else {
    file->refusal = opened.status();
  }
  return IOStatus::OK();
}

IOStatus open_existing(const Context& context, const std::string& path, const ::rocksdb::FileOptions& options,
                       ExistingFile* file, IODebugContext* dbg) {
  COFFER_IO_TRY(look_at_existing(context, path, options, file, dbg));
  return to_io_status(file->refusal, distrust_of(path));
}

IOStatus measure_existing(const Context& context, const std::string& path, const ExistingFile& file, uint64_t* size) {
  *size = 0;
  if (file.never_written) return IOStatus::OK();
  auto measured = logical_size(context, path, file);
  if (!measured.is_ok()) return to_io_status(measured.status().with_context(path), distrust_of(path));
  *size = *measured;
  return IOStatus::OK();
}

}  // namespace coffer::rocks
