#include <mutex>

#include "coffer/base/path.h"
#include "coffer/bindings/c/open_file.h"

namespace coffer::bindings {
namespace {

class WritingFile final : public OpenFile {
 public:
  WritingFile(const coffer_io_t& io, uint64_t size, std::unique_ptr<FileWriter> writer)
      : file_(io, size), writer_(std::move(writer)) {}

  Result<uint64_t> size() override {
    std::lock_guard lock(mutex_);
    return writer_->logical_size();
  }
  Status append(ByteView data) override {
    std::lock_guard lock(mutex_);
    return writer_->append(data, file_);
  }
  Status sync() override {
    std::lock_guard one_at_a_time(sync_mutex_);
    std::unique_lock lock(mutex_, std::defer_lock);
    if (!writer_->may_sync_beside_append()) lock.lock();
    return writer_->sync(true, file_);
  }
  Status close() override {
    std::scoped_lock lock(sync_mutex_, mutex_);
    return writer_->close(file_);
  }

 private:
  std::mutex sync_mutex_;  // before the other one
  std::mutex mutex_;
  CallbackAppendFile file_;
  std::unique_ptr<FileWriter> writer_;
};

// For the counts of files, which are of those that stand at their path. Null for others: nobody finds those there.
std::shared_ptr<GrowingFile> list(Coffer& coffer, const FileRequest& request, const FileClass& of, uint64_t size) {
  const auto there = coffer.disk().info(request.path);
  if (!there.is_ok() || there->is_directory || there->size != size) return nullptr;
  FileCounts& counts = coffer.file_counts();
  CountedFile file;
  file.store = counts.store_of(request.path);
  file.of = of;
  file.size = size;
  return std::make_shared<GrowingFile>(counts, file, size > 0);
}

FileClass class_of_new(const EnvelopeFields& fields) {
  return {.what = FileClass::What::kEncrypted, .key = fields.domain_key_id};
}

Result<std::unique_ptr<OpenFile>> begin_file(const std::shared_ptr<Coffer>& coffer, const FileRequest& request) {
  COFFER_ASSIGN(NewFile header, new_header(*coffer, {.path = request.path,
                                                     .store_directory = std::string(parent_of(request.path)),
                                                     .role = request.role,
                                                     .domain = request.domain}));
  auto listing = list(*coffer, request, class_of_new(header.fields), 0);
  if (header.fields.kind == Kind::kPages) {
    COFFER_ASSIGN(auto pages, PagesFile::create(header, std::make_unique<CallbackChangedFile>(request.io, 0, listing)));
    pages->be_counted(coffer->usage().counter(header.fields.domain_key_id));
    return changing_file(std::move(pages));
  }
  COFFER_ASSIGN(auto writer, new_writer(coffer, std::move(header), request.role));
  writer->be_listed(std::move(listing), 0, 0);
  return std::unique_ptr<OpenFile>(std::make_unique<WritingFile>(request.io, 0, std::move(writer)));
}

}  // namespace

Result<std::unique_ptr<OpenFile>> create_file(const std::shared_ptr<Coffer>& coffer, const FileRequest& request) {
  COFFER_ASSIGN(const uint64_t size, CallbackFile(request.io).size());
  if (size == 0) return begin_file(coffer, request);
  return {Code::kAlreadyExists, request.path + ": has " + std::to_string(size) +
                                    " bytes already; a new file is empty, and one that is there is reopened"};
}

Result<std::unique_ptr<OpenFile>> open_to_append(const std::shared_ptr<Coffer>& coffer, const FileRequest& request) {
  const auto file = std::make_shared<const CallbackFile>(request.io);
  COFFER_ASSIGN(const FileHead head, read_head(*file, request.path));
  COFFER_TRY(head.refusal);
  COFFER_ASSIGN(uint64_t size, file->size());
  if (head.is(FileHead::What::kNothing)) {
    if (size > 0) COFFER_TRY(CallbackAppendFile(request.io, size).truncate(0));
    return begin_file(coffer, request);
  }
  COFFER_ASSIGN(OpenedFile opened, coffer->open_file(head.scan, request.path));
  const auto counter = coffer->usage().counter(opened.fields.domain_key_id);
  auto listing = list(*coffer, request, class_of(head.scan), size);
  if (opened.fields.kind == Kind::kPages) {
    auto pages = PagesFile::open(opened, std::make_unique<CallbackChangedFile>(request.io, size, listing));
    if (!pages.is_ok()) return pages.status().with_context(request.path);
    (*pages)->be_counted(counter);
    return changing_file(std::move(*pages));
  }
  const Body& body = body_of(opened.fields.kind);
  auto reopened = body.reopen(std::move(opened), file, size, request.role);
  if (!reopened.is_ok()) return reopened.status().with_context(request.path);
  reopened->writer->be_counted(counter);
  if (reopened->cut_at && *reopened->cut_at != size) {
    size = *reopened->cut_at;
    COFFER_TRY(CallbackAppendFile(request.io, size).truncate(size));
  }
  reopened->writer->be_listed(std::move(listing), size, 0);
  return std::unique_ptr<OpenFile>(std::make_unique<WritingFile>(request.io, size, std::move(reopened->writer)));
}

}  // namespace coffer::bindings
