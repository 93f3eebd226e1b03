// What stands behind the handles of coffer_c.h, and how failures go out: no exception crosses the border.
#pragma once

#include <exception>
#include <new>
#include <string>

#include "coffer/base/per_process.h"
#include "coffer/coffer_c.h"
#include "coffer/store/coffer.h"

struct coffer_error {
  coffer_code_t code;
  std::string message;
};

struct coffer_handle {
  explicit coffer_handle(std::shared_ptr<coffer::Coffer> opened) : coffer(std::move(opened)) {}

  std::shared_ptr<coffer::Coffer> coffer;
  const coffer::OfOneProcess process = {};
};

namespace coffer::bindings {

// Sets *error, if there is one, and returns the code.
coffer_code_t tell(const Status& status, coffer_error_t** error) noexcept;
coffer_code_t tell_no_memory(coffer_error_t** error) noexcept;

// `body` returns a Status.
template <class Body>
coffer_code_t guarded(coffer_error_t** error, const Body& body) noexcept {
  if (error != nullptr) *error = nullptr;
  try {
    return tell(body(), error);
  } catch (const std::bad_alloc&) {
    return tell_no_memory(error);
  } catch (const std::exception&) {
    return tell({Code::kInternal, "an exception of the C++ library"}, error);
  }
}

// kInvalidArgument for null: `name` is the parameter's.
inline Status check_given(const void* pointer, const char* name) {
  if (pointer != nullptr) return Status::ok();
  return {Code::kInvalidArgument, std::string(name) + " is null"};
}

// A buffer of the caller's. kInvalidArgument for null, unless it is empty.
inline Result<ByteView> bytes_at(const void* data, size_t size, const char* name) {
  if (size > 0) COFFER_TRY(check_given(data, name));
  return ByteView(static_cast<const uint8_t*>(data), size);
}
inline Result<MutableBytes> room_at(void* data, size_t size, const char* name) {
  if (size > 0) COFFER_TRY(check_given(data, name));
  return MutableBytes(static_cast<uint8_t*>(data), size);
}

// Its keys are watched from now on, as an engine's are.
coffer_t* new_handle(std::shared_ptr<Coffer> coffer);

// The coffer behind a handle; kInvalidArgument for null, kKeyUnavailable in a child of fork().
inline Result<Coffer*> opened(const coffer_t* handle) {
  COFFER_TRY(check_given(handle, "coffer"));
  COFFER_TRY(handle->process.usable());
  return handle->coffer.get();
}

}  // namespace coffer::bindings
