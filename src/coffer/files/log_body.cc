#include "coffer/files/log_body.h"

#include "coffer/base/check.h"
#include "coffer/files/body.h"
#include "coffer/files/log_writer.h"

namespace coffer {
namespace {

LogParams log_params(const EnvelopeFields& fields) {
  COFFER_REQUIRE(fields.kind == Kind::kLog, "a body is opened as the kind that its header says");
  return {fields.suite, fields.file_id, fields.earlier_body};
}

class LogBody final : public Body {
 public:
  Result<uint64_t> measure(const EnvelopeFields& fields, std::shared_ptr<const ReadableFile> file,
                           uint64_t) const override {
    return measure_log(std::move(file), log_params(fields));
  }
  // Zeros look like the end of a log that was preallocated.
  bool proves_each_read() const override { return false; }
  Result<std::unique_ptr<FileWriter>> create(std::shared_ptr<Coffer>, NewFile file, EngineRole role) const override {
    COFFER_ASSIGN(const auto file_key, RestingKey<FileRole>::seal(file.file_key));
    return std::unique_ptr<FileWriter>(std::make_unique<LogWriter>(
        file_key, log_params(file.fields), LogPosition{0, kEnvelopeSize, 0}, file.envelope, ends_cleanly(role)));
  }
  // Where the log ends a torn tail may begin, which a new session must not stand behind.
  Result<ReopenedFile> reopen(OpenedFile opened, std::shared_ptr<const ReadableFile> file, uint64_t,
                              EngineRole role) const override {
    const LogParams params = log_params(opened.fields);
    COFFER_ASSIGN(LogReader reader, LogReader::create(std::move(file), opened.file_key, params));
    COFFER_ASSIGN(LogEnd end, reader.measure());
    COFFER_ASSIGN(const auto file_key, RestingKey<FileRole>::seal(opened.file_key));
    auto writer = std::make_unique<LogWriter>(file_key, params, end.append, ByteView(), ends_cleanly(role));
    return ReopenedFile{std::move(writer), end.append.offset};
  }
  Result<OpenBody> open(const OpenedFile& opened, std::shared_ptr<const ReadableFile> file, uint64_t,
                        EngineRole role) const override {
    COFFER_ASSIGN(OpenLog log, OpenLog::open(opened, std::move(file)));
    if (ends_cleanly(role)) COFFER_TRY(log.check_clean_end());
    return OpenBody(std::move(log));
  }
};

}  // namespace

Result<OpenLog> OpenLog::open(const OpenedFile& opened, std::shared_ptr<const ReadableFile> file) {
  COFFER_ASSIGN(LogReader reader, LogReader::create(std::move(file), opened.file_key, log_params(opened.fields)));
  return OpenLog(std::move(reader));
}

Status OpenLog::check_clean_end() const {
  std::lock_guard lock(state_->mutex);
  COFFER_ASSIGN(LogEnd end, state_->reader.measure());
  return end.closed ? Status::ok() : Status(Code::kTruncated, "its clean close is missing: it was cut");
}

Result<uint64_t> OpenLog::logical_size() const {
  std::lock_guard lock(state_->mutex);
  return state_->reader.logical_size();
}

Result<size_t> OpenLog::read(uint64_t offset, MutableBytes out) {
  std::lock_guard lock(state_->mutex);
  // LogReader returns what stands before a damage first and fails then; here fewer bytes mean the end.
  size_t done = 0;
  while (done < out.size()) {
    COFFER_ASSIGN(size_t piece, read_locked(offset + done, out.subspan(done)));
    if (piece == 0) break;
    done += piece;
  }
  return done;
}

Result<size_t> OpenLog::read_locked(uint64_t offset, MutableBytes out) {
  LogReader& reader = state_->reader;
  if (offset >= reader.position()) {
    COFFER_ASSIGN(uint64_t skipped, reader.skip(offset - reader.position()));
    (void)skipped;
    if (reader.position() < offset) return size_t{0};
    return reader.read(out);
  }
  if (!state_->indexed || offset + out.size() > reader.indexed_size()) {
    COFFER_TRY(reader.build_index());
    state_->indexed = true;
  }
  return reader.read_at(offset, out);
}

const Body& log_body() {
  static const LogBody body;
  return body;
}

}  // namespace coffer
