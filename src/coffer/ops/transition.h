// Whole stores at rest: from plaintext to encrypted, and back. docs/keys.md, "Transitions"; docs/adr/0031.
//
// Each file is written beside itself and takes its own place once it is durable, as a re-encryption does it: safe to
// interrupt at any instant and repeatable, with no list of what is done.
//
// T1: while a store is part of the one and part of the other no engine opens it, with Coffer or without: the file that
//     every engine asks for first is already, or still, encrypted, and the one that it asks for next is still, or
//     already, plaintext.
// T2: what can be seen beforehand to fail, fails before the first file is touched.
#pragma once

#include "coffer/files/engine_records.h"
#include "coffer/files/engine_role.h"
#include "coffer/io/pace.h"
#include "coffer/ops/inventory.h"
#include "coffer/ops/rewrap.h"

namespace coffer {

struct EngineFiles;

struct TransitionOptions {
  const EngineFiles* files = nullptr;      // needed
  const EngineRecords* records = nullptr;  // needed: who is kept out
  RoleOfPath role_of = nullptr;            // needed
  // Bytes that may still be written where a path is. Nothing: not looked at.
  std::function<Result<uint64_t>(const std::string& path)> free_bytes = {};
  Pace::Surroundings pace = {};
};

struct TransitionReport {
  uint64_t files_to_do = 0;
  uint64_t bytes_to_do = 0;
  uint64_t done = 0;
  uint64_t bytes = 0;
  uint64_t current = 0;               // were so before
  std::vector<std::string> left;      // in clear and none of the engine's: not touched
  std::vector<std::string> exposed;   // decrypt: the domain keys that are compromised by it, as DOMAIN:NUMBER
  bool begun = false;                 // a file may have been touched
  bool stopped = false;               // as Pace::Surroundings::stop said; what is left is for the next run
  std::vector<FileProblem> problems;  // with any, and not begun: nothing has changed
};
using TransitionProgress = std::function<void(const TransitionReport&)>;

// All of the engine's files in `paths` are encrypted on return, durably, unless there are problems or it was stopped.
// kInvalidArgument where no path is a database; kBusy where an engine has one open; kNoSpace, with nothing changed,
// where they will not fit.
Result<TransitionReport> encrypt_stores(Coffer& coffer, const std::vector<std::string>& paths,
                                        const TransitionOptions& options, const TransitionProgress& progress);

// Instead of encrypting them: from now on engines read through Coffer what is plaintext there now, by a list, until the
// last of it was replaced (files/plaintext_list.h). Takes no longer than reading the headers. `done` counts what was
// listed. Errors as above.
Result<TransitionReport> accept_plaintext_of(Coffer& coffer, const std::vector<std::string>& paths,
                                             const TransitionOptions& options);

// And all of them plaintext. Every domain key that any of the files needs is compromised first, and stays it: the audit
// log says why. Afterwards the stores are not the coffer's any more. Errors as above; problems, with nothing changed,
// where any file cannot be read whole.
Result<TransitionReport> decrypt_stores(Coffer& coffer, const std::vector<std::string>& paths,
                                        const TransitionOptions& options, const TransitionProgress& progress);

}  // namespace coffer
