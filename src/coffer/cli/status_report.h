// What `coffer status` tells, in words.
#pragma once

#include "coffer/ops/status_report.h"

namespace coffer::cli {

// Above the table of keys, that table, and below it.
std::string status_heading(const StatusReport& report);
std::string status_keys(const StatusReport& report);
std::string status_totals(const StatusReport& report);

}  // namespace coffer::cli
