// How a coffer's root key stands on this machine: what a look has just found, and what programs that serve have
// recorded of the time before. docs/operating.md, "Metrics".
#pragma once

#include "coffer/base/finding.h"
#include "coffer/store/coffer.h"

namespace coffer {

struct RootStanding {
  RootOutlook outlook;          // since when, as far back as that is known
  bool is_recorded = false;     // else this program is the first to see it
  uint64_t answered = 0;        // Unix seconds of the last look that found it well; 0: not known
  bool opened_locally = false;  // this program opened the coffer by the local unlock
  // Whether coffer.yaml allows one, and the copy that programs that serve have kept on this machine: empty, none.
  bool may_open_locally = false;
  std::string copy_path;
  uint64_t copy_answered = 0;
  uint64_t copy_until = 0;  // from when on it opens nothing
};
// `condition`: of this program, with what a look found in `root_key`. Reads one small file.
RootStanding root_standing(const Coffer& coffer, const KeyringCondition& condition, uint64_t now);
// Of a program that has just looked once.
RootStanding standing_after(const Coffer& coffer, const Status& found, uint64_t now);

// What of the local unlock is not as it should be. Of what programs that serve have recorded, and of the files there
// are.
Findings examine_local_unlock(const Coffer& coffer, uint64_t now);

}  // namespace coffer
