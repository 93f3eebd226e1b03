// What is in the files of a backup, read where they are kept.
#pragma once

#include "coffer/files/file_reader.h"
#include "coffer/ops/backup_reading.h"

namespace coffer {

// All of its body was compared with its digest when this returns: kDamaged and others as read_body(). Errors of its
// contents as FileReader's. `role`: what it is to its engine. REQUIRES: it has an envelope
Result<std::unique_ptr<FileReader>> open_backed_up(BackupTarget& target, const StreamedFile& file,
                                                   const FileStreamKey& key, EngineRole role = EngineRole::kOther);

}  // namespace coffer
