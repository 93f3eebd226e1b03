// Reading `log` files.
#include <algorithm>
#include <optional>

#include "coffer/engines/rocksdb/file_name.h"
#include "coffer/engines/rocksdb/random_file.h"
#include "coffer/files/log_reader.h"

namespace coffer::rocks {
namespace {

// Logs are read front to back, often while they grow; that costs one pass. Whoever jumps back pays for an index.
class LogFile final : public RandomFile {
 public:
  LogFile(std::string path, ExistingFile& file, LogReader reader)
      : RandomFile(std::move(path), file), reader_(std::move(reader)) {}

  IOStatus check_clean_end() const;
  IOStatus logical_size(uint64_t* size) const override;

 protected:
  IOStatus read(uint64_t offset, size_t n, const IOOptions& options, uint8_t* out, size_t* count,
                IODebugContext* dbg) const override;
  // Hints about a log concern all of it: frames are not where their plaintext would be.
  BlocksOpener::Range physical_range(uint64_t, uint64_t) const override { return {0, 0}; }

 private:
  Result<size_t> read_locked(uint64_t offset, MutableBytes out) const;

  mutable std::mutex mutex_;
  mutable LogReader reader_;
  mutable bool indexed_ = false;
};

IOStatus LogFile::check_clean_end() const {
  std::lock_guard lock(mutex_);
  auto end = reader_.measure();
  if (!end.is_ok()) return fail(end.status());
  if (end->closed) return IOStatus::OK();
  return fail(Status(Code::kTruncated, "its clean close is missing: it was cut"));
}

IOStatus LogFile::logical_size(uint64_t* size) const {
  std::lock_guard lock(mutex_);
  auto measured = reader_.logical_size();
  if (!measured.is_ok()) return fail(measured.status());
  *size = *measured;
  return IOStatus::OK();
}

IOStatus LogFile::read(uint64_t offset, size_t n, const IOOptions&, uint8_t* out, size_t* count,
                       IODebugContext*) const {
  std::lock_guard lock(mutex_);
  // RocksDB takes fewer bytes than it asked for as the end of the log. LogReader returns what stands before a damage
  // first and fails then; here the failure must not look like the end.
  for (*count = 0; *count < n;) {
    auto piece = read_locked(offset + *count, MutableBytes(out + *count, n - *count));
    if (!piece.is_ok()) return fail(piece.status());
    if (*piece == 0) break;
    *count += *piece;
  }
  return IOStatus::OK();
}

Result<size_t> LogFile::read_locked(uint64_t offset, MutableBytes out) const {
  if (offset >= reader_.position()) {
    COFFER_ASSIGN(uint64_t skipped, reader_.skip(offset - reader_.position()));
    (void)skipped;
    if (reader_.position() < offset) return size_t{0};
    return reader_.read(out);
  }
  if (!indexed_ || offset + out.size() > reader_.indexed_size()) {
    COFFER_TRY(reader_.build_index());
    indexed_ = true;
  }
  return reader_.read_at(offset, out);
}

}  // namespace

IOStatus open_log(const Context& context, const std::string& path, ExistingFile file,
                  std::unique_ptr<RandomFile>* result) {
  const LogParams params{file.opened.fields.suite, file.opened.fields.file_id};
  auto readable = std::make_shared<BaseReadableFile>(file.reader, context.base, path);
  auto reader = LogReader::create(std::move(readable), file.opened.file_key, params);
  if (!reader.is_ok()) return to_io_status(reader.status().with_context(path), distrust_of(path));
  auto log = std::make_unique<LogFile>(path, file, std::move(*reader));
  if (must_end_cleanly(path)) COFFER_IO_TRY(log->check_clean_end());
  *result = std::move(log);
  return IOStatus::OK();
}

}  // namespace coffer::rocks
