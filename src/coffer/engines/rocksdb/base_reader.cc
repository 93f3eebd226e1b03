#include "coffer/engines/rocksdb/base_reader.h"

#include <algorithm>
#include <cstring>

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

MutableBytes BaseReader::finish(uint64_t offset, size_t size, const FSReadRequest& answer) const {
  const size_t count = std::min(answer.result.size(), answer.len);
  auto* scratch = reinterpret_cast<uint8_t*>(answer.scratch);
  // A base file system may point into memory of its own, which is not ours to decrypt in.
  if (answer.result.data() != answer.scratch && count > 0) std::memmove(scratch, answer.result.data(), count);
  const size_t before = std::min<size_t>(offset - answer.offset, count);
  return {scratch + before, std::min(size, count - before)};
}

IOStatus BaseReader::read(uint64_t offset, size_t size, const IOOptions& options, uint8_t* scratch, MutableBytes* bytes,
                          IODebugContext* dbg) const {
  FSReadRequest request;
  prepare(offset, size, scratch, &request);
  COFFER_IO_TRY(file_->Read(request.offset, request.len, options, &request.result, request.scratch, dbg));
  *bytes = finish(offset, size, request);
  return IOStatus::OK();
}

Result<size_t> BaseReadableFile::read_at(uint64_t offset, MutableBytes out) const {
  if (out.empty()) return size_t{0};
  MutableBytes bytes;
  if (!reader_->direct()) {
    COFFER_TRY(from_io_status(reader_->read(offset, out.size(), IOOptions(), out.data(), &bytes, nullptr)));
    return bytes.size();
  }
  Scratch scratch(reader_->scratch_size(offset, out.size()));
  COFFER_TRY(from_io_status(reader_->read(offset, out.size(), IOOptions(), scratch.data(), &bytes, nullptr)));
  std::copy(bytes.begin(), bytes.end(), out.begin());
  return bytes.size();
}

Result<uint64_t> BaseReadableFile::size() const {
  uint64_t size = 0;
  COFFER_TRY(from_io_status(base_->GetFileSize(path_, IOOptions(), &size, nullptr)));
  return size;
}

}  // namespace coffer::rocks
