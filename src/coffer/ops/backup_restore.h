// Restoring a backup: as a new store of this coffer, whatever coffer made it, or as plaintext. docs/backups.md.
#pragma once

#include "coffer/ops/backup_reading.h"
#include "coffer/ops/send.h"

namespace coffer {

struct RestoreOptions {
  // Which root opens it: as open_lockbox() has it.
  std::string open_with = {};
  TrustedSigner signed_by = std::nullopt;
  // Whose keys protect all of the files from now on; empty: the domain's that each was of, where the coffer has that,
  // else that of coffer.yaml for its path.
  std::string domain = {};
  bool plaintext = false;
  // Of this coffer, files that a key protected which is compromised by now.
  bool accept_compromised = false;
  StreamProgress progress = {};
};

struct RestoredBackup {
  uint64_t made = 0;  // Unix seconds
  StreamCounts counts;
  std::vector<std::string> domains;  // whose files were restored, as the backup has them
  uint64_t shredded = 0;             // domains that were left out, since they were shredded
  bool compromised = false;          // accept_compromised was needed: coffer reencrypt
};

// Makes `directory`, which is not there or empty, with the files of the backup: at once at the end, when all of it is
// durable and proved. Until then it grows as arrival_of(directory), which stays where this fails, and is gone on with
// by the next restore: what is there whole is not fetched again. Before anything is written and any provider is asked,
// as check_trust(); then as open_lockbox(), check_backup_key(), read_part() and read_body(); kKeyUnavailable, naming
// it: the domain is locked, or a key that protected its files then is compromised by now; kNotFound: all of it was
// shredded; of the directory as receive_files(), of keys as Coffer::new_file(). Plaintext goes into no store.
Result<RestoredBackup> restore_backup(Coffer& coffer, ProviderOpener opener, BackupTarget& target, const Id& backup,
                                      const std::string& directory, const RestoreOptions& options);

}  // namespace coffer
