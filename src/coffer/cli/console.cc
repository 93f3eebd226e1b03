#include "coffer/cli/console.h"

#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>

#include "coffer/base/advice.h"
#include "coffer/base/text.h"

namespace coffer::cli {
namespace {

// Paths are bytes; JSON is not: what is not UTF-8 is replaced instead of failing.
std::string line_of(const Json& object) { return json_text(object) + "\n"; }

Status last_write_error() {
  const int error = errno;
  return {error == ENOSPC || error == EDQUOT ? Code::kNoSpace : Code::kIo,
          fmt::format("cannot write to standard output: {}", std::strerror(error))};
}

}  // namespace

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
  if (!json_) {
    fmt::print(stderr, "{}", report_text(status));
    return;
  }
  const Advice advice = advice_for(status);
  Json error = {{"code", code_name(status.code())}, {"message", advice.message}};
  if (!advice.hint.empty()) error["hint"] = advice.hint;
  print_json_aside(Json::object({{"error", std::move(error)}}));
}

Status Console::finish() {
  if (std::fflush(stdout) != 0 || std::ferror(stdout) != 0) return last_write_error();
  return Status::ok();
}

bool Console::is_terminal(int descriptor) { return isatty(descriptor) == 1; }

}  // namespace coffer::cli
