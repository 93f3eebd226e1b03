#include "coffer/files/file_reader.h"

#include <algorithm>

#include "coffer/crypto/kdf.h"
#include "coffer/files/log_reader.h"
#include "coffer/format/blocks.h"
#include "coffer/format/ctr.h"

namespace coffer {
namespace {

constexpr uint64_t kPieceSize = uint64_t{1} << 20;

using SharedFile = std::shared_ptr<const ReadableFile>;

// Exactly out.size() bytes, or kTruncated: the file shrank since its size was taken.
Status read_exactly(const ReadableFile& file, uint64_t offset, MutableBytes out) {
  COFFER_ASSIGN(size_t count, file.read_at(offset, out));
  if (count != out.size()) return {Code::kTruncated, "ends before byte " + std::to_string(offset + out.size())};
  return Status::ok();
}

class EmptyReader : public FileReader {
 public:
  Result<ByteView> next() override { return ByteView(); }
};

class BlocksReader : public FileReader {
 public:
  static Result<std::unique_ptr<FileReader>> open(SharedFile file, const OpenedFile& opened) {
    COFFER_ASSIGN(uint64_t size, file->size());
    std::array<uint8_t, kBlocksPrefixSize> prefix{};
    if (size < kEnvelopeSize + prefix.size()) return {Code::kTruncated, "ends inside its header"};
    COFFER_TRY(read_exactly(*file, kEnvelopeSize, prefix));
    BlocksParams params{opened.fields.suite, opened.fields.chunk_log2, opened.fields.file_id};
    COFFER_ASSIGN(BlocksOpener opener, BlocksOpener::create(opened.file_key, params, prefix, size));
    auto reader = std::unique_ptr<BlocksReader>(new BlocksReader(std::move(file), std::move(opener)));
    COFFER_TRY(reader->verify_end());
    return std::unique_ptr<FileReader>(std::move(reader));
  }

  Result<ByteView> next() override {
    uint64_t size = std::min(kPieceSize, opener_.logical_size() - offset_);
    if (size == 0) return ByteView();
    BlocksOpener::Range range = opener_.range(offset_, size);
    sealed_.resize(range.size);
    plain_.resize(size);
    COFFER_TRY(read_exactly(*file_, range.offset, sealed_));
    COFFER_TRY(opener_.open(offset_, size, sealed_, plain_.data()));
    offset_ += size;
    return ByteView(plain_);
  }

 private:
  BlocksReader(SharedFile file, BlocksOpener opener) : file_(std::move(file)), opener_(std::move(opener)) {
    findings_.logical_size = opener_.logical_size();
  }

  // The end proves the size, so a cut file is reported before anything of it is released.
  Status verify_end() {
    BlocksOpener::Range range = opener_.end_range();
    sealed_.resize(range.size);
    COFFER_TRY(read_exactly(*file_, range.offset, sealed_));
    return opener_.verify_end(sealed_);
  }

  SharedFile file_;
  BlocksOpener opener_;
  uint64_t offset_ = 0;
  Bytes sealed_;
  Bytes plain_;
};

class CtrReader : public FileReader {
 public:
  static Result<std::unique_ptr<FileReader>> open(SharedFile file, const OpenedFile& opened,
                                                  const FileReaderOptions& options) {
    COFFER_ASSIGN(uint64_t size, file->size());
    const uint64_t body_size = size - kEnvelopeSize;
    const EnvelopeFields& fields = opened.fields;
    if (!fields.body_sealed && !options.allow_unauthenticated) {
      return {
          Code::kUnsupported,
          "this ctr file was never closed, so nothing proves its contents; --allow-unauthenticated reads it anyway"};
    }
    if (fields.body_sealed && body_size < fields.body_size)
      return {Code::kTruncated, "shorter than when it was closed"};
    if (fields.body_sealed && body_size > fields.body_size) return {Code::kTampered, "longer than when it was closed"};
    COFFER_ASSIGN(CtrBody body, CtrBody::create(opened.file_key, fields.suite, fields.file_id));
    auto reader = std::unique_ptr<CtrReader>(new CtrReader(std::move(file), std::move(body), body_size));
    if (fields.body_sealed) COFFER_TRY(reader->verify(opened));
    reader->findings_.closed = reader->findings_.authenticated = fields.body_sealed;
    return std::unique_ptr<FileReader>(std::move(reader));
  }

