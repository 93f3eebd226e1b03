// Memory that runs out at a place of the test's choice.
#pragma once

#include <cstddef>

namespace coffer {

// From now on this thread's `number`th allocation by operator new fails, counted from 0, and all after it.
void fail_allocation(int number);
// No more. Whether one failed.
bool fail_no_allocation();

}  // namespace coffer
