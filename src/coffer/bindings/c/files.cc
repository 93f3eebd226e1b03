// Files, as C has them.
#include <algorithm>

#include "coffer/base/path.h"
#include "coffer/bindings/c/handles.h"
#include "coffer/bindings/c/open_file.h"
#include "coffer/files/counted_file.h"

struct coffer_file {
  const std::shared_ptr<coffer::Coffer> coffer;  // which counts the file to its end
  std::unique_ptr<coffer::bindings::OpenFile> file;
  const std::string path;
  const coffer::OfOneProcess process = {};
};

namespace coffer::bindings {
namespace {

Status not_in_place() {
  return {Code::kUnsupported, "is not open to be changed in place; create and reopen it with COFFER_ROLE_IN_PLACE"};
}

}  // namespace

Result<size_t> OpenFile::read_at(uint64_t, MutableBytes) {
  return {Code::kUnsupported, "is open for writing; open it for reading besides"};
}
Status OpenFile::append(ByteView) { return {Code::kUnsupported, "is open for reading; reopen it to append to it"}; }
Status OpenFile::write_at(uint64_t, ByteView) { return not_in_place(); }
Status OpenFile::truncate(uint64_t) { return not_in_place(); }
Status OpenFile::punch_hole(uint64_t, uint64_t) { return not_in_place(); }
Status OpenFile::sync() { return {Code::kUnsupported, "is open for reading: there is nothing to sync"}; }

namespace {

using OpenFileResult = Result<std::unique_ptr<OpenFile>>;
using Opening = OpenFileResult (*)(const std::shared_ptr<Coffer>& coffer, const FileRequest& request);

Result<EngineRole> role_of_number(coffer_role_t role) {
  switch (role) {
    case COFFER_ROLE_DATA: return EngineRole::kData;
    case COFFER_ROLE_LOG: return EngineRole::kLog;
    case COFFER_ROLE_METADATA: return EngineRole::kMetadata;
    case COFFER_ROLE_WHOLE: return EngineRole::kWhole;
    case COFFER_ROLE_TEMPORARY: return EngineRole::kTemporary;
    case COFFER_ROLE_OTHER: return EngineRole::kOther;
    case COFFER_ROLE_IN_PLACE: return EngineRole::kInPlace;
    default: return {Code::kInvalidArgument, "role " + std::to_string(role) + " is none; see coffer_role_t"};
  }
}

struct FileArguments {
  const coffer_t* coffer;
  const char* path;
  coffer_role_t role;
  const char* domain;
  const coffer_io_t* io;
  CallbacksFor use;
};

Status check_absolute(const char* path, const char* name) {
  COFFER_TRY(check_given(path, name));
  if (path[0] == '/') return Status::ok();
  return {Code::kInvalidArgument, std::string(name) + " is \"" + path + "\": expected one from the root on"};
}

Status make_file(const FileArguments& given, Opening opening, coffer_file_t** out) {
  COFFER_TRY(check_given(out, "file"));
  COFFER_TRY(opened(given.coffer).status());
  COFFER_TRY(check_absolute(given.path, "path"));
  COFFER_ASSIGN(const EngineRole role, role_of_number(given.role));
  COFFER_ASSIGN(const coffer_io_t io, callbacks_of(given.io, given.use));
  const FileRequest request{absolute_path(given.path), role, given.domain != nullptr ? given.domain : "", io};
  COFFER_ASSIGN(auto file, opening(given.coffer->coffer, request));
  *out = new coffer_file{given.coffer->coffer, std::move(file), request.path};
  return Status::ok();
}

// `use` is given the file; what it says names it.
template <class Use>
coffer_code_t with_file(coffer_file_t* handle, coffer_error_t** error, const Use& use) noexcept {
  return guarded(error, [&]() -> Status {
    COFFER_TRY(check_given(handle, "file"));
    COFFER_TRY(handle->process.usable().with_context(handle->path));
    return use(*handle->file).with_context(handle->path);
  });
}

coffer_code_t open_handle(const FileArguments& given, Opening opening, coffer_file_t** out, coffer_error_t** error) {
  if (out != nullptr) *out = nullptr;
  return guarded(error, [&] { return make_file(given, opening, out); });
}

// `change` is given the coffer and both paths, absolute.
coffer_code_t change_names(coffer_t* handle, const char* from, const char* to, coffer_error_t** error,
                           Status (*change)(Coffer&, const std::string&, const std::string&)) {
  return guarded(error, [&]() -> Status {
    COFFER_ASSIGN(Coffer* const coffer, opened(handle));
    COFFER_TRY(check_absolute(from, "from"));
    COFFER_TRY(check_absolute(to, "to"));
    return change(*coffer, absolute_path(from), absolute_path(to));
  });
}

// In a child of fork() nothing is freed: the parent's threads may have held its locks.
void free_file(coffer_file_t* handle) {
  if (handle != nullptr && handle->process.is_here()) delete handle;
}

}  // namespace
}  // namespace coffer::bindings

using coffer::Status;
using coffer::bindings::bytes_at;
using coffer::bindings::CallbacksFor;
using coffer::bindings::OpenFile;
using coffer::bindings::with_file;

