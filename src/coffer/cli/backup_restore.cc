// coffer backup restore: a new store, or plaintext on request.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include "coffer/base/path.h"
#include "coffer/cli/backup.h"
#include "coffer/cli/commands.h"
#include "coffer/cli/opening.h"
#include "coffer/cli/text.h"
#include "coffer/ops/backup_restore.h"
#include "coffer/providers/registry.h"

namespace coffer::cli {
namespace {

void note_what_is_left_to_do(const RestoredBackup& done, const RestoreOptions& options, Console& console) {
  if (options.plaintext) {
    console.note("what was restored is PLAINTEXT: whoever reads its disk reads it");
  }
  if (done.shredded > 0) {
    console.note(fmt::format("left out, since they were shredded: {}", count_text(done.shredded, "domain")));
  }
  if (done.compromised) {
    console.note("a key that is compromised knows files of it: coffer reencrypt gives them others");
  }
}

Result<Outcome> run_backup_restore(const Arguments& arguments, Console& console) {
  RestoreOptions options{.open_with = arguments.value("--open-with", ""),
                         .domain = arguments.value("--domain", ""),
                         .plaintext = arguments.has("--plaintext"),
                         .accept_compromised = arguments.has("--accept-compromised")};
  if (options.plaintext && !options.domain.empty()) {
    return {Code::kInvalidArgument, "--plaintext and --domain: give one of them; what is in clear is of no domain"};
  }
  COFFER_ASSIGN(options.signed_by, signed_by(arguments));
  const std::string directory = absolute_path(arguments.operand("DIR"));
  COFFER_ASSIGN(auto coffer, open_coffer(arguments));
  COFFER_ASSIGN(const NamedBackupTarget at, open_backup_target(*coffer, arguments.operand("TARGET")));
  COFFER_ASSIGN(const Id id, backup_of(*coffer, at, arguments.operand("ID"), options.signed_by));
  Progress progress(!console.json());
  options.progress = backup_progress(progress, "restoring");
  COFFER_ASSIGN(const RestoredBackup done,
                restore_backup(*coffer, open_provider, *at.target, id, directory, options));
  progress.erase();
  Json answer = backup_counts_json(done.counts);
  answer["id"] = id.hex();
  answer["made"] = done.made;
  answer["directory"] = directory;
  answer["domains"] = done.domains;
  answer["shredded"] = done.shredded;
  answer["compromised"] = done.compromised;
  answer["plaintext"] = options.plaintext;
  console.answer(answer, fmt::format("restored {} to {}, of {}: {} ({})\n", count_text(done.counts.files, "file"),
                                     printable(directory), time_text(done.made),
                                     size_text(done.counts.bytes + done.counts.left_out),
                                     fmt::join(done.domains, ", ")));
  note_what_is_left_to_do(done, options, console);
  return Outcome::kDone;
}

}  // namespace

Command backup_restore_command() {
  return {
      .name = "backup restore",
      .about = "makes a new store of a backup, under keys of this coffer, or plaintext on request",
      .operands = {coffer_operand(), backup_target_operand(), {"ID", "the backup, or \"latest\""},
                   {"DIR", "the new directory: not there yet, or empty"}},
      .flags = {{"--open-with", "ROOT", "the root that opens it: of coffer.yaml, or a URI (each that opens by itself)"},
                {"--signed-by", "KEY", "take it of another coffer, whose key this is"},
                {"--domain", "NAME", "whose keys protect the files (the domain that each was of)"},
                {"--plaintext", "", "decrypt it: what is restored is in clear"},
                {"--accept-compromised", "", "also what a key protected that is compromised by now"},
                root_flag()},
      .examples = {"backup restore /var/lib/db.coffer /srv/backups latest /var/lib/db",
                   "backup restore /var/lib/db.coffer /srv/backups latest /tmp/db --plaintext"},
      .run = run_backup_restore,
  };
}

}  // namespace coffer::cli
