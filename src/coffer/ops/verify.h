// Verify: reads every chunk of every file and says what is wrong with which.
#pragma once

#include "coffer/files/engine_role.h"
#include "coffer/files/file_reader.h"
#include "coffer/ops/inventory.h"

namespace coffer {

struct VerifiedFile {
  std::string path;
  uint64_t size = 0;  // on disk
  // kOk, or: kDamaged, kTampered, kTruncated, kWrongKey, kKeyUnavailable, kPlaintext, kUnsupported, kRolledBack, kIo …
  Status status;
  bool empty = false;     // nothing was ever written
  bool changing = false;  // an engine is writing it right now: not judged
  EnvelopeFields fields;
  FileFindings findings;
};

struct VerifyOptions {
  // What the files' names mean to the engine that wrote them: a kWhole file must end cleanly and cannot be empty, where
  // another log may be in use or torn by a crash. Null: nothing is known of them. docs/adr/0013.
  RoleOfPath role_of = nullptr;
};

// Called once a file, on the calling thread. Files that vanish meanwhile are passed over.
using VerifyVisitor = std::function<Status(const VerifiedFile&)>;
Status verify(Coffer& coffer, const std::vector<std::string>& paths, const VerifyOptions& options,
              const VerifyVisitor& visitor);

}  // namespace coffer
