#include "coffer/net/kmip/waiting.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>

namespace coffer::kmip {

Result<std::shared_ptr<Interrupt>> Interrupt::create() {
  const int descriptor = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  if (descriptor < 0) return {Code::kIo, "kmip: eventfd failed; are there too many open files?"};
  return std::shared_ptr<Interrupt>(new Interrupt(descriptor));
}

Interrupt::~Interrupt() { close(descriptor_); }

void Interrupt::trigger() {
  const uint64_t one = 1;
  // Can only fail when the counter is full, and then it is triggered already.
  [[maybe_unused]] const ssize_t written = write(descriptor_, &one, sizeof one);
}

bool Interrupt::triggered() const { return !sleep(std::chrono::milliseconds(0)); }

bool Interrupt::sleep(std::chrono::milliseconds duration) const {
  const Deadline deadline = deadline_in(duration);
  while (true) {
    pollfd wanted{descriptor_, POLLIN, 0};
    const auto left = std::min<int64_t>(left_until(deadline).count(), INT_MAX);
    const int ready = poll(&wanted, 1, static_cast<int>(left));
    if (ready > 0) return false;
    if (ready == 0 && left_until(deadline).count() == 0) return true;
    if (ready < 0 && errno != EINTR) return true;
  }
}

Status wait_until(int socket, Readiness readiness, Deadline deadline, const Interrupt& interrupt) {
  while (true) {
    const short events = readiness == Readiness::kReadable ? POLLIN : POLLOUT;
    pollfd wanted[2] = {{socket, events, 0}, {interrupt.descriptor(), POLLIN, 0}};
    const auto left = std::min<int64_t>(left_until(deadline).count(), INT_MAX);
    const int ready = poll(wanted, 2, static_cast<int>(left));
    if (ready < 0 && errno != EINTR) return {Code::kIo, "poll failed"};
    if (ready > 0 && wanted[1].revents != 0) return {Code::kProviderUnavailable, "interrupted"};
    if (ready > 0) return Status::ok();
    if (ready == 0 && left_until(deadline).count() == 0) return {Code::kProviderUnavailable, "timed out"};
  }
}

}  // namespace coffer::kmip
