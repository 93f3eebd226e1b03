// Rewrap: brings files under their domain's active key by replacing their envelopes; bodies are not touched. Safe while
// engines use the files, safe to interrupt at any instant, and repeatable.
#pragma once

#include "coffer/ops/inventory.h"

namespace coffer {

struct RewrapOptions {
  std::string domain;  // only files of this domain; empty: all
};

struct FileProblem {
  std::string path;
  Status status;
};

struct RewrapReport {
  uint64_t files = 0;  // Coffer files looked at
  uint64_t rewrapped = 0;
  uint64_t current = 0;  // needed no other key before
  std::vector<FileProblem> problems;
};

// Called after each file, on the calling thread.
using RewrapProgress = std::function<void(const RewrapReport&)>;

// Both slots of every file, the second after the first is durable: on return no slot of any file that is no problem
// needs a key which is not active, as reading all of them again has shown. Durable on return.
Result<RewrapReport> rewrap(Coffer& coffer, const std::vector<std::string>& paths, const RewrapOptions& options,
                            const RewrapProgress& progress);

}  // namespace coffer
