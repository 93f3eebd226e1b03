// Verify: reads every chunk of every file and says what is wrong with which. Beside running engines and after crashes,
// too: what looks unfinished is judged by what its engine relies upon (files/engine_records.h; docs/adr/0020).
#pragma once

#include "coffer/files/engine_records.h"
#include "coffer/files/engine_role.h"
#include "coffer/files/file_reader.h"
#include "coffer/ops/inventory.h"

namespace coffer {

// Why a file that cannot be read as a whole is no problem.
enum class Unjudged : uint8_t {
  kNo,
  kBeingWritten,  // an engine is at it
  kUnfinished,    // no engine is, and none relies upon it: left by a crash
  kOnItsWayOut,   // its engine has given it up
};

struct VerifiedFile {
  std::string path;
  uint64_t size = 0;  // on disk
  // kOk, or: kDamaged, kTampered, kTruncated, kWrongKey, kKeyUnavailable, kPlaintext, kUnsupported, kRolledBack, kIo …
  Status status;
  bool empty = false;  // nothing was ever written
  Unjudged unjudged = Unjudged::kNo;
  bool leads_outside = false;  // a symbolic link out of what is verified: not followed
  EnvelopeFields fields;
  FileFindings findings;
};

struct VerifyOptions {
  // What the files' names mean to the engine that wrote them: a kWhole file must end cleanly, and it and a kData file
  // cannot be empty, where another log may be in use or torn by a crash. Null: nothing is known of them. docs/adr/0013.
  RoleOfPath role_of = nullptr;
  // What that engine relies upon. Null: nobody knows, and what does not change while it is looked at is judged.
  const EngineRecords* records = nullptr;
};

// Called once a file, on the calling thread. Files that vanish meanwhile are passed over. What looks wrong is looked at
// again, and told, once all others have been.
using VerifyVisitor = std::function<Status(const VerifiedFile&)>;
Status verify(Coffer& coffer, const std::vector<std::string>& paths, const VerifyOptions& options,
              const VerifyVisitor& visitor);

}  // namespace coffer
