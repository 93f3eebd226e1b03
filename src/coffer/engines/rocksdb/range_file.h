// Reading files of the kinds that say of every range of plaintext which sealed bytes cover it (files/body.h). The kind
// is a template argument, so that a read costs no more calls than it must.
#pragma once

#include <algorithm>
#include <array>
#include <vector>

#include "coffer/engines/rocksdb/random_file.h"

namespace coffer::rocks {

template <class B>
class RangeFile final : public RandomFile {
 public:
  RangeFile(const Context& context, std::string path, const ExistingFile& file, B body)
      : RandomFile(std::move(path), file), base_(context.base), body_(std::move(body)) {}

  IOStatus MultiRead(FSReadRequest* requests, size_t count, const IOOptions& options, IODebugContext* dbg) override;
  IOStatus ReadAsync(FSReadRequest& request, const IOOptions& options,
                     std::function<void(const FSReadRequest&, void*)> callback, void* callback_argument,
                     void** io_handle, IOHandleDeleter* delete_handle, IODebugContext* dbg) override;
  IOStatus logical_size(uint64_t* size) const override {
    *size = body_.logical_size();
    if (body_.size_is_final()) return IOStatus::OK();
    uint64_t physical_size = 0;
    COFFER_IO_TRY(base_->GetFileSize(path_, IOOptions(), &physical_size, nullptr));
    *size = std::max<uint64_t>(physical_size, kEnvelopeSize) - kEnvelopeSize;
    return IOStatus::OK();
  }

 protected:
  IOStatus read(uint64_t offset, size_t n, const IOOptions& options, uint8_t* out, size_t* count,
                IODebugContext* dbg) const override;
  Status usable() const override { return body_.usable(); }
  BlocksOpener::Range physical_range(uint64_t offset, uint64_t size) const override {
    return body_.range(std::min(offset, size_to_clamp()), body_.readable(offset, size));
  }

 private:
  struct Pending;

  // MultiGet's batches have up to 32 keys; for more, memory is allocated.
  static constexpr size_t kRequestsOnStack = 32;

  uint64_t size_to_clamp() const { return B::kMayBeShort ? ~uint64_t{0} : body_.logical_size(); }
  // Where the sealed bytes may be read to: the reader's memory, if they are opened in place and nothing is aligned.
  bool reads_in_place() const { return B::kInPlace && !reader_->direct(); }
  // `sealed` is what was read of `range`, body_.range(offset, size). `count`: how many bytes of plaintext that gave.
  IOStatus open_sealed(uint64_t offset, size_t size, const BlocksOpener::Range& range, MutableBytes sealed,
                       uint8_t* out, size_t* count) const {
    *count = 0;
    if (sealed.size() != range.size) {
      if constexpr (!B::kMayBeShort) return truncated();
      const uint64_t rest = body_.logical_size() - std::min(offset, body_.logical_size());
      if (body_.size_is_final() && sealed.size() < std::min<uint64_t>(size, rest)) return truncated();
      size = sealed.size();
    }
    Status status = body_.open(offset, size, sealed, out);
    if (!status.is_ok()) return fail(status);
    *count = size;
    return IOStatus::OK();
  }
  // `answer` is the base's to what prepare() asked for body_.range(offset, size).
  IOStatus open_answer(const FSReadRequest& answer, uint64_t offset, size_t size, uint8_t* out, size_t* count) const {
    const BlocksOpener::Range range = body_.range(offset, size);
    MutableBytes sealed;
    COFFER_IO_TRY(reader_->finish(range.offset, range.size, answer, &sealed));
    return open_sealed(offset, size, range, sealed, out, count);
  }
  size_t scratch_size(const BlocksOpener::Range& range) const {
    return reads_in_place() ? 0 : reader_->scratch_size(range.offset, range.size);
  }
  IOStatus read_from(const BaseReader& reader, uint64_t offset, size_t size, const IOOptions& options, uint8_t* out,
                     size_t* count, IODebugContext* dbg) const;
  IOStatus multi_read(FSReadRequest* requests, FSReadRequest* base_requests, size_t count, const IOOptions& options,
                      IODebugContext* dbg);
  void open_answers(FSReadRequest* requests, const FSReadRequest* answer, size_t count) const;

