#include "coffer/files/file_reader.h"

#include <algorithm>

#include "coffer/files/body.h"
#include "coffer/files/read_exactly.h"

namespace coffer {
namespace {

using SharedFile = std::shared_ptr<const ReadableFile>;

class EmptyReader : public FileReader {
 public:
  EmptyReader() { findings_.never_written = true; }
  Result<ByteView> next() override { return ByteView(); }
};

// A body whose ranges are opened one by one.
template <class B>
class RangeReader : public FileReader {
 public:
  using Proof = std::optional<typename B::Proof>;

  // What `proof` says is said at the end.
  RangeReader(SharedFile file, B body, Proof proof)
      : file_(std::move(file)), body_(std::move(body)), proof_(std::move(proof)) {
    findings_.logical_size = body_.logical_size();
    findings_.closed = findings_.authenticated = body_.authenticated();
  }

  Result<ByteView> next() override {
    const uint64_t size = std::min(kReadPieceSize, findings_.logical_size - offset_);
    if (size == 0) return finish();
    const auto range = body_.range(offset_, size);
    sealed_.resize(range.size);
    plain_.resize(size);
    COFFER_TRY(read_exactly(*file_, range.offset, sealed_));
    if (proof_) proof_->add(sealed_);
    COFFER_TRY(body_.open(offset_, size, sealed_, plain_.data()));
    offset_ += size;
    return ByteView(plain_);
  }

 private:
  Result<ByteView> finish() {
    if (proof_) COFFER_TRY(proof_->finish());
    proof_.reset();
    return ByteView();
  }

  SharedFile file_;
  B body_;
  Proof proof_;
  uint64_t offset_ = 0;
  Bytes sealed_;
  Bytes plain_;
};

class LogFileReader : public FileReader {
 public:
  LogFileReader(LogReader log, KeyLease lease) : log_(std::move(log)), lease_(std::move(lease)) {}

  Result<ByteView> next() override {
    if (!lease_.is_current()) {
      return {Code::kKeyUnavailable, "the keys of its domain were taken back while it was read; open it again"};
    }
    COFFER_ASSIGN(ByteView piece, log_.next());
    if (piece.empty()) {
      LogEnd end = log_.end();
      findings_.logical_size = end.logical_size;
      findings_.closed = end.closed;
      findings_.torn_bytes = end.torn_bytes;
    }
    return piece;
  }

 private:
  LogReader log_;
  const KeyLease lease_;
};

class PagesFileReader : public FileReader {
 public:
  explicit PagesFileReader(OpenPages pages, uint64_t size) : pages_(std::move(pages)), piece_(kReadPieceSize) {
    findings_.logical_size = size;
  }

  Result<ByteView> next() override {
    COFFER_ASSIGN(const size_t count, pages_.read(offset_, piece_));
    offset_ += count;
    return ByteView(piece_).first(count);
  }

 private:
  OpenPages pages_;
  Bytes piece_;
  uint64_t offset_ = 0;
};

// What reads an open body, whatever its kind.
struct Reading {
  const SharedFile& file;
  const OpenedFile& opened;
  const FileReaderOptions& options;

