// Rewrapping with progress, and how its outcome reads: for `coffer rewrap` and `coffer rotate domain --rewrap`.
#pragma once

#include "coffer/cli/command.h"
#include "coffer/cli/console.h"
#include "coffer/ops/rewrap.h"

namespace coffer::cli {

struct Rewrapping {
  RewrapReport report;
  double seconds = 0;

  Outcome outcome() const { return report.problems.empty() ? Outcome::kDone : Outcome::kProblemsFound; }
  std::string text() const;
  Json json() const;
};

// `domain`: only its files; empty: all.
Result<Rewrapping> rewrap_with_progress(Coffer& coffer, const std::vector<std::string>& paths,
                                        const std::string& domain, const Console& console);

}  // namespace coffer::cli
