// The pauses between the tries of one request. Many nodes may send theirs at the same moment, after a power cut for
// one, and must not all come back at the same moment.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>

namespace coffer::http {

class RetryPauses {
 public:
  using milliseconds = std::chrono::milliseconds;

  // REQUIRES: 0 < first <= most
  RetryPauses(milliseconds first, milliseconds most) : step_(first), most_(most) {}

  // How long to wait before the next try: somewhere between half of a step and the whole of it, where steps double up
  // to `most`. What the service asks for itself (`wanted`, or 0) is waited in full, and up to as much again, since it
  // says the same to everybody. Nothing: it would not end before the time that is `left` has. `random`: any number,
  // each time another.
  std::optional<milliseconds> next(milliseconds wanted, milliseconds left, uint64_t random);

 private:
  milliseconds step_;
  const milliseconds most_;
};

}  // namespace coffer::http
