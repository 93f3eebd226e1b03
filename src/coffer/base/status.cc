#include "coffer/base/status.h"

#include <algorithm>

#include "coffer/base/check.h"

namespace coffer {

std::string_view code_name(Code code) {
  switch (code) {
    case Code::kOk: return "ok";
    case Code::kInvalidArgument: return "invalid_argument";
    case Code::kNotFound: return "not_found";
    case Code::kAlreadyExists: return "already_exists";
    case Code::kPermissionDenied: return "permission_denied";
    case Code::kIo: return "io";
    case Code::kNoSpace: return "no_space";
    case Code::kBusy: return "busy";
    case Code::kConflict: return "conflict";
    case Code::kUnsupported: return "unsupported";
    case Code::kLimitExceeded: return "limit_exceeded";
    case Code::kDamaged: return "damaged";
    case Code::kTampered: return "tampered";
    case Code::kTruncated: return "truncated";
    case Code::kWrongKey: return "wrong_key";
    case Code::kKeyUnavailable: return "key_unavailable";
    case Code::kKeyDestroyed: return "key_destroyed";
    case Code::kProviderUnavailable: return "provider_unavailable";
    case Code::kPlaintext: return "plaintext";
    case Code::kRolledBack: return "rolled_back";
    case Code::kDiverged: return "diverged";
    case Code::kForeign: return "foreign";
    case Code::kInternal: return "internal";
  }
  return "unknown";
}

Status::Status(Code code, std::string message) {
  if (code != Code::kOk) rep_ = std::make_unique<Rep>(Rep{code, std::move(message)});
}

Status::Status(const Status& other) : rep_(other.rep_ ? std::make_unique<Rep>(*other.rep_) : nullptr) {}

Status& Status::operator=(const Status& other) {
  if (this != &other) rep_ = other.rep_ ? std::make_unique<Rep>(*other.rep_) : nullptr;
  return *this;
}

std::string Status::to_string() const {
  if (is_ok()) return "ok";
  return std::string(code_name(code())) + ": " + rep_->message;
}

Status Status::with_context(std::string_view context) const {
  if (is_ok()) return {};
  return {rep_->code, std::string(context) + ": " + rep_->message};
}

void value_of_failure(const Status& status) noexcept {
  char sentence[512] = "a Result is asked for its value only if it has one; this one failed with ";
  size_t size = std::string_view(sentence).size();
  for (std::string_view part : {code_name(status.code()), std::string_view(": "), status.message()}) {
    size += part.copy(sentence + size, sizeof sentence - size);
  }
  COFFER_REQUIRE(false, std::string_view(sentence, size));
  __builtin_unreachable();
}

}  // namespace coffer
