// Runs of rewrap and reencrypt, as people are told of them.
#pragma once

#include "coffer/ops/described.h"

namespace coffer::cli {

// "reencrypt (all): 45.2 %, 12.0 MiB/s, 3 min left", "rewrap (all): done 5 min ago, 12 files". One line.
std::string run_text(const RunRecord& run, uint64_t now);

}  // namespace coffer::cli
