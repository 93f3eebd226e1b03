#include "coffer/engines/rocksdb/base_reader.h"

#include <algorithm>
#include <cstring>

#include "coffer/files/mapped_reads.h"
#include "coffer/format/envelope.h"

namespace coffer::rocks {

using ::rocksdb::FSReadRequest;

::rocksdb::FileOptions BaseReader::base_options(const ::rocksdb::FileOptions& options) {
  ::rocksdb::FileOptions base = options;
  base.use_mmap_reads = false;
  return base;
}

BaseReader::BaseReader(std::unique_ptr<::rocksdb::FSRandomAccessFile> file)
    : file_(std::move(file)),
      direct_(file_->use_direct_io()),
      alignment_(direct_ ? file_->GetRequiredBufferAlignment() : 1) {}

size_t BaseReader::scratch_size(uint64_t offset, size_t size) const {
  if (!direct_) return size;
  const uint64_t begin = offset / alignment_ * alignment_;
  return (offset + size - begin + alignment_ - 1) / alignment_ * alignment_;
}

void BaseReader::prepare(uint64_t offset, size_t size, uint8_t* scratch, FSReadRequest* request) const {
  request->offset = offset / alignment_ * alignment_;
  request->len = scratch_size(offset, size);
  request->scratch = reinterpret_cast<char*>(scratch);
  request->result = Slice();
  request->status = IOStatus::OK();
}

IOStatus BaseReader::open_mapped(::rocksdb::FileSystem& base, const std::string& path,
                                 const ::rocksdb::FileOptions& options, std::shared_ptr<const BaseReader> by_pread,
                                 bool cold_too, std::shared_ptr<const BaseReader>* result, IODebugContext* dbg) {
  ::rocksdb::FileOptions mapped = options;
  mapped.use_mmap_reads = true;
  std::unique_ptr<::rocksdb::FSRandomAccessFile> file;
  COFFER_IO_TRY(base.NewRandomAccessFile(path, mapped, &file, dbg));
  if (!take_mapping()) return IOStatus::NotSupported(path, "so many files are mapped already");
  auto reader = std::make_shared<BaseReader>(std::move(file));
  reader->by_pread_ = std::move(by_pread);
  reader->cold_too_ = cold_too;
  *result = std::move(reader);
  return IOStatus::OK();
}

BaseReader::~BaseReader() {
  if (by_pread_ != nullptr) give_mapping_back();
}

bool BaseReader::is_mapped_now() const { return by_pread_ != nullptr && BusGuard::mapped_reads_are_good(cold_too_); }

bool BaseReader::copy_mapped(uint64_t offset, size_t size, const IOOptions& options, uint8_t* scratch,
                             MutableBytes* bytes, IODebugContext* dbg) const {
  if (!is_mapped_now()) return false;
  Slice result;
  if (!file_->Read(offset, size, options, &result, reinterpret_cast<char*>(scratch), dbg).ok()) return false;
  // It is copied before it is authenticated: what is mapped may change meanwhile.
  const auto* mapped = reinterpret_cast<const uint8_t*>(result.data());
  if (mapped != scratch && !guarded_copy(scratch, mapped, result.size())) return false;
  *bytes = {scratch, result.size()};
  return result.size() == size;
}

IOStatus BaseReader::finish(uint64_t offset, size_t size, const FSReadRequest& answer, MutableBytes* bytes) const {
  const size_t count = std::min(answer.result.size(), answer.len);
  auto* scratch = reinterpret_cast<uint8_t*>(answer.scratch);
  // A base may point into memory of its own.
  if (answer.result.data() != answer.scratch && count > 0) std::memmove(scratch, answer.result.data(), count);
  const size_t before = std::min<size_t>(offset - answer.offset, count);
  *bytes = {scratch + before, std::min(size, count - before)};
  return IOStatus::OK();
}

IOStatus BaseReader::read(uint64_t offset, size_t size, const IOOptions& options, uint8_t* scratch, MutableBytes* bytes,
                          IODebugContext* dbg) const {
  if (by_pread_ != nullptr) {
    if (copy_mapped(offset, size, options, scratch, bytes, dbg)) return IOStatus::OK();
    return by_pread_->read(offset, size, options, scratch, bytes, dbg);
  }
  FSReadRequest request;
  prepare(offset, size, scratch, &request);
  COFFER_IO_TRY(file_->Read(request.offset, request.len, options, &request.result, request.scratch, dbg));
  return finish(offset, size, request, bytes);
}

Result<size_t> BaseReadableFile::read_at(uint64_t offset, MutableBytes out) const {
  if (out.empty()) return size_t{0};
  MutableBytes bytes;
  if (!reader_->direct()) {
    base_failure_ = reader_->read(offset, out.size(), IOOptions(), out.data(), &bytes, nullptr);
    COFFER_TRY(from_io_status(base_failure_));
    return bytes.size();
  }
  Scratch scratch(reader_->scratch_size(offset, out.size()));
  base_failure_ = reader_->read(offset, out.size(), IOOptions(), scratch.data(), &bytes, nullptr);
  COFFER_TRY(from_io_status(base_failure_));
  std::copy(bytes.begin(), bytes.end(), out.begin());
  return bytes.size();
}

// RocksDB's files do not tell where their holes are. Its own file system's are the machine's; what has the same header
// there is the file that is open, or a copy of it.
Result<uint64_t> BaseReadableFile::next_data(uint64_t offset) const {
  if (!base_->IsInstanceOf(::rocksdb::FileSystem::kDefaultName())) return offset;
  auto file = Disk::posix().open_read(path_);
  if (!file.is_ok()) return offset;
  std::array<uint8_t, kSlotSize> ours{}, theirs{};
  COFFER_ASSIGN(const size_t our_size, read_at(0, ours));
  auto their_size = (*file)->read_at(0, theirs);
  if (!their_size.is_ok() || *their_size != our_size || ours != theirs) return offset;
  return (*file)->next_data(offset);
}

Result<uint64_t> BaseReadableFile::size() const {
  uint64_t size = 0;
  base_failure_ = base_->GetFileSize(path_, IOOptions(), &size, nullptr);
  COFFER_TRY(from_io_status(base_failure_));
  return size;
}

}  // namespace coffer::rocks