  const std::shared_ptr<::rocksdb::FileSystem> base_;
  const B body_;
};

template <class B>
IOStatus RangeFile<B>::read(uint64_t offset, size_t n, const IOOptions& options, uint8_t* out, size_t* count,
                            IODebugContext* dbg) const {
  *count = 0;
  const size_t size = body_.readable(offset, n);
  if (size == 0) return IOStatus::OK();
  IOStatus status = read_from(*reader_, offset, size, options, out, count, dbg);
  if (status.ok() || reader_->by_pread() == nullptr) return status;
  // A mapped file that was cut reads as zeros up to the end of its page, which looks like tampering.
  return read_from(*reader_->by_pread(), offset, size, options, out, count, dbg);
}

template <class B>
IOStatus RangeFile<B>::read_from(const BaseReader& reader, uint64_t offset, size_t size, const IOOptions& options,
                                 uint8_t* out, size_t* count, IODebugContext* dbg) const {
  const BlocksOpener::Range range = body_.range(offset, size);
  MutableBytes sealed;
  if (reads_in_place()) {
    COFFER_IO_TRY(reader.read(range.offset, range.size, options, out, &sealed, dbg));
    return open_sealed(offset, size, range, sealed, out, count);
  }
  Scratch scratch(reader.scratch_size(range.offset, range.size));
  COFFER_IO_TRY(reader.read(range.offset, range.size, options, scratch.data(), &sealed, dbg));
  return open_sealed(offset, size, range, sealed, out, count);
}

template <class B>
IOStatus RangeFile<B>::MultiRead(FSReadRequest* requests, size_t count, const IOOptions& options, IODebugContext* dbg) {
  const bool one_by_one =
      reader_->is_mapped_now() ||
      std::any_of(requests, requests + count, [](const FSReadRequest& request) { return request.scratch == nullptr; });
  if (one_by_one) return FSRandomAccessFile::MultiRead(requests, count, options, dbg);
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
template <class B>
IOStatus RangeFile<B>::multi_read(FSReadRequest* requests, FSReadRequest* base_requests, size_t count,
                                  const IOOptions& options, IODebugContext* dbg) {
  size_t total = 0;
  for (size_t i = 0; i < count; ++i) total += scratch_size(physical_range(requests[i].offset, requests[i].len));
  Scratch scratch(total);
  uint8_t* at = scratch.data();
  size_t submitted = 0;
  for (size_t i = 0; i < count; ++i) {
    const size_t size = body_.readable(requests[i].offset, requests[i].len);
    if (size == 0) continue;
    const BlocksOpener::Range range = body_.range(requests[i].offset, size);
    uint8_t* memory = reads_in_place() ? reinterpret_cast<uint8_t*>(requests[i].scratch) : at;
    reader_->prepare(range.offset, range.size, memory, &base_requests[submitted++]);
    at += scratch_size(range);
  }
  if (submitted > 0) COFFER_IO_TRY(reader_->file().MultiRead(base_requests, submitted, options, dbg));
  open_answers(requests, base_requests, count);
  return IOStatus::OK();
}

template <class B>
void RangeFile<B>::open_answers(FSReadRequest* requests, const FSReadRequest* answer, size_t count) const {
  for (size_t i = 0; i < count; ++i) {
    FSReadRequest& request = requests[i];
    request.result = Slice(request.scratch, 0);
    request.status = IOStatus::OK();
    const size_t size = body_.readable(request.offset, request.len);
    if (size == 0) continue;
    request.status = answer->status;
    if (answer->status.ok()) {
      size_t opened = 0;
      request.status = open_answer(*answer, request.offset, size, reinterpret_cast<uint8_t*>(request.scratch), &opened);
      if (request.status.ok()) request.result = Slice(request.scratch, opened);
    }
    ++answer;
  }
}

// A read on its way. The base keeps it alive in its callback.
template <class B>
struct RangeFile<B>::Pending {
  Pending(const RangeFile& file, const FSReadRequest& wanted, size_t readable) : size(readable) {
    const BlocksOpener::Range range = file.body_.range(wanted.offset, size);
    request.offset = wanted.offset;
    request.len = wanted.len;
    request.scratch = wanted.scratch;
    uint8_t* into = reinterpret_cast<uint8_t*>(wanted.scratch);
    if (const size_t needed = file.scratch_size(range); needed > 0) {
      const auto address = reinterpret_cast<uintptr_t>(memory.extend(needed + Scratch::kAlignment));
      const uintptr_t aligned = (address + Scratch::kAlignment - 1) / Scratch::kAlignment * Scratch::kAlignment;
      into = memory.data() + (aligned - address);
    }
    file.reader_->prepare(range.offset, range.size, into, &base_request);
  }

  FSReadRequest request;  // RocksDB's
  size_t size;
  std::function<void(const FSReadRequest&, void*)> callback;
  void* callback_argument = nullptr;
  Buffer memory;
  FSReadRequest base_request;
};

template <class B>
IOStatus RangeFile<B>::ReadAsync(FSReadRequest& request, const IOOptions& options,
                                 std::function<void(const FSReadRequest&, void*)> callback, void* callback_argument,
                                 void** io_handle, IOHandleDeleter* delete_handle, IODebugContext* dbg) {
  auto synchronously = [&] {
    return FSRandomAccessFile::ReadAsync(request, options, callback, callback_argument, io_handle, delete_handle, dbg);
  };
  return guarded([&] {
    const size_t size = body_.readable(request.offset, request.len);
    if (size == 0 || request.scratch == nullptr) return synchronously();
    auto pending = std::make_shared<Pending>(*this, request, size);
    pending->callback = callback;
    pending->callback_argument = callback_argument;
    auto done = [this, pending](const FSReadRequest& answer, void*) {
      FSReadRequest& mine = pending->request;
      mine.status = answer.status;
      size_t opened = 0;
      if (answer.status.ok()) {
        pending->base_request.result = answer.result;
        mine.status = open_answer(pending->base_request, mine.offset, pending->size,
                                  reinterpret_cast<uint8_t*>(mine.scratch), &opened);
      }
      mine.result = Slice(mine.scratch, opened);
      pending->callback(mine, pending->callback_argument);
    };
    IOStatus status =
        reader_->file().ReadAsync(pending->base_request, options, done, nullptr, io_handle, delete_handle, dbg);
    // The base has no asynchronous reads. RocksDB takes a callback from within the call.
    return status.IsNotSupported() ? synchronously() : status;
  });
}

}  // namespace coffer::rocks
