// coffer backup forget, add-recipient, remove-recipient: what is done with backups that are there.
#include <fmt/format.h>

#include "coffer/cli/backup.h"
#include "coffer/cli/commands.h"
#include "coffer/cli/opening.h"
#include "coffer/cli/text.h"
#include "coffer/ops/backup_forget.h"
#include "coffer/ops/backup_marker.h"
#include "coffer/ops/lockbox.h"
#include "coffer/providers/registry.h"

namespace coffer::cli {
namespace {

Result<Outcome> run_backup_forget(const Arguments& arguments, Console& console) {
  std::vector<Id> ids;
  for (const std::string& text : arguments.list("ID")) {
    COFFER_ASSIGN(const Id id, parse_backup_id(text));
    ids.push_back(id);
  }
  if (ids.empty()) return {Code::kInvalidArgument, "backup forget: expected an ID; coffer backup list shows them"};
  COFFER_ASSIGN(auto coffer, open_coffer(arguments));
  const bool gone = arguments.has("--target-is-gone");
  Json rows = Json::array();
  std::string text;
  for (const Id& id : ids) {
    COFFER_ASSIGN(const ForgottenBackup done,
                  forget_backup(*coffer, id, gone ? IfTargetIsGone::kForget : IfTargetIsGone::kRefuse));
    rows.push_back({{"id", id.hex()}, {"target", done.target}, {"objects", done.objects}, {"kept", done.kept}});
    text += gone ? fmt::format("backup {} is off the list; nothing was done at {}\n", id.hex(), printable(done.target))
                 : fmt::format("backup {} is gone from {}: {} removed, {} kept for others\n", id.hex(),
                               printable(done.target), count_text(done.objects, "object"), done.kept);
  }
  console.answer(Json{{"backups", std::move(rows)}}, text);
  return Outcome::kDone;
}

// A backup at its target, which has to be the coffer's.
struct NamedBackup {
  std::shared_ptr<Coffer> coffer;
  NamedBackupTarget at;
  Id id;
};

Result<NamedBackup> named_backup(const Arguments& arguments) {
  NamedBackup out;
  COFFER_ASSIGN(out.id, parse_backup_id(arguments.operand("ID")));
  COFFER_ASSIGN(out.coffer, open_coffer(arguments));
  COFFER_ASSIGN(out.at, open_backup_target(*out.coffer, arguments.operand("TARGET")));
  COFFER_TRY(check_backup_marker(*out.at.target, out.coffer->keyring()->coffer_id()));
  return out;
}

Result<Outcome> answer_recipients(const NamedBackup& backup, const std::string& said, Console& console) {
  COFFER_ASSIGN(const std::vector<BackupRecipient> recipients, recipients_of(*backup.at.target, backup.id));
  Json rows = Json::array();
  std::string text = said + fmt::format("backup {} opens by\n", backup.id.hex());
  for (const BackupRecipient& each : recipients) {
    rows.push_back({{"name", each.name}, {"is", each.shown}});
    text += fmt::format("  {} ({})\n", each.name, printable(each.shown));
  }
  console.answer(Json{{"id", backup.id.hex()}, {"target", backup.at.name}, {"recipients", std::move(rows)}}, text);
  return Outcome::kDone;
}

Result<Outcome> run_backup_add_recipient(const Arguments& arguments, Console& console) {
  COFFER_ASSIGN(const NamedBackup backup, named_backup(arguments));
  COFFER_ASSIGN(const std::string name,
                add_recipient(*backup.coffer, open_provider, *backup.at.target, backup.id, arguments.operand("ROOT"),
                              arguments.value("--open-with", "")));
  return answer_recipients(backup, fmt::format("added: {}\n", name), console);
}

Result<Outcome> run_backup_remove_recipient(const Arguments& arguments, Console& console) {
  COFFER_ASSIGN(const NamedBackup backup, named_backup(arguments));
  const std::string& name = arguments.operand("NAME");
  COFFER_TRY(remove_recipient(*backup.coffer, *backup.at.target, backup.id, name));
  console.note("whoever has seen that file and its root key has the backup's key still; to shut him out, make another "
               "backup and forget this one");
  return answer_recipients(backup, fmt::format("removed: {}\n", name), console);
}

Operand backup_id_operand() { return {"ID", "of the backup, as coffer backup list has it"}; }

}  // namespace

Command backup_forget_command() {
  return {
      .name = "backup forget",
      .about = "removes backups, and what no other backup at their target needs",
      .operands = {coffer_operand(), {"ID", "of a backup, as coffer backup list has it", true}},
      .flags = {{"--target-is-gone", "", "for good: take them off the list only, and ask no target"}, root_flag()},
      .examples = {"backup forget /var/lib/db.coffer 4f1c0a7b9d3e5f60718293a4b5c6d7e8"},
      .run = run_backup_forget,
  };
}

Command backup_add_recipient_command() {
  return {
      .name = "backup add-recipient",
      .about = "seals a backup's key to another root, by one small file",
      .operands = {coffer_operand(), backup_target_operand(), backup_id_operand(),
                   {"ROOT", "its name in coffer.yaml, or a URI"}},
      .flags = {{"--open-with", "ROOT", "a recipient that opens the backup: a name in coffer.yaml, or a URI (all that "
                                        "open by themselves)"},
                root_flag()},
      .examples = {"backup add-recipient /var/lib/db.coffer nas 4f1c0a7b9d3e5f60718293a4b5c6d7e8 safe"},
      .run = run_backup_add_recipient,
  };
}

Command backup_remove_recipient_command() {
  return {
      .name = "backup remove-recipient",
      .about = "removes the file by which a root opens a backup; two have to be left",
      .operands = {coffer_operand(), backup_target_operand(), backup_id_operand(),
                   {"NAME", "of the recipient, as coffer backup list has it"}},
      .flags = {root_flag()},
      .examples = {"backup remove-recipient /var/lib/db.coffer nas 4f1c0a7b9d3e5f60718293a4b5c6d7e8 root-1"},
      .run = run_backup_remove_recipient,
  };
}

}  // namespace coffer::cli
