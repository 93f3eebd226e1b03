// Rewrapping with progress, and how its report reads: for `coffer rewrap` and `coffer rotate domain --rewrap`.
#pragma once

#include "coffer/cli/command.h"
#include "coffer/cli/console.h"
#include "coffer/store/rewrap.h"

namespace coffer::cli {

// `domain`: only its files; empty: all.
Result<RewrapReport> rewrap_with_progress(Coffer& coffer, const std::vector<std::string>& paths,
                                          const std::string& domain, const Console& console);
std::string rewrap_text(const RewrapReport& report);
Json rewrap_json(const RewrapReport& report);

}  // namespace coffer::cli
