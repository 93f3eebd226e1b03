#include "coffer/engines/sqlite/failure.h"

#include "coffer/engines/sqlite/api.h"

namespace coffer::sqlite {
namespace {

std::string& latest() {
  thread_local std::string text;
  return text;
}

int code_for(Code code) {
  switch (code) {
    case Code::kDamaged:
    case Code::kTampered:
    case Code::kTruncated:
    case Code::kWrongKey:
    case Code::kForeign:
    case Code::kRolledBack:
    case Code::kDiverged: return SQLITE_IOERR_DATA;
    case Code::kKeyUnavailable:
    case Code::kKeyDestroyed:
    case Code::kProviderUnavailable: return SQLITE_IOERR_AUTH;
    case Code::kPlaintext:
    case Code::kUnsupported: return SQLITE_NOTADB;
    case Code::kNoSpace: return SQLITE_FULL;
    case Code::kPermissionDenied:
    case Code::kNotFound:
    case Code::kInvalidArgument: return SQLITE_CANTOPEN;
    default: return SQLITE_IOERR;
  }
}

}  // namespace

int failed(const Status& status, const std::string& path) {
  const int result = code_for(status.code());
  latest() = status.message().find(path) == std::string_view::npos ? path + ": " : "";
  latest() += status.message();
  sqlite3_log(result, "coffer: %s", latest().c_str());
  return result;
}

const std::string& last_failure() { return latest(); }

}  // namespace coffer::sqlite
