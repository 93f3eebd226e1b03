// Reading `ctr` files: byte n is byte n after the envelope, so reads go straight into RocksDB's memory.
#include <algorithm>

#include "coffer/engines/rocksdb/random_file.h"

namespace coffer::rocks {
namespace {

using ::rocksdb::FSReadRequest;
using ::rocksdb::IOHandleDeleter;

class CtrFile final : public RandomFile {
 public:
  CtrFile(const Context& context, std::string path, ExistingFile& file, CtrBody body)
      : RandomFile(std::move(path), file),
        base_(context.base),
        body_(std::move(body)),
        sealed_(file.opened.fields.body_sealed),
        size_when_opened_(file.physical_size - kEnvelopeSize) {}

  IOStatus MultiRead(FSReadRequest* requests, size_t count, const IOOptions& options, IODebugContext* dbg) override;
  IOStatus ReadAsync(FSReadRequest& request, const IOOptions& options,
                     std::function<void(const FSReadRequest&, void*)> callback, void* callback_argument,
                     void** io_handle, IOHandleDeleter* delete_handle, IODebugContext* dbg) override;
  // A file that was not closed may still grow.
  IOStatus logical_size(uint64_t* size) const override {
    *size = size_when_opened_;
    if (sealed_) return IOStatus::OK();
    uint64_t physical_size = 0;
    COFFER_IO_TRY(base_->GetFileSize(path_, IOOptions(), &physical_size, nullptr));
    *size = std::max<uint64_t>(physical_size, kEnvelopeSize) - kEnvelopeSize;
    return IOStatus::OK();
  }

 protected:
  IOStatus read(uint64_t offset, size_t n, const IOOptions& options, uint8_t* out, size_t* count,
                IODebugContext* dbg) const override;
  BlocksOpener::Range physical_range(uint64_t offset, uint64_t size) const override {
    return {kEnvelopeSize + offset, size};
  }

 private:
  IOStatus apply(uint64_t offset, ByteView sealed, uint8_t* out) const {
    Status status = body_.apply(offset, sealed, out);
    return status.is_ok() ? IOStatus::OK() : fail(status);
  }
  // In place. `opened` stays empty after an error.
  IOStatus open_answer(const FSReadRequest& answer, uint64_t offset, MutableBytes* opened) const {
    MutableBytes sealed;
    COFFER_IO_TRY(reader_->finish(answer.offset, answer.len, answer, &sealed));
    COFFER_IO_TRY(apply(offset, sealed, sealed.data()));
    *opened = sealed;
    return IOStatus::OK();
  }

  const std::shared_ptr<::rocksdb::FileSystem> base_;
  const CtrBody body_;
  const bool sealed_;
  const uint64_t size_when_opened_;
};

IOStatus CtrFile::read(uint64_t offset, size_t n, const IOOptions& options, uint8_t* out, size_t* count,
                       IODebugContext* dbg) const {
  const uint64_t begin = kEnvelopeSize + offset;
  MutableBytes sealed;
  if (!reader_->direct()) {
    COFFER_IO_TRY(reader_->read(begin, n, options, out, &sealed, dbg));
    *count = sealed.size();
    return apply(offset, sealed, out);
  }
  Scratch scratch(reader_->scratch_size(begin, n));
  COFFER_IO_TRY(reader_->read(begin, n, options, scratch.data(), &sealed, dbg));
  *count = sealed.size();
  return apply(offset, sealed, out);
}

IOStatus CtrFile::MultiRead(FSReadRequest* requests, size_t count, const IOOptions& options, IODebugContext* dbg) {
  const bool one_by_one =
      reader_->direct() ||
      std::any_of(requests, requests + count, [](const FSReadRequest& request) { return request.scratch == nullptr; });
  if (one_by_one) return FSRandomAccessFile::MultiRead(requests, count, options, dbg);
  return guarded([&] {
    for (size_t i = 0; i < count; ++i) requests[i].offset += kEnvelopeSize;
    IOStatus status = reader_->file().MultiRead(requests, count, options, dbg);
    for (size_t i = 0; i < count; ++i) {
      FSReadRequest& request = requests[i];
      const uint64_t offset = request.offset - kEnvelopeSize;
      if (status.ok() && request.status.ok()) {
        MutableBytes opened;
        request.status = open_answer(request, offset, &opened);
        request.result = Slice(request.scratch, opened.size());
      }
      request.offset = offset;
    }
    return status;
  });
}

IOStatus CtrFile::ReadAsync(FSReadRequest& request, const IOOptions& options,
                            std::function<void(const FSReadRequest&, void*)> callback, void* callback_argument,
                            void** io_handle, IOHandleDeleter* delete_handle, IODebugContext* dbg) {
  auto synchronously = [&] {
    return FSRandomAccessFile::ReadAsync(request, options, callback, callback_argument, io_handle, delete_handle, dbg);
  };
  return guarded([&] {
    if (reader_->direct() || request.scratch == nullptr) return synchronously();
    FSReadRequest base_request;
    reader_->prepare(kEnvelopeSize + request.offset, request.len, reinterpret_cast<uint8_t*>(request.scratch),
                     &base_request);
    const uint64_t offset = request.offset;
    const size_t size = request.len;
    char* scratch = request.scratch;
    auto done = [=, this](const FSReadRequest& answer, void*) {
      FSReadRequest mine;
      mine.offset = kEnvelopeSize + offset;
      mine.len = size;
      mine.scratch = scratch;
      mine.status = answer.status;
      if (answer.status.ok()) {
        mine.result = answer.result;
        MutableBytes opened;
        mine.status = open_answer(mine, offset, &opened);
        mine.result = Slice(scratch, opened.size());
      }
      mine.offset = offset;
      if (!mine.status.ok()) mine.result = Slice(scratch, 0);
      callback(mine, callback_argument);
    };
    IOStatus status = reader_->file().ReadAsync(base_request, options, done, nullptr, io_handle, delete_handle, dbg);
    return status.IsNotSupported() ? synchronously() : status;
  });
}

}  // namespace

IOStatus open_ctr(const Context& context, const std::string& path, ExistingFile file,
                  std::unique_ptr<RandomFile>* result) {
  const EnvelopeFields& fields = file.opened.fields;
  const uint64_t body_size = file.physical_size - kEnvelopeSize;
  if (fields.body_sealed && body_size != fields.body_size) {
    const Code code = body_size < fields.body_size ? Code::kTruncated : Code::kTampered;
    return to_io_status(Status(code, path + ": has " + std::to_string(body_size) + " bytes, but was closed with " +
                                         std::to_string(fields.body_size)),
                        distrust_of(path));
  }
  auto body = CtrBody::create(file.opened.file_key, fields.suite, fields.file_id);
  if (!body.is_ok()) return to_io_status(body.status().with_context(path), distrust_of(path));
  *result = std::make_unique<CtrFile>(context, path, file, std::move(*body));
  return IOStatus::OK();
}

}  // namespace coffer::rocks
