#include "coffer/cli/problem.h"

#include <fmt/format.h>

#include "coffer/cli/text.h"

namespace coffer::cli {
namespace {

// Messages of the layers below begin with the file they are about; a line that does so already need not say it twice.
std::string_view without_path(std::string_view message, const std::string& path) {
  if (message.starts_with(path + ": ")) message.remove_prefix(path.size() + 2);
  return message;
}

}  // namespace

std::string_view problem_kind(Code code) {
  switch (code) {
    case Code::kDamaged: return "damaged";
    case Code::kTampered: return "tampered";
    case Code::kTruncated: return "truncated";
    case Code::kWrongKey: return "wrong key";
    case Code::kKeyUnavailable: return "missing key";
    case Code::kKeyDestroyed: return "key destroyed";
    case Code::kPlaintext: return "plaintext";
    case Code::kUnsupported: return "unsupported";
    case Code::kRolledBack: return "rolled back";
    case Code::kForeign: return "foreign";
    case Code::kNotFound: return "missing";
    case Code::kNoSpace: return "no space";
    case Code::kBusy: return "in use";
    case Code::kConflict: return "changing";
    default: return "unreadable";
  }
}

std::string problem_text(const std::string& path, const Status& status) {
  const std::string_view message = without_path(status.message(), path);
  return fmt::format("{}: {}: {}\n", printable(path), problem_kind(status.code()), printable(message));
}

Json problem_json(const std::string& path, const Status& status) {
  return {{"path", path},
          {"kind", problem_kind(status.code())},
          {"code", code_name(status.code())},
          {"message", without_path(status.message(), path)}};
}

}  // namespace coffer::cli