  Result<ByteView> next() override {
    uint64_t size = std::min(kPieceSize, body_size_ - offset_);
    if (size == 0) return ByteView();
    piece_.resize(size);
    COFFER_TRY(read_exactly(*file_, kEnvelopeSize + offset_, piece_));
    COFFER_TRY(body_.apply(offset_, piece_, piece_.data()));
    offset_ += size;
    return ByteView(piece_);
  }

 private:
  CtrReader(SharedFile file, CtrBody body, uint64_t body_size)
      : file_(std::move(file)), body_(std::move(body)), body_size_(body_size) {
    findings_.logical_size = body_size;
  }

  Status verify(const OpenedFile& opened) {
    COFFER_ASSIGN(Gmac mac, ctr_body_mac(opened.file_key, opened.fields.file_id));
    for (uint64_t offset = 0; offset < body_size_; offset += piece_.size()) {
      piece_.resize(std::min(kPieceSize, body_size_ - offset));
      COFFER_TRY(read_exactly(*file_, kEnvelopeSize + offset, piece_));
      mac.update(piece_);
    }
    if (!equal_constant_time(mac.finish(), opened.fields.body_mac)) {
      return {Code::kTampered, "its body does not fit the MAC taken when it was closed"};
    }
    return Status::ok();
  }

  SharedFile file_;
  CtrBody body_;
  uint64_t body_size_;
  uint64_t offset_ = 0;
  Bytes piece_;
};

class LogFileReader : public FileReader {
 public:
  static Result<std::unique_ptr<FileReader>> open(SharedFile file, const OpenedFile& opened) {
    LogParams params{opened.fields.suite, opened.fields.file_id};
    COFFER_ASSIGN(LogReader log, LogReader::create(std::move(file), opened.file_key, params));
    return std::unique_ptr<FileReader>(new LogFileReader(std::move(log)));
  }

  Result<ByteView> next() override {
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
  explicit LogFileReader(LogReader log) : log_(std::move(log)) {}

  LogReader log_;
};

Result<std::unique_ptr<FileReader>> open_body(SharedFile file, const OpenedFile& opened,
                                              const FileReaderOptions& options) {
  switch (opened.fields.kind) {
    case Kind::kBlocks: return BlocksReader::open(std::move(file), opened);
    case Kind::kLog: return LogFileReader::open(std::move(file), opened);
    case Kind::kCtr: return CtrReader::open(std::move(file), opened, options);
  }
  return {Code::kInternal, "a file of no kind"};
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

Result<std::unique_ptr<FileReader>> FileReader::open(Coffer& coffer, const std::string& path,
                                                     const FileReaderOptions& options) {
  COFFER_ASSIGN(SharedFile file, coffer.disk().open_read(path));
  Bytes envelope(kEnvelopeSize);
  COFFER_ASSIGN(size_t count, file->read_at(0, envelope));
  envelope.resize(count);
  if (Coffer::never_written(envelope)) return std::unique_ptr<FileReader>(std::make_unique<EmptyReader>());
  auto scan = scan_envelope(envelope);
  if (scan.code() == Code::kTruncated) {
    return {Code::kPlaintext,
            path + ": not a Coffer file: too short for an encrypted header, and not the beginning of one"};
  }
  if (!scan.is_ok()) return scan.status().with_context(path);
  COFFER_ASSIGN(OpenedFile opened, coffer.open_file(*scan, path));
  auto reader = open_body(std::move(file), opened, options);
  if (!reader.is_ok()) return reader.status().with_context(path);
  return std::unique_ptr<FileReader>(std::make_unique<NamingReader>(std::move(*reader), *scan, path));
}

}  // namespace coffer
