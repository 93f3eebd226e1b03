// Codes, errors and the library's version, as C has them.
#include <cstdlib>

#include "coffer/bindings/c/handles.h"
#include "coffer/version.h"

namespace coffer::bindings {
namespace {

// There may be no memory to make one.
coffer_error no_memory_error{COFFER_NO_MEMORY, "out of memory"};

}  // namespace

#define COFFER_SAME_CODE(c, cpp) static_assert(COFFER_##c == static_cast<coffer_code_t>(Code::cpp))
COFFER_SAME_CODE(OK, kOk);
COFFER_SAME_CODE(INVALID_ARGUMENT, kInvalidArgument);
COFFER_SAME_CODE(NOT_FOUND, kNotFound);
COFFER_SAME_CODE(ALREADY_EXISTS, kAlreadyExists);
COFFER_SAME_CODE(PERMISSION_DENIED, kPermissionDenied);
COFFER_SAME_CODE(IO, kIo);
COFFER_SAME_CODE(NO_SPACE, kNoSpace);
COFFER_SAME_CODE(BUSY, kBusy);
COFFER_SAME_CODE(CONFLICT, kConflict);
COFFER_SAME_CODE(UNSUPPORTED, kUnsupported);
COFFER_SAME_CODE(LIMIT_EXCEEDED, kLimitExceeded);
COFFER_SAME_CODE(DAMAGED, kDamaged);
COFFER_SAME_CODE(TAMPERED, kTampered);
COFFER_SAME_CODE(TRUNCATED, kTruncated);
COFFER_SAME_CODE(WRONG_KEY, kWrongKey);
COFFER_SAME_CODE(KEY_UNAVAILABLE, kKeyUnavailable);
COFFER_SAME_CODE(KEY_DESTROYED, kKeyDestroyed);
COFFER_SAME_CODE(PROVIDER_UNAVAILABLE, kProviderUnavailable);
COFFER_SAME_CODE(PLAINTEXT, kPlaintext);
COFFER_SAME_CODE(ROLLED_BACK, kRolledBack);
COFFER_SAME_CODE(DIVERGED, kDiverged);
COFFER_SAME_CODE(FOREIGN, kForeign);
COFFER_SAME_CODE(INTERNAL, kInternal);
#undef COFFER_SAME_CODE

coffer_code_t tell_no_memory(coffer_error_t** error) noexcept {
  if (error != nullptr) *error = &no_memory_error;
  return COFFER_NO_MEMORY;
}

coffer_code_t tell(const Status& status, coffer_error_t** error) noexcept {
  const auto code = static_cast<coffer_code_t>(status.code());
  if (status.is_ok() || error == nullptr) return code;
  try {
    *error = new coffer_error{code, std::string(status.message())};
  } catch (const std::bad_alloc&) {
    return tell_no_memory(error);
  }
  return code;
}

}  // namespace coffer::bindings

uint32_t coffer_abi_version(void) { return COFFER_C_ABI_VERSION; }

const char* coffer_version(void) { return coffer::kVersion.data(); }

const char* coffer_code_name(coffer_code_t code) {
  if (code == COFFER_NO_MEMORY) return "no_memory";
  if (code < COFFER_OK || code > COFFER_INTERNAL) return "unknown";
  return coffer::code_name(static_cast<coffer::Code>(code)).data();
}

coffer_code_t coffer_error_code(const coffer_error_t* error) { return error != nullptr ? error->code : COFFER_OK; }

const char* coffer_error_message(const coffer_error_t* error) {
  return error != nullptr ? error->message.c_str() : "";
}

void coffer_error_free(coffer_error_t* error) {
  if (error != &coffer::bindings::no_memory_error) delete error;
}

// Made by malloc(): nothing but bytes.
void coffer_text_free(char* text) { std::free(text); }
