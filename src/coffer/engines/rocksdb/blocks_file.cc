// Reading `blocks` files.
#include <algorithm>
#include <array>
#include <vector>

#include "coffer/engines/rocksdb/random_file.h"

namespace coffer::rocks {
namespace {

using ::rocksdb::FSReadRequest;
using ::rocksdb::IOHandleDeleter;

// MultiGet's batches have up to 32 keys; for more, memory is allocated.
constexpr size_t kRequestsOnStack = 32;

class BlocksFile final : public RandomFile {
 public:
  BlocksFile(std::string path, ExistingFile& file, BlocksOpener opener)
      : RandomFile(std::move(path), file), opener_(std::move(opener)) {}

  IOStatus verify_end(IODebugContext* dbg) const;

  IOStatus MultiRead(FSReadRequest* requests, size_t count, const IOOptions& options, IODebugContext* dbg) override;
  IOStatus ReadAsync(FSReadRequest& request, const IOOptions& options,
                     std::function<void(const FSReadRequest&, void*)> callback, void* callback_argument,
                     void** io_handle, IOHandleDeleter* delete_handle, IODebugContext* dbg) override;
  IOStatus logical_size(uint64_t* size) const override {
    *size = opener_.logical_size();
    return IOStatus::OK();
  }

 protected:
  IOStatus read(uint64_t offset, size_t n, const IOOptions& options, uint8_t* out, size_t* count,
                IODebugContext* dbg) const override;
  BlocksOpener::Range physical_range(uint64_t offset, uint64_t size) const override {
    const uint64_t begin = std::min(offset, opener_.logical_size());
    return opener_.range(begin, std::min(size, opener_.logical_size() - begin));
  }

 private:
  struct Pending;

  size_t clamp(uint64_t offset, size_t n) const {
    return offset >= opener_.logical_size() ? 0 : std::min<uint64_t>(n, opener_.logical_size() - offset);
  }
  // `sealed` is what was read of opener_.range(offset, size).
  IOStatus open_sealed(uint64_t offset, size_t size, uint64_t sealed_size, MutableBytes sealed, uint8_t* out) const {
    if (sealed.size() != sealed_size) return truncated();
    Status status = opener_.open(offset, size, sealed, out);
    return status.is_ok() ? IOStatus::OK() : fail(status);
  }
  // `answer` is the base's to what prepare() asked for opener_.range(offset, size).
  IOStatus open_answer(const FSReadRequest& answer, uint64_t offset, size_t size, uint8_t* out) const {
    const BlocksOpener::Range range = opener_.range(offset, size);
    MutableBytes sealed;
    COFFER_IO_TRY(reader_->finish(range.offset, range.size, answer, &sealed));
    return open_sealed(offset, size, range.size, sealed, out);
  }
  IOStatus multi_read(FSReadRequest* requests, FSReadRequest* base_requests, size_t count, const IOOptions& options,
                      IODebugContext* dbg);

  const BlocksOpener opener_;
};

IOStatus BlocksFile::read(uint64_t offset, size_t n, const IOOptions& options, uint8_t* out, size_t* count,
                          IODebugContext* dbg) const {
  const size_t size = clamp(offset, n);
  *count = size;
  if (size == 0) return IOStatus::OK();
  const BlocksOpener::Range range = opener_.range(offset, size);
  Scratch scratch(reader_->scratch_size(range.offset, range.size));
  MutableBytes sealed;
  COFFER_IO_TRY(reader_->read(range.offset, range.size, options, scratch.data(), &sealed, dbg));
  return open_sealed(offset, size, range.size, sealed, out);
}

IOStatus BlocksFile::verify_end(IODebugContext* dbg) const {
  const BlocksOpener::Range range = opener_.end_range();
  Scratch scratch(reader_->scratch_size(range.offset, range.size));
  MutableBytes sealed;
  COFFER_IO_TRY(reader_->read(range.offset, range.size, IOOptions(), scratch.data(), &sealed, dbg));
  if (sealed.size() != range.size) return truncated();
  Status status = opener_.verify_end(sealed);
  return status.is_ok() ? IOStatus::OK() : fail(status);
}

IOStatus BlocksFile::MultiRead(FSReadRequest* requests, size_t count, const IOOptions& options, IODebugContext* dbg) {
  const bool no_memory =
      std::any_of(requests, requests + count, [](const FSReadRequest& request) { return request.scratch == nullptr; });
  if (no_memory) return FSRandomAccessFile::MultiRead(requests, count, options, dbg);
  return guarded([&] {
    if (count <= kRequestsOnStack) {
      std::array<FSReadRequest, kRequestsOnStack> base_requests;
      return multi_read(requests, base_requests.data(), count, options, dbg);
    }
    std::vector<FSReadRequest> base_requests(count);
    return multi_read(requests, base_requests.data(), count, options, dbg);
  });
}

// One MultiRead of the base for all requests, which may be served in parallel, then one pass of opening.
IOStatus BlocksFile::multi_read(FSReadRequest* requests, FSReadRequest* base_requests, size_t count,
                                const IOOptions& options, IODebugContext* dbg) {
  size_t scratch_size = 0;
  for (size_t i = 0; i < count; ++i) {
    const BlocksOpener::Range range = physical_range(requests[i].offset, requests[i].len);
    scratch_size += reader_->scratch_size(range.offset, range.size);
  }
  Scratch scratch(scratch_size);
  uint8_t* at = scratch.data();
  size_t submitted = 0;
  for (size_t i = 0; i < count; ++i) {
    if (clamp(requests[i].offset, requests[i].len) == 0) continue;
    const BlocksOpener::Range range = physical_range(requests[i].offset, requests[i].len);
    reader_->prepare(range.offset, range.size, at, &base_requests[submitted]);
    at += base_requests[submitted++].len;
  }
  if (submitted > 0) COFFER_IO_TRY(reader_->file().MultiRead(base_requests, submitted, options, dbg));

  const FSReadRequest* answer = base_requests;
  for (size_t i = 0; i < count; ++i) {
    FSReadRequest& request = requests[i];
    request.result = Slice(request.scratch, 0);
    request.status = IOStatus::OK();
    const size_t size = clamp(request.offset, request.len);
    if (size == 0) continue;
    request.status = answer->status;
    if (answer->status.ok()) {
      request.status = open_answer(*answer, request.offset, size, reinterpret_cast<uint8_t*>(request.scratch));
    }
    if (request.status.ok()) request.result = Slice(request.scratch, size);
    ++answer;
  }
  return IOStatus::OK();
}

// A read on its way. The base keeps it alive in its callback.
struct BlocksFile::Pending {
  Pending(const BaseReader& reader, uint64_t offset, size_t size)
      : memory(reader.scratch_size(offset, size) + Scratch::kAlignment) {
    auto address = reinterpret_cast<uintptr_t>(memory.extend(memory.capacity()));
    const uintptr_t aligned = (address + Scratch::kAlignment - 1) / Scratch::kAlignment * Scratch::kAlignment;
    reader.prepare(offset, size, memory.data() + (aligned - address), &base_request);
  }

