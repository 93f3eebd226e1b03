#include "coffer/files/pages_file.h"

#include <algorithm>

#include "coffer/base/scratch.h"

namespace coffer {
namespace {

// What is written at once, so that the journal has room for it.
constexpr uint64_t kPieceSize = uint64_t{1} << 20;

Status closed() { return {Code::kInvalidArgument, "the file was closed"}; }
Status too_large() { return {Code::kLimitExceeded, "a file has at most 2^40 bytes"}; }

}  // namespace

PagesFile::PagesFile(std::shared_ptr<WritableFile> file, std::unique_ptr<PagesKeys> keys, const PagesLayout& layout,
                     ByteView head, const PagesLimits& limits)
    : file_(std::move(file)), keys_(std::move(keys)), state_(layout), writer_(state_, *file_, *keys_, head, limits) {}

Result<std::unique_ptr<PagesFile>> PagesFile::make(const OpenedFile& opened, std::unique_ptr<WritableFile> file,
                                                   ByteView head, const PagesLimits& limits) {
  const std::shared_ptr<WritableFile> shared = std::move(file);
  COFFER_ASSIGN(const PagesLayout layout, PagesLayout::create(opened.fields.chunk_log2));
  COFFER_ASSIGN(auto keys, pages_keys(opened, shared));
  return std::unique_ptr<PagesFile>(new PagesFile(shared, std::move(keys), layout, head, limits));
}

Result<std::unique_ptr<PagesFile>> PagesFile::create(const NewFile& header, std::unique_ptr<WritableFile> file,
                                                     const PagesLimits& limits) {
  COFFER_ASSIGN(auto out, make({header.fields, header.file_key.clone(), header.lease}, std::move(file),
                               header.envelope, limits));
  out->writer_.be_used(header.use);
  return out;
}

Result<std::unique_ptr<PagesFile>> PagesFile::open(const OpenedFile& opened, std::unique_ptr<WritableFile> file,
                                                   const PagesLimits& limits) {
  COFFER_ASSIGN(auto out, make(opened, std::move(file), {}, limits));
  COFFER_TRY(load_pages(out->state_, *out->file_, *out->keys_));
  return out;
}

uint64_t PagesFile::size() const {
  std::shared_lock lock(mutex_);
  return state_.size;
}

Result<size_t> PagesFile::read(uint64_t offset, MutableBytes out) const {
  std::shared_lock lock(mutex_);
  if (closed_) return closed();
  if (offset >= state_.size) return size_t{0};
  const size_t count = std::min<uint64_t>(out.size(), state_.size - offset);
  COFFER_TRY(read_pages_range(state_, *file_, *keys_, offset, out.first(count)));
  return count;
}

template <class End, class Change>
Status PagesFile::change(const End& end, uint64_t bytes, const Change& change) {
  const auto needs_checkpoint = [&] { return writer_.needs_checkpoint(state_.layout.page_count(end()), bytes); };
  {
    std::unique_lock lock(mutex_);
    if (closed_) return closed();
    if (end() > kPagesSizeMax) return too_large();
    if (writer_.began() && !needs_checkpoint()) return change();
  }
  std::lock_guard one_sync(sync_mutex_);
  std::unique_lock lock(mutex_);
  if (closed_) return closed();
  if (end() > kPagesSizeMax) return too_large();
  COFFER_TRY(writer_.begin());
  if (needs_checkpoint()) COFFER_TRY(writer_.checkpoint());
  return change();
}

Status PagesFile::write(uint64_t offset, ByteView data) {
  while (!data.empty()) {
    const size_t size = std::min<uint64_t>(data.size(), kPieceSize);
    if (offset > kPagesSizeMax) return too_large();
    COFFER_TRY(change([&] { return offset + size; }, size, [&] { return write_locked(offset, data.first(size)); }));
    if (counter_ != nullptr) counter_->wrote(size);
    data = data.subspan(size);
    offset += size;
  }
  return Status::ok();
}

Result<uint64_t> PagesFile::append(ByteView data) {
  if (data.size() > kPieceSize) return {Code::kLimitExceeded, "at most 1 MiB is appended at once"};
  uint64_t offset = 0;
  COFFER_TRY(change([&] { return state_.size + data.size(); }, data.size(), [&] {
    offset = state_.size;
    return data.empty() ? Status::ok() : write_locked(offset, data);
  }));
  if (counter_ != nullptr) counter_->wrote(data.size());
  return offset;
}

// Pages that are written in part are read first.
Status PagesFile::write_locked(uint64_t offset, ByteView data) {
  const uint64_t page_size = state_.layout.page_size();
  const uint64_t end = offset + data.size(), size = std::max(end, state_.size);
  const uint64_t first = state_.layout.page_of(offset), last = state_.layout.page_of(end - 1);
  if (offset % page_size == 0 && end % page_size == 0) return writer_.write(first, data, size);

  Scratch pages((last - first + 1) * page_size);
  std::ranges::fill(pages.bytes().first(page_size), uint8_t{0});
  std::ranges::fill(pages.bytes().last(page_size), uint8_t{0});
  if (offset % page_size != 0 && first < state_.pages()) {
    COFFER_TRY(read_pages(state_, *file_, *keys_, first, pages.bytes().first(page_size)));
  }
  if (end % page_size != 0 && last < state_.pages() && (last != first || offset % page_size == 0)) {
    COFFER_TRY(read_pages(state_, *file_, *keys_, last, pages.bytes().last(page_size)));
  }
  std::ranges::copy(data, pages.data() + offset % page_size);
  return writer_.write(first, pages.bytes(), size);
}

// [offset, end), inside one page.
Status PagesFile::zero_locked(uint64_t offset, uint64_t end, uint64_t size) {
  if (offset == end) return Status::ok();
  const uint64_t page_size = state_.layout.page_size(), page = state_.layout.page_of(offset);
  Scratch bytes(page_size);
  COFFER_TRY(read_pages(state_, *file_, *keys_, page, bytes.bytes()));
  std::fill_n(bytes.data() + offset % page_size, end - offset, uint8_t{0});
  return writer_.write(page, bytes.bytes(), size);
}

Status PagesFile::truncate(uint64_t size) {
  return change([&] { return size; }, state_.layout.page_size(), [&]() -> Status {
    if (size > state_.size) return writer_.grow(size);
    return size < state_.size ? shrink_locked(size) : Status::ok();
  });
}

// What is behind the end in its last page is zeros, always: so growing shows nothing of what was there.
Status PagesFile::shrink_locked(uint64_t size) {
  const uint64_t end_of_page = state_.layout.page_count(size) * state_.layout.page_size();
  COFFER_TRY(zero_locked(size, end_of_page, size));
  return writer_.cut(state_.layout.page_count(size), PageRanges::kEnd, size);
}

Status PagesFile::punch_hole(uint64_t offset, uint64_t size) {
  const uint64_t end = size > kPagesSizeMax - std::min(offset, kPagesSizeMax) ? kPagesSizeMax : offset + size;
  return change([&] { return state_.size; }, 2 * state_.layout.page_size(), [&] {
    return offset < std::min(end, state_.size) ? punch_locked(offset, std::min(end, state_.size)) : Status::ok();
  });
}

Status PagesFile::punch_locked(uint64_t offset, uint64_t end) {
  const uint64_t page_size = state_.layout.page_size();
  const uint64_t first = state_.layout.page_count(offset);
  // The last page is a hole even if the file ends inside of it.
  const uint64_t last = end == state_.size ? state_.pages() : state_.layout.page_of(end);
  if (first > last) return zero_locked(offset, end, state_.size);
  COFFER_TRY(zero_locked(offset, std::min(first * page_size, end), state_.size));
  if (first < last) COFFER_TRY(writer_.cut(first, last, state_.size));
  return end > last * page_size ? zero_locked(last * page_size, end, state_.size) : Status::ok();
}

Status PagesFile::sync() {
  return sync_by([this] { return file_->sync(); });
}

Status PagesFile::sync_by(const std::function<Status()>& sync_file) {
  std::lock_guard one_sync(sync_mutex_);
  {
    std::unique_lock lock(mutex_);
    if (closed_) return closed();
    COFFER_TRY(writer_.begin());
    if (!writer_.must_sync()) return Status::ok();
    COFFER_TRY(writer_.begin_sync());
  }
  const Status synced = sync_file();
  std::unique_lock lock(mutex_);
  return writer_.end_sync(synced);
}

Status PagesFile::sync_changes() {
  {
    std::shared_lock lock(mutex_);
    if (!closed_ && !writer_.began()) return Status::ok();
  }
  return sync();
}

Status PagesFile::close() {
  std::lock_guard one_sync(sync_mutex_);
  std::unique_lock lock(mutex_);
  if (closed_) return closed();
  closed_ = true;
  const Status finished = writer_.began() ? writer_.finish() : Status::ok();
  const Status status = file_->close();
  return finished.is_ok() ? status : finished;
}

Result<uint64_t> PagesFile::seek_data(uint64_t offset) const { return seek(offset, true); }
Result<uint64_t> PagesFile::seek_hole(uint64_t offset) const { return seek(offset, false); }

Result<uint64_t> PagesFile::seek(uint64_t offset, bool data) const {
  std::shared_lock lock(mutex_);
  COFFER_ASSIGN(const uint64_t page, find_page(state_, *file_, state_.layout.page_of(offset), data));
  return std::clamp(page * state_.layout.page_size(), std::min(offset, state_.size), state_.size);
}

}  // namespace coffer