  Result<std::unique_ptr<FileReader>> operator()(OpenLog log) const {
    return std::unique_ptr<FileReader>(std::make_unique<LogFileReader>(std::move(log).take_reader(), opened.lease));
  }
  Result<std::unique_ptr<FileReader>> operator()(OpenPages pages) const {
    COFFER_ASSIGN(const uint64_t size, pages.logical_size());
    return std::unique_ptr<FileReader>(std::make_unique<PagesFileReader>(std::move(pages), size));
  }
  template <class B>
  Result<std::unique_ptr<FileReader>> operator()(B body) const {
    typename RangeReader<B>::Proof proof;
    if (body.authenticated()) {
      COFFER_TRY(body.prove(*file, opened));
      COFFER_ASSIGN(proof, B::Proof::begin(opened));
    } else if (!options.allow_unauthenticated) {
      return {Code::kUnsupported, "this " + std::string(kind_name(opened.fields.kind)) +
                                      " file was never closed, so nothing proves its contents; "
                                      "--allow-unauthenticated reads it anyway"};
    }
    return std::unique_ptr<FileReader>(std::make_unique<RangeReader<B>>(file, std::move(body), std::move(proof)));
  }
};

Result<std::unique_ptr<FileReader>> open_body(const SharedFile& file, const OpenedFile& opened,
                                              const FileReaderOptions& options) {
  COFFER_ASSIGN(uint64_t size, file->size());
  // Logs may end anyhow: whether this one had to end cleanly is for whoever reads findings() to say.
  COFFER_ASSIGN(OpenBody body, body_of(opened.fields.kind).open(opened, file, size, EngineRole::kOther));
  return std::visit(Reading{file, opened, options}, std::move(body));
}

// Names the file in every error of another reader.
class NamingReader : public FileReader {
 public:
  NamingReader(std::unique_ptr<FileReader> reader, const EnvelopeScan& scan, std::string path)
      : reader_(std::move(reader)), path_(std::move(path)) {
    fields_ = scan.fields;
    damaged_slot_ = scan.slots[0] != SlotState::kReadable || scan.slots[1] != SlotState::kReadable;
    take_findings();
  }

  Result<ByteView> next() override {
    auto piece = reader_->next();
    if (!piece.is_ok()) return piece.status().with_context(path_);
    take_findings();
    return piece;
  }

 private:
  void take_findings() {
    findings_ = reader_->findings();
    findings_.damaged_slot = damaged_slot_;
  }

  std::unique_ptr<FileReader> reader_;
  std::string path_;
  bool damaged_slot_;
};

}  // namespace

Status check_finished(const FileFindings& findings, Kind kind, EngineRole role, const std::string& path) {
  if (kind == Kind::kLog && role == EngineRole::kWhole && !findings.closed) {
    if (findings.torn_bytes == 0) {
      return {Code::kTruncated, path + ": its clean close is missing: it was cut; restore it from a backup"};
    }
    return {Code::kDamaged, path + ": " + std::to_string(findings.torn_bytes) +
                                " bytes at its end cannot be read, and it was complete once; restore it from a backup"};
  }
  if (role == EngineRole::kData && !findings.authenticated) {
    // docs/format.md, C5
    return {Code::kTampered, path + ": its header says that it was not closed, which engines do before they " +
                                 "rely upon a file: an older header was put back; restore it from a backup"};
  }
  return Status::ok();
}

Result<std::unique_ptr<FileReader>> FileReader::open(Coffer& coffer, const std::string& path,
                                                     const FileReaderOptions& options) {
  COFFER_ASSIGN(SharedFile file, coffer.disk().open_read(path));
  COFFER_ASSIGN(FileHead head, read_head(*file, path));
  COFFER_TRY(head.refusal);
  if (head.is(FileHead::What::kNothing)) {
    if (may_be_empty(options.role)) return std::unique_ptr<FileReader>(std::make_unique<EmptyReader>());
    return {Code::kTruncated, path + ": has no header: it was cut, or never written whole; restore it from a backup"};
  }
  COFFER_ASSIGN(OpenedFile opened, coffer.open_file(head.scan, path));
  return open_unlocked(std::move(file), head.scan, opened, path, options);
}

Result<std::unique_ptr<FileReader>> FileReader::open_unlocked(std::shared_ptr<const ReadableFile> file,
                                                              const EnvelopeScan& scan, const OpenedFile& opened,
                                                              const std::string& name,
                                                              const FileReaderOptions& options) {
  auto reader = open_body(file, opened, options);
  if (!reader.is_ok()) return reader.status().with_context(name);
  return std::unique_ptr<FileReader>(std::make_unique<NamingReader>(std::move(*reader), scan, name));
}

}  // namespace coffer
