// coffer backup …: copies of files at rest that open by keys of their own.
#include <fmt/format.h>

#include "coffer/base/path.h"
#include "coffer/base/period.h"
#include "coffer/base/text.h"
#include "coffer/cli/backup.h"
#include "coffer/cli/commands.h"
#include "coffer/cli/engines.h"
#include "coffer/cli/opening.h"
#include "coffer/cli/problem.h"
#include "coffer/cli/progress.h"
#include "coffer/cli/text.h"
#include "coffer/engines/fuse/freeze_client.h"
#include "coffer/engines/fuse/mountpoint.h"
#include "coffer/engines/rocksdb/file_name.h"
#include "coffer/ops/backup_create.h"
#include "coffer/ops/backup_verify.h"
#include "coffer/providers/registry.h"

namespace coffer::cli {
namespace {

constexpr uint32_t kFreezeSeconds = 30;

Json recipients_json(const std::vector<BackupRecipient>& recipients) {
  Json out = Json::array();
  for (const BackupRecipient& each : recipients) out.push_back({{"name", each.name}, {"is", each.shown}});
  return out;
}

std::string recipients_text(const std::vector<BackupRecipient>& recipients) {
  std::string out;
  for (const BackupRecipient& each : recipients) {
    out += fmt::format("  opens by {} ({})\n", each.name, printable(each.shown));
  }
  return out;
}

Result<uint32_t> freeze_seconds_of(const Arguments& arguments) {
  const std::string* given = arguments.find("--freeze-at-most");
  if (given == nullptr) return kFreezeSeconds;
  const std::optional<uint64_t> seconds = parse_period(*given);
  if (seconds && *seconds >= 1 && *seconds <= fusefs::kFreezeSecondsMax) return static_cast<uint32_t>(*seconds);
  return {Code::kInvalidArgument, fmt::format("--freeze-at-most: expected a period from 1s to {}s",
                                              fusefs::kFreezeSecondsMax)};
}

Result<Outcome> run_backup_create(const Arguments& arguments, Console& console) {
  if (arguments.list("PATH").empty()) {
    return {Code::kInvalidArgument, "backup create: expected a PATH: what is to be backed up"};
  }
  COFFER_ASSIGN(auto coffer, open_coffer(arguments));
  COFFER_ASSIGN(const NamedBackupTarget at, open_backup_target(*coffer, arguments.operand("TARGET")));
  std::vector<std::string> paths;
  for (const std::string& path : arguments.list("PATH")) {
    paths.push_back(fusefs::below_mount(absolute_path(path)));
    if (paths.back() != absolute_path(path)) {
      console.note(printable(path) + " is mounted: backing up what is below it, " + printable(paths.back()));
    }
  }
  COFFER_ASSIGN(const uint32_t freeze_seconds, freeze_seconds_of(arguments));
  const fusefs::MountFreezer freezer(coffer->directory(), freeze_seconds);
  Progress progress(!console.json());
  const CreateBackupOptions options{.records = &engine_records(),
                                    .freezer = &freezer,
                                    .recipients = arguments.all("--recipient"),
                                    .progress = backup_progress(progress, "backing up")};
  COFFER_ASSIGN(const MadeBackup made, create_backup(*coffer, open_provider, at, paths, options));
  progress.erase();
  COFFER_ASSIGN(const Signed signer, coffer->keyring()->sign({}));
  Json answer = backup_counts_json(made.counts);
  answer["id"] = made.id.hex();
  answer["target"] = at.name;
  answer["domains"] = made.domains;
  answer["recipients"] = recipients_json(made.recipients);
  answer["frozen_millis"] = made.frozen ? Json(made.frozen->count()) : Json(nullptr);
  answer["signed_by"] = to_hex(signer.public_key);
  const std::string frozen =
      made.frozen ? fmt::format("  programs waited for {:.1f} s\n", static_cast<double>(made.frozen->count()) / 1000)
                  : std::string();
  console.answer(answer, fmt::format("backup {}\n  {} in {} at {}; {} were there already\n{}{}", made.id.hex(),
                                     size_text(made.counts.bytes), count_text(made.counts.files, "file"),
                                     printable(at.name), size_text(made.counts.left_out), frozen,
                                     recipients_text(made.recipients)));
  console.note(fmt::format("another coffer restores it with --signed-by {}", to_hex(signer.public_key)));
  return Outcome::kDone;
}

// One that the keyring lists, and what can be seen of it where it is.
struct ListedRow {
  Json json;
  std::string text;
  bool whole = false;
};

ListedRow row_of(Coffer& coffer, const ListedBackup& backup) {
  const std::string_view state = backup_state_name(backup.state);
  const auto at = open_backup_target(coffer, backup.target);
  const auto recipients = at.is_ok() ? recipients_of(*at->target, backup.id) : at.status();
  const bool reached = recipients.is_ok();
  ListedRow out;
  out.json = {{"id", backup.id.hex()},
              {"target", backup.target},
              {"begun", backup.begun},
              {"state", state},
              {"recipients", reached ? recipients_json(*recipients) : Json(nullptr)},
              {"error", reached ? Json(nullptr) : Json(recipients.status().to_string())}};
  out.text = fmt::format("{}  {}, {}, at {}\n{}", backup.id.hex(), time_text(backup.begun), state,
                         printable(backup.target),
                         reached ? recipients_text(*recipients)
                                 : fmt::format("  cannot be looked at: {}\n", recipients.status().to_string()));
  out.whole = backup.state == BackupState::kWhole && reached;
  return out;
}

Result<Outcome> run_backup_list(const Arguments& arguments, Console& console) {
  const std::vector<std::string>& given = arguments.list("TARGET");
  if (given.size() > 1) return {Code::kInvalidArgument, "backup list: expected one TARGET, or none"};
  COFFER_ASSIGN(auto coffer, open_coffer(arguments, {.may_be_away = true}));
  std::string only;
  if (!given.empty()) {
    COFFER_ASSIGN(const NamedBackupTarget at, open_backup_target(*coffer, given[0]));
    only = at.name;
  }
  Json rows = Json::array();
  std::string text;
  bool all_whole = true;
  for (const auto keyring = coffer->keyring(); const ListedBackup& backup : keyring->backups()) {
    if (!only.empty() && backup.target != only) continue;
    ListedRow row = row_of(*coffer, backup);
    rows.push_back(std::move(row.json));
    text += row.text;
    all_whole = all_whole && row.whole;
  }
  if (text.empty()) text = "none yet: coffer backup create makes one\n";
  console.answer(Json::object({{"backups", std::move(rows)}}), text);
  return all_whole ? Outcome::kDone : Outcome::kProblemsFound;
}

// What is verified, and by whose word.
struct ToVerify {
  std::shared_ptr<Coffer> coffer;  // null: by hashes alone
  NamedBackupTarget at;
  TrustedSigner signer;
  std::vector<Id> ids;
};

Result<ToVerify> what_to_verify(const Arguments& arguments) {
  const std::vector<std::string>& ids = arguments.list("ID");
  const std::string& target = arguments.operand("TARGET");
  ToVerify out;
  COFFER_ASSIGN(out.signer, signed_by(arguments));
  if (const std::string* place = arguments.find("--coffer")) {
    COFFER_ASSIGN(out.coffer, Coffer::open(Disk::posix(), *place,
                                           {.open_anchor = open_anchor,
                                            .open_keyring_store = open_keyring_store,
                                            .may_be_away = true},
                                           open_provider));
    COFFER_ASSIGN(out.at, open_backup_target(*out.coffer, target));
  } else {
    out.at = {absolute_path(target), directory_target(Disk::posix(), absolute_path(target))};
  }
  for (const std::string& id : ids) {
    if (id == kLatest && out.coffer == nullptr) {
      return {Code::kInvalidArgument, "which is the latest backup, only a coffer knows: --coffer COFFER"};
    }
    COFFER_ASSIGN(const Id parsed, out.coffer != nullptr ? backup_of(*out.coffer, out.at, id, out.signer)
                                                         : parse_backup_id(id));
    out.ids.push_back(parsed);
  }
  if (!ids.empty()) return out;
  COFFER_ASSIGN(out.ids, backups_at(*out.at.target));
  if (out.ids.empty()) return {Code::kNotFound, out.at.target->describe() + ": has no backup"};
  return out;
}

Result<VerifiedBackup> verify_one(const ToVerify& what, const Arguments& arguments, const Id& id,
                                  const StreamProgress& progress) {
  COFFER_ASSIGN(const ReadIndex read, read_index_of(*what.at.target, id));
  if (what.coffer == nullptr) {
    if (what.signer && read.index.signer != *what.signer) {
      return {Code::kPermissionDenied, fmt::format("backup {} was signed by {}", id.hex(), to_hex(read.index.signer))};
    }
    return verify_complete(*what.at.target, read, progress);
  }
  COFFER_TRY(check_trust(*what.coffer, read, what.signer));
  return verify_contents(*what.coffer, open_provider, *what.at.target, read,
                         {.open_with = arguments.value("--open-with", ""),
                          .role_of = rocks::role_of,
                          .progress = progress});
}

// Of an index: a finding, where other failures are of the command.
bool is_finding(Code code) {
  return code == Code::kDamaged || code == Code::kTampered || code == Code::kTruncated || code == Code::kPlaintext ||
         code == Code::kRolledBack;
}

std::string verified_text(const Id& id, const VerifiedBackup& done, bool with_contents) {
  std::string out;
  for (const BackupProblem& problem : done.problems) out += problem_text(problem.name, problem.status);
  if (done.made == 0) return out + fmt::format("backup {}: its index cannot be read\n", id.hex());
  out += fmt::format("backup {} of {}: {} in {}, ", id.hex(), time_text(done.made), size_text(done.counts.to_do),
                     count_text(done.parts, "domain"));
  if (done.shredded > 0) out += fmt::format("{} of them shredded since, ", done.shredded);
  if (!done.problems.empty()) return out + count_text(done.problems.size(), "problem") + "\n";
  return out + (with_contents ? fmt::format("{}, all as written\n", count_text(done.counts.files, "file"))
                              : fmt::format("complete, as {} signed it\n", to_hex(done.signer)));
}

Json verified_json(const Id& id, const VerifiedBackup& done) {
  Json problems = Json::array();
  for (const BackupProblem& problem : done.problems) problems.push_back(problem_json(problem.name, problem.status));
  return {{"id", id.hex()},          {"made", done.made},         {"signed_by", to_hex(done.signer)},
          {"files", done.counts.files}, {"bytes", done.counts.to_do}, {"domains", done.parts},
          {"shredded", done.shredded}, {"problems", std::move(problems)}};
}

Result<Outcome> run_backup_verify(const Arguments& arguments, Console& console) {
  COFFER_ASSIGN(const ToVerify what, what_to_verify(arguments));
  Progress progress(!console.json());
  Json rows = Json::array();
  std::string text;
  bool clean = true;
  for (const Id& id : what.ids) {
    auto done = verify_one(what, arguments, id, backup_progress(progress, "verifying"));
    if (!done.is_ok() && what.ids.size() == 1 && !is_finding(done.code())) return done.status();
    if (const Status failed = done.status(); !done.is_ok()) {
      done = VerifiedBackup();
      done->problems.push_back({backup_index_name(id), failed});
    }
    clean = clean && done->problems.empty();
    rows.push_back(verified_json(id, *done));
    text += verified_text(id, *done, what.coffer != nullptr);
  }
  progress.erase();
  console.answer(Json::object({{"backups", std::move(rows)}}), text);
  if (what.coffer == nullptr) console.note("its contents were not read: that takes --coffer, and a root that opens it");
  return clean ? Outcome::kDone : Outcome::kProblemsFound;
}

}  // namespace

Command backup_create_command() {
  return {
      .name = "backup create",
      .about = "makes a backup of files at rest or of a mounted store, as they lie, which opens by roots of any coffer",
      .operands = {coffer_operand(), backup_target_operand(),
                   {"PATH", "directories or files; of one directory alone, what is in it", true}},
      .flags = {{.name = "--recipient",
                 .value = "ROOT",
                 .about = "who can open it, given once for each: a root in coffer.yaml, or a URI; at least two (every "
                          "root that has a slot)",
                 .repeats = true},
                {"--freeze-at-most", "PERIOD",
                 "of a mounted store, how long programs may have to wait: \"10s\", up to 60s (30s)"},
                root_flag()},
      .examples = {"backup create /var/lib/db.coffer /srv/backups /var/lib/db/snapshot",
                   "backup create /var/lib/db.coffer offsite /var/lib/db/snapshot --recipient main --recipient safe"},
      .run = run_backup_create,
  };
}

Command backup_list_command() {
  return {
      .name = "backup list",
      .about = "lists the backups that the keyring knows, and who opens them",
      .operands = {coffer_operand(), {"TARGET", "only those there", true}},
      .flags = {root_flag()},
      .examples = {"backup list /var/lib/db.coffer", "backup list /var/lib/db.coffer /srv/backups --json"},
      .run = run_backup_list,
  };
}

Command backup_verify_command() {
  return {
      .name = "backup verify",
      .about = "reads all of a backup where it is kept: that it is complete, and, with a coffer, what is in it",
      .operands = {{"TARGET", "where it is: a directory; with --coffer also a name in its coffer.yaml"},
                   {"ID", "which of them; \"latest\" with --coffer (all)", true}},
      .flags = {{"--coffer", "COFFER", "read the contents too, by a root of this coffer"},
                {"--open-with", "ROOT", "by this root of its coffer.yaml, or URI"},
                {"--signed-by", "KEY", "only what this coffer's key has signed"}},
      .examples = {"backup verify /srv/backups", "backup verify /srv/backups latest --coffer /var/lib/db.coffer"},
      .run = run_backup_verify,
  };
}

}  // namespace coffer::cli
