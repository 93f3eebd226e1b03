// Re-encryption of stores at rest: a new file key for each file, and its whole body written anew. Afterwards whoever
// knew an old key, of a domain or of a file, knows nothing of the files there are. docs/keys.md, "Re-encryption".
//
// Safe to interrupt at any instant and repeatable: a file that was made under the active key of its domain, as
// coffer.yaml has it, is done, and says so itself.
#pragma once

#include "coffer/files/condemned_keys.h"
#include "coffer/files/engine_records.h"
#include "coffer/files/engine_role.h"
#include "coffer/io/pace.h"
#include "coffer/ops/inventory.h"
#include "coffer/ops/rewrap.h"

namespace coffer {

struct ReencryptOptions {
  std::string domain = {};  // only files of this domain; empty: all
  // Only files whose file key this domain key may ever have wrapped: as find_key() knows it.
  std::string key = {};
  // Instead of both: files that any of these ever protected.
  std::optional<CondemnedKeys> keys = {};
  // As of VerifyOptions. Without records nobody is kept out of the stores.
  RoleOfPath role_of = nullptr;
  const EngineRecords* records = nullptr;
  Pace::Surroundings pace = {};
};

struct ReencryptReport {
  uint64_t files = 0;  // Coffer files looked at, by each of their names
  // What there was to do, and what was done; sizes on the disk as they were.
  uint64_t files_to_do = 0;
  uint64_t bytes_to_do = 0;
  uint64_t reencrypted = 0;
  uint64_t bytes = 0;
  uint64_t current = 0;  // needed nothing, or nothing any more under a further name
  bool stopped = false;  // as Pace::Surroundings::stop said; what is left is for the next run
  std::vector<FileProblem> problems;
  // What still needs it when it returns, or may since it is a problem, by each of its names; at most kNamesMax of them.
  struct Left {
    std::string path;
    std::string why;
  };
  static constexpr size_t kNamesMax = 100;
  uint64_t files_left = 0;
  std::vector<Left> left;
};

// Whether new files of this kind and domain are made with another cipher, chunk size or page size.
bool is_of_other_cipher(const EnvelopeFields& fields, std::string_view domain, const Config& config);

// Called as bytes are written, on the calling thread.
using ReencryptProgress = std::function<void(const ReencryptReport&)>;

// kBusy, with nothing changed, where an engine has one of the stores open or another re-encryption is at work; engines
// are kept out until it returns. A file that cannot be read whole is a problem and stays as it is; so is one that is
// changed in place and that a program has open. On return, unless stopped, every file that is no problem has a file key
// of its domain's active key, as reading all headers again has shown. Durable on return.
Result<ReencryptReport> reencrypt(Coffer& coffer, const std::vector<std::string>& paths,
                                  const ReencryptOptions& options, const ReencryptProgress& progress);

}  // namespace coffer
