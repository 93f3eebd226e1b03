#include "coffer/cli/backup.h"

#include <algorithm>

#include "coffer/cli/text.h"

namespace coffer::cli {

Operand backup_target_operand() {
  return {"TARGET", "where backups are kept: a name in coffer.yaml (backup_targets), or a directory, with a slash"};
}

StreamProgress backup_progress(Progress& progress, std::string_view what) {
  if (!progress.enabled()) return {};
  return [&progress, what](const StreamCounts& counts) {
    const uint64_t done = counts.bytes + counts.left_out;
    progress.show(what, done, counts.to_do, size_text(done));
  };
}

Json backup_counts_json(const StreamCounts& counts) {
  return {{"files", counts.files}, {"bytes", counts.bytes}, {"there_already", counts.left_out}};
}

Result<TrustedSigner> signed_by(const Arguments& arguments) {
  const std::string* given = arguments.find("--signed-by");
  if (given == nullptr) return TrustedSigner();
  SignaturePublicKey out{};
  const auto key = from_hex(*given);
  if (!key.is_ok() || key->size() != out.size()) {
    return {Code::kInvalidArgument, "--signed-by: expected a coffer's key, 64 hexadecimal digits, as coffer backup "
                                    "create and verify print it"};
  }
  std::ranges::copy(*key, out.begin());
  return TrustedSigner(out);
}

Result<Id> parse_backup_id(const std::string& text) {
  const auto id = Id::parse(text);
  if (id.is_ok()) return id;
  return {Code::kInvalidArgument, fmt::format("\"{}\": expected a backup's ID, 32 hexadecimal digits; coffer backup "
                                              "list shows them",
                                              printable(text))};
}

Result<Id> backup_of(const Coffer& coffer, const NamedBackupTarget& at, const std::string& given,
                     const TrustedSigner& signer) {
  return given == kLatest ? newest_backup(coffer, at, signer) : parse_backup_id(given);
}

}  // namespace coffer::cli
