#include "coffer/cli/console.h"

#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>

#include "coffer/cli/text.h"

namespace coffer::cli {
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
    case Code::kKeyUnavailable: return "the key is in another coffer, or was destroyed: see coffer keyring show";
    case Code::kProviderUnavailable: return "nothing is wrong with the data: bring the key provider back and repeat";
    case Code::kRolledBack: return "somebody restored an old copy: restore the newest one";
    case Code::kUnsupported: return "a newer version of coffer may have written this";
    case Code::kInternal: return "this is a bug in coffer: please report it";
    default: return "";
  }
}

// Paths are bytes; JSON is not: what is not UTF-8 is replaced instead of failing.
std::string line_of(const Json& object) { return object.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n"; }

Status last_write_error() {
  const int error = errno;
  return {error == ENOSPC || error == EDQUOT ? Code::kNoSpace : Code::kIo,
          fmt::format("cannot write to standard output: {}", std::strerror(error))};
}

}  // namespace

Advice advice_for(const Status& status) {
  const std::string_view message = status.message();
  if (size_t semicolon = message.find("; "); semicolon != std::string_view::npos) {
    return {std::string(message.substr(0, semicolon)), std::string(message.substr(semicolon + 2))};
  }
  return {std::string(message), std::string(standing_advice(status.code()))};
}

void Console::answer(const Json& object, std::string_view text) {
  const std::string out = json_ ? line_of(object) : std::string(text);
  std::fwrite(out.data(), 1, out.size(), stdout);
}

void Console::print_json_aside(const Json& object) { fmt::print(stderr, "{}", line_of(object)); }

Status Console::write(std::string_view bytes) {
  if (std::fwrite(bytes.data(), 1, bytes.size(), stdout) != bytes.size()) return last_write_error();
  return Status::ok();
}

void Console::note(std::string_view text) {
  if (json_) return;
  std::fflush(stdout);  // in the order it was said; what fails here finish() reports
  fmt::print(stderr, "coffer: {}\n", printable(text));
}

void Console::report(const Status& status) {
  const Advice advice = advice_for(status);
  if (json_) {
    Json error = {{"code", code_name(status.code())}, {"message", advice.message}};
    if (!advice.hint.empty()) error["hint"] = advice.hint;
    return print_json_aside(Json::object({{"error", std::move(error)}}));
  }
  fmt::print(stderr, "coffer: {}\n", printable(advice.message));
  if (!advice.hint.empty()) fmt::print(stderr, "coffer: hint: {}\n", printable(advice.hint));
}

Status Console::finish() {
  if (std::fflush(stdout) != 0 || std::ferror(stdout) != 0) return last_write_error();
  return Status::ok();
}

bool Console::is_terminal(int descriptor) { return isatty(descriptor) == 1; }

}  // namespace coffer::cli
