#include "coffer/engines/rocksdb/io_status.h"

namespace coffer::rocks {
namespace {

IOStatus distrusted(const std::string& message, Distrust distrust) {
  IOStatus status = distrust == Distrust::kCorruption ? IOStatus::Corruption(message) : IOStatus::IOError(message);
  status.SetDataLoss(true);
  return status;
}

IOStatus retryable(const std::string& message) {
  IOStatus status = IOStatus::IOError(message);
  status.SetRetryable(true);
  return status;
}

}  // namespace

IOStatus to_io_status(const Status& status, Distrust distrust) {
  if (status.is_ok()) return IOStatus::OK();  // on every append and read: no text is made
  const std::string message = status.to_string();
  switch (status.code()) {
    case Code::kDamaged:
    case Code::kTampered:
    case Code::kTruncated:
    case Code::kWrongKey:
    case Code::kPlaintext: return distrusted(message, distrust);
    case Code::kNoSpace: return IOStatus::NoSpace(message);
    // It may be back: RocksDB tries again by itself what it does in the background, and may be told to resume.
    case Code::kKeyUnavailable:
    case Code::kProviderUnavailable: return retryable(message);
    case Code::kInvalidArgument: return IOStatus::InvalidArgument(message);
    case Code::kUnsupported: return IOStatus::NotSupported(message);
    case Code::kBusy: return IOStatus::Busy(message);
    // Coffer's kNotFound speaks of keys, domains and coffers. RocksDB takes NotFound for a file that is not there and
    // may make a new one, so only the base file system may say that.
    case Code::kNotFound:
    case Code::kAlreadyExists:
    case Code::kPermissionDenied:
    case Code::kIo:
    case Code::kConflict:
    case Code::kLimitExceeded:
    case Code::kKeyDestroyed:
    case Code::kRolledBack:
    case Code::kDiverged:
    case Code::kForeign:
    case Code::kInternal:
    case Code::kOk: break;
  }
  return IOStatus::IOError(message);
}

Status from_io_status(const IOStatus& status) {
  if (status.ok()) return Status::ok();
  const std::string message = status.ToString();
  if (status.IsNotFound() || status.IsPathNotFound()) return {Code::kNotFound, message};
  if (status.IsNoSpace()) return {Code::kNoSpace, message};
  if (status.IsNotSupported()) return {Code::kUnsupported, message};
  return {Code::kIo, message};
}

}  // namespace coffer::rocks
