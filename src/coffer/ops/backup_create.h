// Making a backup of files at rest: bodies as they lie, what is new of them. docs/backups.md; docs/format.md,
// "Backups".
#pragma once

#include <chrono>
#include <optional>

#include "coffer/files/engine_records.h"
#include "coffer/files/store_freezer.h"
#include "coffer/ops/lockbox.h"
#include "coffer/ops/send.h"

namespace coffer {

struct CreateBackupOptions {
  // Keeps engines out while files are read. Null: nobody does.
  const EngineRecords* records = nullptr;
  // Freezes stores that are in use, while what has changed of them is read for the last time. Null: they are not taken.
  const StoreFreezer* freezer = nullptr;
  // Who can open it: as seal_lockbox() has it.
  std::vector<std::string> recipients = {};
  // `left_out`: bytes of bodies that the target had already.
  StreamProgress progress = {};
};

struct MadeBackup {
  Id id;
  StreamCounts counts;
  std::vector<std::string> domains;  // that have a part
  std::vector<BackupRecipient> recipients;
  std::optional<std::chrono::milliseconds> frozen = {};  // for how long stores in use were
};

// Files as LeavingFiles::collect() takes them, and with its errors, before anything is written. Then the keyring lists
// the backup; when this returns ok it is whole, durable, and listed so. When it fails nothing is left of it but bodies,
// on which the next one builds; where that cannot be cleared away, the keyring lists it as being made, and a forgetting
// clears it. kForeign: the target keeps backups of another coffer; kBusy: one is being forgotten there; kConflict: a
// file has changed, a store could not be frozen for long enough, or a domain was shredded meanwhile; kUnsupported where
// nothing can be signed (FIPS); of recipients as seal_lockbox(), and the target's own.
Result<MadeBackup> create_backup(Coffer& coffer, ProviderOpener opener, const NamedBackupTarget& at,
                                 const std::vector<std::string>& paths, const CreateBackupOptions& options);

}  // namespace coffer
