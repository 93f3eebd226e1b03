#include "coffer/cli/file_work.h"

#include <atomic>

namespace coffer::cli {
namespace {

std::atomic<bool> asked_to_stop{false};
static_assert(std::atomic<bool>::is_always_lock_free);

}  // namespace

StopSignals::StopSignals() {
  asked_to_stop = false;
  struct sigaction action {};
  action.sa_handler = [](int) { asked_to_stop = true; };
  for (size_t i = 0; i < std::size(kSignals); ++i) ::sigaction(kSignals[i], &action, &before_[i]);
}

StopSignals::~StopSignals() {
  for (size_t i = 0; i < std::size(kSignals); ++i) ::sigaction(kSignals[i], &before_[i], nullptr);
}

bool StopSignals::came() { return asked_to_stop; }

Result<Rate> first_rate(const Arguments& arguments) {
  const std::string* text = arguments.find("--rate");
  if (text == nullptr) return Rate();
  COFFER_ASSIGN(const uint64_t rate, RateFile::parse(*text, "--rate"));
  if (rate == 0) return {Code::kInvalidArgument, "--rate: expected more than 0 MB a second"};
  return Rate(rate);
}

}  // namespace coffer::cli
