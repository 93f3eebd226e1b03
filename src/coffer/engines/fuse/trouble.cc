#include "coffer/engines/fuse/trouble.h"

#include <cerrno>

#include "coffer/base/advice.h"
#include "coffer/base/text.h"

namespace coffer::fusefs {

int errno_of(const Status& status) {
  switch (status.code()) {
    case Code::kOk: return 0;
    case Code::kNoSpace: return ENOSPC;
    case Code::kLimitExceeded: return EFBIG;
    case Code::kInvalidArgument: return EINVAL;
    case Code::kUnsupported: return EOPNOTSUPP;
    case Code::kBusy: return EBUSY;
    case Code::kKeyUnavailable:
    case Code::kKeyDestroyed:
    case Code::kProviderUnavailable:
    case Code::kPermissionDenied:
    case Code::kForeign:
    case Code::kPlaintext: return EACCES;
    // Coffer's kNotFound speaks of keys and domains; a file that is not there the system tells of.
    case Code::kNotFound:
    case Code::kAlreadyExists:
    case Code::kConflict:
    case Code::kIo:
    case Code::kDamaged:
    case Code::kTampered:
    case Code::kTruncated:
    case Code::kWrongKey:
    case Code::kRolledBack:
    case Code::kDiverged:
    case Code::kInternal: break;
  }
  return EIO;
}

int TroubleLog::explain(const Status& status) {
  const int error = errno_of(status);
  if (error == 0 || error == ENOSPC || error == EFBIG || error == EINVAL) return error;
  const Advice advice = advice_for(status);
  std::string line = printable(std::string(code_name(status.code())) + ": " + advice.message);
  if (!advice.hint.empty()) line += "; " + printable(advice.hint);
  const uint64_t now = now_seconds();
  {
    std::lock_guard lock(mutex_);
    const auto found = told_.find(line);
    if (found != told_.end() && now < found->second + kQuietSeconds) return error;
    if (told_.size() >= kRememberedMax) told_.clear();
    told_[line] = now;
  }
  write_(line);
  return error;
}

}  // namespace coffer::fusefs
