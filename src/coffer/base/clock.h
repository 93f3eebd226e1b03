// The time of day, as keyrings and answers tell it.
#pragma once

#include <cstdint>
#include <ctime>

namespace coffer {

// Unix seconds.
inline uint64_t now_seconds() { return static_cast<uint64_t>(std::time(nullptr)); }

}  // namespace coffer
