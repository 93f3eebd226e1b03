// Of what would take long, a test does a part, and all of it in `./test all`.
#pragma once

#include <cstdlib>

namespace coffer {

inline bool may_take_long() { return std::getenv("COFFER_LONG") != nullptr; }

}  // namespace coffer
