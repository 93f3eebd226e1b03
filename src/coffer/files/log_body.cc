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
    COFFER_ASSIGN(EnvelopeScan scan, scan_envelope(file.envelope));
    return std::unique_ptr<FileWriter>(
        std::make_unique<LogWriter>(LogWriter::Key{file_key, file.lease, std::move(scan)}, log_params(file.fields),
                                    LogPosition{0, kEnvelopeSize, 0}, file.envelope, ends_cleanly(role)));
  }
  // Where the log ends a torn tail may begin, which a new session must not stand behind.
  Result<ReopenedFile> reopen(OpenedFile opened, std::shared_ptr<const ReadableFile> file, uint64_t,
                              EngineRole role) const override {
    const LogParams params = log_params(opened.fields);
    COFFER_ASSIGN(EnvelopeScan scan, scan_again(*file));
    COFFER_ASSIGN(LogReader reader, LogReader::create(std::move(file), opened.file_key, params));
    COFFER_ASSIGN(LogEnd end, reader.measure());
    COFFER_ASSIGN(const auto file_key, RestingKey<FileRole>::seal(opened.file_key));
    auto writer = std::make_unique<LogWriter>(LogWriter::Key{file_key, opened.lease, std::move(scan)}, params,
                                              end.append, ByteView(), ends_cleanly(role));
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

// A log is read under a lock, so its reader is taken away, and made anew from the beginning, under that lock.
class OpenLog::State final : public KeyHolder {
 public:
  State(const OpenedFile& opened, std::shared_ptr<const ReadableFile> file, LogReader reader)
      : KeyHolder(opened.lease, opened.fields),
        file_(std::move(file)),
        params_(log_params(opened.fields)),
        reader_(std::move(reader)) {
    enroll();
  }
  ~State() override { leave(); }

  // Calls `use` with the reader.
  template <class Use>
  auto with_reader(const Use& use) -> decltype(use(std::declval<LogReader&>())) {
    for (;;) {
      {
        std::lock_guard lock(reading_);
        if (is_held()) return use(*reader_);
      }
      COFFER_TRY(take_again());
    }
  }
  Result<size_t> read(uint64_t offset, MutableBytes out) {
    return with_reader([&](LogReader& reader) { return read_with(reader, offset, out); });
  }
  LogReader take_reader() { return std::move(*reader_); }

 private:
  Result<size_t> read_with(LogReader& reader, uint64_t offset, MutableBytes out);
  Result<FileKey> unlock_again() override {
    COFFER_ASSIGN(const EnvelopeScan scan, header());
    return unlock(scan);
  }
  Result<EnvelopeScan> header() {
    std::lock_guard lock(reading_);  // somebody may still read the file with the reader that is to be taken away
    return scan_again(*file_);
  }
  Status restore_keys(const FileKey& file_key) override {
    std::lock_guard lock(reading_);
    COFFER_ASSIGN(LogReader reader, LogReader::create(file_, file_key, params_));
    reader_.emplace(std::move(reader));
    indexed_ = false;
    return Status::ok();
  }
  void drop_keys() override {
    std::lock_guard lock(reading_);
    reader_.reset();
  }

  const std::shared_ptr<const ReadableFile> file_;
  const LogParams params_;
  std::mutex reading_;
  std::optional<LogReader> reader_;  // nothing: taken back
  bool indexed_ = false;
};

OpenLog::OpenLog(std::unique_ptr<State> state) : state_(std::move(state)) {}
OpenLog::OpenLog(OpenLog&&) noexcept = default;
OpenLog& OpenLog::operator=(OpenLog&&) noexcept = default;
OpenLog::~OpenLog() = default;

Result<OpenLog> OpenLog::open(const OpenedFile& opened, std::shared_ptr<const ReadableFile> file) {
  COFFER_ASSIGN(LogReader reader, LogReader::create(file, opened.file_key, log_params(opened.fields)));
  return OpenLog(std::make_unique<State>(opened, std::move(file), std::move(reader)));
}

LogReader OpenLog::take_reader() && { return state_->take_reader(); }

Status OpenLog::usable() const { return state_->usable(); }

Status OpenLog::check_clean_end() const {
  return state_->with_reader([](const LogReader& reader) -> Status {
    COFFER_ASSIGN(LogEnd end, reader.measure());
    return end.closed ? Status::ok() : Status(Code::kTruncated, "its clean close is missing: it was cut");
  });
}

Result<uint64_t> OpenLog::logical_size() const {
  return state_->with_reader([](const LogReader& reader) { return reader.logical_size(); });
}

Result<size_t> OpenLog::read(uint64_t offset, MutableBytes out) {
  // LogReader returns what stands before a damage first and fails then; here fewer bytes mean the end.
  size_t done = 0;
  while (done < out.size()) {
    COFFER_ASSIGN(size_t piece, state_->read(offset + done, out.subspan(done)));
    if (piece == 0) break;
    done += piece;
  }
  return done;
}

Result<size_t> OpenLog::State::read_with(LogReader& reader, uint64_t offset, MutableBytes out) {
  if (offset >= reader.position()) {
    COFFER_ASSIGN(uint64_t skipped, reader.skip(offset - reader.position()));
    (void)skipped;
    if (reader.position() < offset) return size_t{0};
    return reader.read(out);
  }
  if (!indexed_ || offset + out.size() > reader.indexed_size()) {
    COFFER_TRY(reader.build_index());
    indexed_ = true;
  }
  return reader.read_at(offset, out);
}

const Body& log_body() {
  static const LogBody body;
  return body;
}

}  // namespace coffer
