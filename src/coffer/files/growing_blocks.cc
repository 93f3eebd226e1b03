#include "coffer/files/growing_blocks.h"

#include <bit>

#include "coffer/base/scratch.h"
#include "coffer/files/new_file.h"
#include "coffer/files/read_exactly.h"

namespace coffer {
namespace {

// Sealed bytes that are still in the processor's cache when they are opened.
constexpr uint64_t kReadAtOnce = uint64_t{64} << 10;

}  // namespace

// What of the plaintext is in no whole chunk yet, and so not in the file. It goes with the key.
class GrowingBlocks::Tail final : public KeyHolder {
 public:
  Tail(const NewFile& file, uint64_t chunk_size)
      : KeyHolder(file.lease, file.fields), fields_(file.fields), lease_(file.lease), bytes_(chunk_size) {
    enroll();
  }
  ~Tail() override {
    leave();
    wipe(bytes_.data(), bytes_.size());
  }

  // `size`: of the whole plaintext, of which `data` is the end.
  Status take(uint64_t size, ByteView data) {
    return with_key([&] {
      const size_t rest = size % bytes_.size();
      const size_t fresh = std::min(rest, data.size());
      std::ranges::copy(data.last(fresh), bytes_.begin() + static_cast<ptrdiff_t>(rest - fresh));
      return Status::ok();
    });
  }
  Status copy(size_t offset, MutableBytes out) {
    return with_key([&] {
      std::ranges::copy(ByteView(bytes_).subspan(offset, out.size()), out.begin());
      return Status::ok();
    });
  }
  Result<OpenedFile> open(const ReadableFile& file) const {
    COFFER_ASSIGN(const EnvelopeScan scan, scan_again(file));
    COFFER_ASSIGN(FileKey file_key, unlock(scan));
    return OpenedFile{fields_, std::move(file_key), lease_};
  }

 private:
  Result<FileKey> unlock_again() override { return key_is_gone(); }
  Status restore_keys(const FileKey&) override { return key_is_gone(); }
  void drop_keys() override { wipe(bytes_.data(), bytes_.size()); }

  const EnvelopeFields fields_;
  const KeyLease lease_;
  Bytes bytes_;
};

GrowingBlocks::GrowingBlocks(std::shared_ptr<const ReadableFile> file, std::unique_ptr<FileWriter> writer,
                             std::unique_ptr<Tail> tail, uint64_t chunk_size)
    : file_(std::move(file)), writer_(std::move(writer)), tail_(std::move(tail)), chunk_size_(chunk_size) {}
GrowingBlocks::~GrowingBlocks() = default;

Result<std::unique_ptr<GrowingBlocks>> GrowingBlocks::create(std::shared_ptr<Coffer> coffer, NewFile header,
                                                             std::shared_ptr<const ReadableFile> file) {
  const uint64_t chunk_size = uint64_t{1} << header.fields.chunk_log2;
  auto tail = std::make_unique<Tail>(header, chunk_size);
  COFFER_ASSIGN(auto writer, new_writer(std::move(coffer), std::move(header), EngineRole::kData));
  return std::unique_ptr<GrowingBlocks>(
      new GrowingBlocks(std::move(file), std::move(writer), std::move(tail), chunk_size));
}

Status GrowingBlocks::append(ByteView data, AppendFile& file) {
  if (complete_) return {Code::kUnsupported, "is complete since it was synced or closed, and takes no more"};
  COFFER_TRY(writer_->append(data, file));
  return tail_->take(writer_->logical_size(), data);
}

// From here on it has an end, which is looked at.
void GrowingBlocks::complete() {
  if (complete_) return;
  complete_ = true;
  body_.reset();
}

Status GrowingBlocks::sync(bool full, AppendFile& file) {
  if (logical_size() == 0) return file.sync(full);
  complete();
  return writer_->sync(full, file);
}

Status GrowingBlocks::close(AppendFile& file) {
  if (logical_size() == 0) return file.close();
  complete();
  return writer_->close(file);
}

Result<const OpenBlocks*> GrowingBlocks::body() {
  const std::lock_guard lock(opening_);
  if (body_) return &*body_;
  COFFER_ASSIGN(const OpenedFile opened, tail_->open(*file_));
  COFFER_ASSIGN(const uint64_t physical_size, file_->size());
  auto body = complete_ ? OpenBlocks::open(opened, file_, physical_size) : OpenBlocks::open_unfinished(opened, file_);
  COFFER_TRY(body.status());
  return &body_.emplace(std::move(*body));
}

Result<size_t> GrowingBlocks::read(uint64_t offset, MutableBytes out) {
  const uint64_t size = logical_size();
  if (offset >= size) return size_t{0};
  out = out.first(std::min<uint64_t>(out.size(), size - offset));
  const uint64_t in_file = complete_ ? size : size / chunk_size_ * chunk_size_;
  const size_t from_file = offset < in_file ? std::min<uint64_t>(out.size(), in_file - offset) : 0;
  if (from_file > 0) {
    COFFER_ASSIGN(const OpenBlocks* const blocks, body());
    COFFER_TRY(read_blocks(*blocks, *file_, offset, out.first(from_file)));
  }
  if (from_file < out.size()) COFFER_TRY(tail_->copy(offset + from_file - in_file, out.subspan(from_file)));
  return out.size();
}

Status read_blocks(const OpenBlocks& body, const ReadableFile& file, uint64_t offset, MutableBytes out) {
  while (!out.empty()) {
    // A power of two, but for the last one, in which no other begins.
    const uint64_t chunk_size = std::bit_ceil(body.range(offset, 1).size - kTagSize);
    const uint64_t step = std::max(kReadAtOnce, chunk_size);
    const size_t count = std::min<uint64_t>(out.size(), step - offset % step);
    const BlocksOpener::Range range = body.range(offset, count);
    Scratch sealed(range.size);
    COFFER_TRY(read_exactly(file, range.offset, sealed.bytes()));
    COFFER_TRY(body.open(offset, count, sealed.bytes(), out.data()));
    offset += count;
    out = out.subspan(count);
  }
  return Status::ok();
}

}  // namespace coffer
