#include "coffer/cli/progress.h"

#include <fmt/format.h>
#include <unistd.h>

#include <cstdio>

#include "coffer/cli/text.h"

namespace coffer::cli {
namespace {

constexpr auto kInterval = std::chrono::milliseconds(100);

}  // namespace

Progress::Progress(bool enabled)
    : enabled_(enabled && isatty(STDERR_FILENO) == 1), started_(std::chrono::steady_clock::now()) {}

void Progress::show(std::string_view what, uint64_t part, uint64_t whole, std::string_view detail) {
  if (!enabled_) return;
  const auto now = std::chrono::steady_clock::now();
  if (shown_ && now - last_ < kInterval) return;
  last_ = now;
  std::string line = fmt::format("{}: ", what);
  if (whole > 0) line += percent_text(std::min(part, whole), whole) + ", ";
  line += detail;
  const double elapsed = seconds();
  if (part > 0 && part < whole && elapsed > 2) {
    const double left = elapsed * static_cast<double>(whole - part) / static_cast<double>(part);
    line += fmt::format(", {} left", age_text(static_cast<uint64_t>(left)));
  }
  // Back to the first column, the line, and nothing of a longer one behind it.
  fmt::print(stderr, "\r{}\x1b[K", line);
  std::fflush(stderr);
  shown_ = true;
}

double Progress::seconds() const {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - started_).count();
}

void Progress::erase() {
  if (shown_) fmt::print(stderr, "\r\x1b[K");
  shown_ = false;
}

}  // namespace coffer::cli
