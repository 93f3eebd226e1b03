// What a backup's files are called in its target. docs/format.md, "Backups".
#pragma once

#include "coffer/format/backup.h"
#include "coffer/keys/keyring.h"

namespace coffer {

inline constexpr std::string_view kBackupMarkerName = "coffer-backups";

std::string backup_directory(const Id& backup);  // ends with '/'
std::string backup_index_name(const Id& backup);
std::string backup_part_name(const Id& backup, const Id& part);
// Of the note that stands in a part's place when its domain was shredded.
std::string backup_note_name(const Id& backup, const Id& part);
std::string backup_object_name(const Sha256& digest);

// By which the coffer, and nobody else, finds a domain's part without the backup's key. Errors as
// Keyring::authenticate().
Result<Id> backup_part_id(const Keyring& keyring, const Id& backup, std::string_view domain);

}  // namespace coffer
