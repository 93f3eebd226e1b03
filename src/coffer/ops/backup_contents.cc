#include "coffer/ops/backup_contents.h"

#include <algorithm>

namespace coffer {
namespace {

// A body as if it were a file: behind an envelope of which nobody reads anything.
class BodyAsFile final : public ReadableFile {
 public:
  // `body`: null where there is none.
  BodyAsFile(std::shared_ptr<ReadableFile> body, uint64_t size) : body_(std::move(body)), size_(size) {}

  Result<size_t> read_at(uint64_t offset, MutableBytes out) const override {
    const uint64_t all = kEnvelopeSize + size_;
    if (offset >= all) return size_t{0};
    const size_t count = std::min<uint64_t>(out.size(), all - offset);
    const size_t before = offset < kEnvelopeSize ? std::min<uint64_t>(kEnvelopeSize - offset, count) : 0;
    std::fill_n(out.begin(), before, uint8_t{0});
    if (before == count) return count;
    COFFER_ASSIGN(const size_t read,
                  body_->read_at(offset + before - kEnvelopeSize, out.subspan(before, count - before)));
    return before + read;
  }
  Result<uint64_t> size() const override { return kEnvelopeSize + size_; }
  Result<FileInfo> info() const override {
    FileInfo out;
    if (body_ != nullptr) {
      COFFER_ASSIGN(out, body_->info());
    }
    out.size = kEnvelopeSize + size_;
    return out;
  }

 private:
  const std::shared_ptr<ReadableFile> body_;
  const uint64_t size_;
};

Status check_digest(const ReadableFile& body, const BackupObject& object) {
  DigestOfPieces digest;
  Bytes piece(kFileStreamChunkSize);
  for (uint64_t at = 0; at < object.size;) {
    const size_t size = std::min<uint64_t>(piece.size(), object.size - at);
    COFFER_ASSIGN(const size_t count, body.read_at(at, MutableBytes(piece).first(size)));
    if (count < size) break;
    COFFER_TRY(digest.add(ByteView(piece).first(size)));
    at += size;
  }
  COFFER_ASSIGN(const Sha256 found, digest.finish());
  COFFER_ASSIGN(const uint64_t size, body.size());
  return found == object.digest && size == object.size ? Status::ok() : not_as_backed_up(object);
}

}  // namespace

Result<std::unique_ptr<FileReader>> open_backed_up(BackupTarget& target, const StreamedFile& file,
                                                   const FileStreamKey& key, EngineRole role) {
  std::shared_ptr<ReadableFile> body;
  if (file.body_size > 0) {
    const BackupObject object{file.had, file.body_size};
    COFFER_ASSIGN(body, target.open(backup_object_name(object.digest), object.size));
    COFFER_TRY(check_digest(*body, object));
  }
  OpenedFile opened;
  opened.fields = file.envelope.fields;
  COFFER_ASSIGN(opened.file_key, key.unwrap(file));
  return FileReader::open_unlocked(std::make_shared<BodyAsFile>(std::move(body), file.body_size), file.envelope, opened,
                                   file.name, {.role = role});
}

}  // namespace coffer