  FSReadRequest request;  // RocksDB's
  std::function<void(const FSReadRequest&, void*)> callback;
  void* callback_argument = nullptr;
  BlocksOpener::Range range;
  Buffer memory;
  FSReadRequest base_request;
};

IOStatus BlocksFile::ReadAsync(FSReadRequest& request, const IOOptions& options,
                               std::function<void(const FSReadRequest&, void*)> callback, void* callback_argument,
                               void** io_handle, IOHandleDeleter* delete_handle, IODebugContext* dbg) {
  return guarded([&] {
    const size_t size = clamp(request.offset, request.len);
    if (size == 0 || request.scratch == nullptr) {
      return FSRandomAccessFile::ReadAsync(request, options, callback, callback_argument, io_handle, delete_handle,
                                           dbg);
    }
    const BlocksOpener::Range range = opener_.range(request.offset, size);
    auto pending = std::make_shared<Pending>(*reader_, range.offset, range.size);
    pending->request.offset = request.offset;
    pending->request.len = request.len;
    pending->request.scratch = request.scratch;
    pending->callback = callback;
    pending->callback_argument = callback_argument;
    pending->range = range;
    auto done = [this, pending, size](const FSReadRequest& answer, void*) {
      FSReadRequest& mine = pending->request;
      mine.status = answer.status;
      if (answer.status.ok()) {
        pending->base_request.result = answer.result;
        mine.status = open_answer(pending->base_request, mine.offset, size, reinterpret_cast<uint8_t*>(mine.scratch));
      }
      mine.result = Slice(mine.scratch, mine.status.ok() ? size : 0);
      pending->callback(mine, pending->callback_argument);
    };
    IOStatus status =
        reader_->file().ReadAsync(pending->base_request, options, done, nullptr, io_handle, delete_handle, dbg);
    if (!status.IsNotSupported()) return status;
    // The base has no asynchronous reads. RocksDB takes a callback from within the call.
    return FSRandomAccessFile::ReadAsync(request, options, callback, callback_argument, io_handle, delete_handle, dbg);
  });
}

}  // namespace

IOStatus open_blocks(const std::string& path, ExistingFile file, std::unique_ptr<RandomFile>* result,
                     IODebugContext* dbg) {
  const Distrust distrust = distrust_of(path);
  Scratch scratch(file.reader->scratch_size(kEnvelopeSize, kBlocksPrefixSize));
  MutableBytes prefix;
  COFFER_IO_TRY(file.reader->read(kEnvelopeSize, kBlocksPrefixSize, IOOptions(), scratch.data(), &prefix, dbg));
  const EnvelopeFields& fields = file.opened.fields;
  const BlocksParams params{fields.suite, fields.chunk_log2, fields.file_id};
  auto opener = BlocksOpener::create(file.opened.file_key, params, prefix, file.physical_size);
  if (!opener.is_ok()) return to_io_status(opener.status().with_context(path), distrust);
  auto blocks = std::make_unique<BlocksFile>(path, file, std::move(*opener));
  COFFER_IO_TRY(blocks->verify_end(dbg));
  *result = std::move(blocks);
  return IOStatus::OK();
}

}  // namespace coffer::rocks
