#include "coffer/net/http/retry.h"

#include <algorithm>

namespace coffer::http {

std::optional<RetryPauses::milliseconds> RetryPauses::next(milliseconds wanted, milliseconds left, uint64_t random) {
  const milliseconds least = std::max(wanted, step_ / 2);
  if (least >= left) return std::nullopt;
  const milliseconds span = std::min(std::max(wanted, step_ - step_ / 2), left - least - milliseconds(1));
  step_ = std::min(step_ * 2, most_);
  return least + milliseconds(static_cast<int64_t>(random % (static_cast<uint64_t>(span.count()) + 1)));
}

}  // namespace coffer::http
