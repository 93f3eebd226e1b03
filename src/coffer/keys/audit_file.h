// The file in which the audit log of a keyring in a directory is kept: `<directory>/audit.log`. Its lines are for
// audit_log.h; here they are bytes with an end.
#pragma once

#include "coffer/io/disk.h"

namespace coffer {

inline constexpr std::string_view kAuditFileName = "audit.log";
inline constexpr uint32_t kAuditFileMode = 0600;

// Durable once it returns ok; on failure the log is as it was, as far as that works. What a crash left of a line is
// taken away first. A file that is not there is made, and belongs to whom `beside` does. Symbolic links are not
// followed. REQUIRES: the keyring's lock is held.
Status append_audit_record(Disk& disk, const std::string& directory, std::string_view record,
                           const std::string& beside);
// Empty where there is none.
Result<Bytes> read_audit_file(Disk& disk, const std::string& directory);

}  // namespace coffer
