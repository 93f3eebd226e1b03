// Runs of rewrap and reencrypt, as people and machines are told of them.
#pragma once

#include "coffer/cli/console.h"
#include "coffer/store/runs.h"

namespace coffer::cli {

// Those at work, or else the last one.
std::vector<RunRecord> present_runs(const std::vector<RunRecord>& runs);
// "reencrypt (all): 45.2 %, 12.0 MiB/s, 3 min left", "rewrap (all): done 5 min ago, 12 files". One line.
std::string run_text(const RunRecord& run, uint64_t now);
Json runs_json(const std::vector<RunRecord>& runs);

}  // namespace coffer::cli