coffer_code_t coffer_confirm_store(coffer_t* handle, const char* directory, coffer_error_t** error) {
  return coffer::bindings::guarded(error, [&]() -> Status {
    COFFER_ASSIGN(coffer::Coffer* const coffer, coffer::bindings::opened(handle));
    COFFER_TRY(coffer::bindings::check_absolute(directory, "directory"));
    return coffer->stores().confirm(coffer::absolute_path(directory));
  });
}

coffer_code_t coffer_file_remove(coffer_t* handle, const char* path, coffer_error_t** error) {
  return coffer::bindings::guarded(error, [&]() -> Status {
    COFFER_ASSIGN(coffer::Coffer* const coffer, coffer::bindings::opened(handle));
    COFFER_TRY(coffer::bindings::check_absolute(path, "path"));
    return coffer::remove_counted(*coffer, coffer::absolute_path(path));
  });
}

coffer_code_t coffer_file_rename(coffer_t* handle, const char* from, const char* to, coffer_error_t** error) {
  return coffer::bindings::change_names(handle, from, to, error, coffer::rename_counted);
}

coffer_code_t coffer_file_link(coffer_t* handle, const char* from, const char* to, coffer_error_t** error) {
  return coffer::bindings::change_names(handle, from, to, error, coffer::link_counted);
}

coffer_code_t coffer_file_create(coffer_t* coffer, const char* path, coffer_role_t role, const char* domain,
                                 const coffer_io_t* io, coffer_file_t** file, coffer_error_t** error) {
  return coffer::bindings::open_handle({coffer, path, role, domain, io, CallbacksFor::kWriting},
                                       coffer::bindings::create_file, file, error);
}

coffer_code_t coffer_file_open(coffer_t* coffer, const char* path, coffer_role_t role, const coffer_io_t* io,
                               coffer_file_t** file, coffer_error_t** error) {
  return coffer::bindings::open_handle({coffer, path, role, nullptr, io, CallbacksFor::kReading},
                                       coffer::bindings::open_to_read, file, error);
}

coffer_code_t coffer_file_reopen(coffer_t* coffer, const char* path, coffer_role_t role, const coffer_io_t* io,
                                 coffer_file_t** file, coffer_error_t** error) {
  return coffer::bindings::open_handle({coffer, path, role, nullptr, io, CallbacksFor::kWriting},
                                       coffer::bindings::open_to_append, file, error);
}

coffer_code_t coffer_file_size(coffer_file_t* handle, uint64_t* size, coffer_error_t** error) {
  if (size != nullptr) *size = 0;
  return with_file(handle, error, [&](OpenFile& file) -> Status {
    COFFER_TRY(coffer::bindings::check_given(size, "size"));
    COFFER_ASSIGN(*size, file.size());
    return Status::ok();
  });
}

coffer_code_t coffer_file_read_at(coffer_file_t* handle, uint64_t offset, void* out, size_t size, size_t* done,
                                  coffer_error_t** error) {
  if (done != nullptr) *done = 0;
  const coffer_code_t code = with_file(handle, error, [&](OpenFile& file) -> Status {
    COFFER_TRY(coffer::bindings::check_given(done, "done"));
    COFFER_ASSIGN(const coffer::MutableBytes room, coffer::bindings::room_at(out, size, "out"));
    COFFER_ASSIGN(*done, file.read_at(offset, room));
    return Status::ok();
  });
  if (code != COFFER_OK && out != nullptr) std::fill_n(static_cast<uint8_t*>(out), size, uint8_t{0});
  return code;
}

coffer_code_t coffer_file_append(coffer_file_t* handle, const void* data, size_t size, coffer_error_t** error) {
  return with_file(handle, error, [&](OpenFile& file) -> Status {
    COFFER_ASSIGN(const coffer::ByteView bytes, bytes_at(data, size, "data"));
    return file.append(bytes);
  });
}

coffer_code_t coffer_file_write_at(coffer_file_t* handle, uint64_t offset, const void* data, size_t size,
                                   coffer_error_t** error) {
  return with_file(handle, error, [&](OpenFile& file) -> Status {
    COFFER_ASSIGN(const coffer::ByteView bytes, bytes_at(data, size, "data"));
    return file.write_at(offset, bytes);
  });
}

coffer_code_t coffer_file_truncate(coffer_file_t* handle, uint64_t size, coffer_error_t** error) {
  return with_file(handle, error, [&](OpenFile& file) { return file.truncate(size); });
}

coffer_code_t coffer_file_punch_hole(coffer_file_t* handle, uint64_t offset, uint64_t size, coffer_error_t** error) {
  return with_file(handle, error, [&](OpenFile& file) { return file.punch_hole(offset, size); });
}

coffer_code_t coffer_file_sync(coffer_file_t* handle, coffer_error_t** error) {
  return with_file(handle, error, [](OpenFile& file) { return file.sync(); });
}

coffer_code_t coffer_file_close(coffer_file_t* handle, coffer_error_t** error) {
  const coffer_code_t code = with_file(handle, error, [](OpenFile& file) { return file.close(); });
  coffer::bindings::free_file(handle);
  return code;
}

void coffer_file_abandon(coffer_file_t* handle) { coffer::bindings::free_file(handle); }
