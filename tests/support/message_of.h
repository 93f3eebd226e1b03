// What a status says, for comparisons.
#pragma once

#include <string>

#include "coffer/base/status.h"

namespace coffer {

inline std::string message_of(const Status& status) { return std::string(status.message()); }

}  // namespace coffer
