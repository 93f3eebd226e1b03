// What the commands of backups have in common.
#pragma once

#include <fmt/format.h>

#include "coffer/cli/command.h"
#include "coffer/cli/console.h"
#include "coffer/cli/progress.h"
#include "coffer/ops/backup_reading.h"
#include "coffer/ops/send.h"

namespace coffer::cli {

Operand backup_target_operand();
StreamProgress backup_progress(Progress& progress, std::string_view what);
// Of --signed-by; nothing where it was not given.
Result<TrustedSigner> signed_by(const Arguments& arguments);
Result<Id> parse_backup_id(const std::string& text);
// An ID, or "latest".
inline constexpr std::string_view kLatest = "latest";
Result<Id> backup_of(const Coffer& coffer, const NamedBackupTarget& at, const std::string& given,
                     const TrustedSigner& signer);
Json backup_counts_json(const StreamCounts& counts);

}  // namespace coffer::cli
