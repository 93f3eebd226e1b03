#include "coffer/base/advice.h"

#include "coffer/base/text.h"

namespace coffer {
namespace {

// For messages that do not say it themselves. docs/operating.md, "What an error means".
std::string_view standing_advice(Code code) {
  switch (code) {
    case Code::kPermissionDenied: return "run it as the user who owns the file, or correct the file's mode";
    case Code::kNoSpace: return "make room and repeat the command: nothing was left half done";
    case Code::kBusy: return "another process holds the lock: wait for it to end and repeat the command";
    case Code::kConflict: return "somebody else changed the keyring at the same time: repeat the command";
    case Code::kDamaged: return "the medium altered these bytes: restore the file from a backup";
    case Code::kTampered:
      return "these bytes are not what was written: find out who changed them before restoring a backup";
    case Code::kTruncated: return "the end of the file is missing: restore it from a backup";
    case Code::kWrongKey: return "name the right root key with --root URI";
    case Code::kKeyUnavailable: return "the key is in another coffer: see coffer keyring show";
    case Code::kKeyDestroyed: return "nothing brings it back: remove what it protected";
    case Code::kProviderUnavailable: return "nothing is wrong with the data: bring the key provider back and repeat";
    case Code::kRolledBack: return "somebody restored an old copy: restore the newest one";
    case Code::kDiverged: return "two copies were changed apart from each other: find out which one is to stay";
    case Code::kForeign: return "find out who put it there: it belongs to another place";
    case Code::kUnsupported: return "a newer version of coffer may have written this";
    case Code::kInternal: return "this is a bug in coffer: please report it";
    default: return "";
  }
}

}  // namespace

Advice advice_for(const Status& status) {
  const std::string_view message = status.message();
  if (size_t semicolon = message.find("; "); semicolon != std::string_view::npos) {
    return {std::string(message.substr(0, semicolon)), std::string(message.substr(semicolon + 2))};
  }
  return {std::string(message), std::string(standing_advice(status.code()))};
}

Status naming_root_flag(const Status& status) {
  if (status.code() != Code::kKeyUnavailable && status.code() != Code::kWrongKey) return status;
  const std::string message(status.message());
  if (message.find("--root") != std::string::npos) return status;
  return {status.code(), message + " (--root URI)"};
}

std::string report_text(const Status& status) {
  const Advice advice = advice_for(status);
  std::string out = "coffer: " + printable(advice.message) + "\n";
  if (!advice.hint.empty()) out += "coffer: hint: " + printable(advice.hint) + "\n";
  return out;
}

}  // namespace coffer
