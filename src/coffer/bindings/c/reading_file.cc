#include <algorithm>

#include "coffer/base/scratch.h"
#include "coffer/bindings/c/open_file.h"
#include "coffer/files/read_exactly.h"

namespace coffer::bindings {
namespace {

using SharedCallbackFile = std::shared_ptr<const CallbackFile>;

// No file is as long, and no sum of offsets below it overflows.
constexpr uint64_t kOffsetMax = uint64_t{1} << 62;

// A body of which each range is opened by itself.
template <class B>
class RangeReadingFile final : public OpenFile {
 public:
  RangeReadingFile(SharedCallbackFile file, B body) : file_(std::move(file)), body_(std::move(body)) {}

  Result<uint64_t> size() override {
    COFFER_TRY(body_.usable());
    if (body_.size_is_final()) return body_.logical_size();
    COFFER_ASSIGN(const uint64_t physical_size, file_->size());
    return std::max<uint64_t>(physical_size, kEnvelopeSize) - kEnvelopeSize;
  }

  Result<size_t> read_at(uint64_t offset, MutableBytes out) override {
    if (offset > kOffsetMax) return size_t{0};
    size_t done = 0;
    while (done < out.size()) {
      const size_t wanted = std::min<size_t>(out.size() - done, kReadPieceSize);
      COFFER_ASSIGN(const size_t count, read_piece(offset + done, out.subspan(done, wanted)));
      done += count;
      if (count < wanted) break;
    }
    return done;
  }

 private:
  Result<size_t> read_piece(uint64_t offset, MutableBytes out) const {
    size_t size = body_.readable(offset, out.size());
    if (size == 0) return size;
    const BlocksOpener::Range range = body_.range(offset, size);
    Scratch scratch(range.size);
    COFFER_ASSIGN(const size_t count, file_->read_at(range.offset, scratch.bytes()));
    if (count < range.size) {
      if (!may_end_at(offset + count, offset + size)) return {Code::kTruncated, "became shorter while it was open"};
      size = count;
    }
    COFFER_TRY(body_.open(offset, size, scratch.bytes().first(count), out.data()));
    return size;
  }
  // Whether the file may have no more than that of what was asked for.
  bool may_end_at(uint64_t end, uint64_t wanted_end) const {
    if constexpr (!B::kMayBeShort) return false;
    return !body_.size_is_final() || end >= std::min(wanted_end, body_.logical_size());
  }

  const SharedCallbackFile file_;
  const B body_;
};

// A body that reads for itself.
template <class B>
class SelfReadingFile final : public OpenFile {
 public:
  explicit SelfReadingFile(B body) : body_(std::move(body)) {}

  Result<uint64_t> size() override { return body_.logical_size(); }
  Result<size_t> read_at(uint64_t offset, MutableBytes out) override { return body_.read(offset, out); }

 private:
  B body_;
};

// One that was never written.
class EmptyReadingFile final : public OpenFile {
 public:
  Result<uint64_t> size() override { return uint64_t{0}; }
  Result<size_t> read_at(uint64_t, MutableBytes) override { return size_t{0}; }
};

struct AsReadingFile {
  const SharedCallbackFile& file;

  std::unique_ptr<OpenFile> operator()(OpenLog log) const {
    return std::make_unique<SelfReadingFile<OpenLog>>(std::move(log));
  }
  std::unique_ptr<OpenFile> operator()(OpenPages pages) const {
    return std::make_unique<SelfReadingFile<OpenPages>>(std::move(pages));
  }
  template <class B>
  std::unique_ptr<OpenFile> operator()(B body) const {
    return std::make_unique<RangeReadingFile<B>>(file, std::move(body));
  }
};

}  // namespace

Result<std::unique_ptr<OpenFile>> open_to_read(const std::shared_ptr<Coffer>& coffer, const FileRequest& request) {
  const auto file = std::make_shared<const CallbackFile>(request.io);
  COFFER_ASSIGN(const FileHead head, read_head(*file, request.path));
  COFFER_TRY(head.refusal);
  if (head.is(FileHead::What::kNothing)) {
    if (may_be_empty(request.role)) return std::unique_ptr<OpenFile>(std::make_unique<EmptyReadingFile>());
    return {Code::kTruncated,
            request.path + ": has no header: it was cut, or never written whole; restore it from a backup"};
  }
  COFFER_ASSIGN(const OpenedFile opened, coffer->open_file(head.scan, request.path));
  COFFER_ASSIGN(const uint64_t size, file->size());
  auto body = body_of(opened.fields.kind).open(opened, file, size, request.role);
  if (!body.is_ok()) return body.status().with_context(request.path);
  return std::visit(AsReadingFile{file}, std::move(*body));
}

}  // namespace coffer::bindings
