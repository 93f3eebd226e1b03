// coffer audit show, verify, archive: what was done to the keys, and whether all of that is still there.
#include "coffer/ops/audit.h"

#include <fmt/format.h>

#include "coffer/base/path.h"
#include "coffer/cli/commands.h"
#include "coffer/cli/opening.h"
#include "coffer/cli/text.h"

namespace coffer::cli {
namespace {

// A member in words; empty where there is none.
std::string audit_word(const Json& object, const char* name) {
  const auto found = object.find(name);
  if (found == object.end()) return "";
  return found->is_string() ? printable(found->get<std::string>()) : found->dump();
}

// "key state: domain system, version 1, from active, to deactivated"
std::string change_text(const Json& change) {
  std::string out = audit_word(change, "what");
  std::string_view between = ": ";
  for (const auto& [name, value] : change.items()) {
    if (name == "what") continue;
    // Of an id as much as status shows.
    const bool is_id = name == "key" || name == "store" || name == "slot" || name == "of";
    const std::string word = audit_word(change, name.c_str());
    out += fmt::format("{}{} {}", between, name, is_id ? word.substr(0, Id::kShortDigits) : word);
    between = ", ";
  }
  return out;
}

std::string record_text(const AuditRecord& record) {
  const Json json = Json::parse(record.text);
  std::string out = fmt::format(
      "{}  {}  keyring {}  {} (uid {}, process {}) on {}\n", record.head.count,
      time_text(json.value("time", uint64_t{0})),
      record.before == 0 ? std::to_string(record.after) : fmt::format("{} → {}", record.before, record.after),
      audit_word(json, "program"), audit_word(json, "uid"), audit_word(json, "pid"), audit_word(json, "host"));
  if (json.contains("note")) out += fmt::format("    {}\n", audit_word(json, "note"));
  for (const Json& change : json["changes"]) out += fmt::format("    {}\n", change_text(change));
  return out;
}

std::string remark_text(std::string_view kind, const AuditRemark& remark) {
  const std::string where = remark.line > 0 ? fmt::format("audit.log:{}", remark.line) : std::string("audit.log");
  return fmt::format("{}: {}: {}\n", where, kind, remark.what);
}

Json remarks_json(const std::vector<AuditRemark>& remarks) {
  Json out = Json::array();
  for (const AuditRemark& remark : remarks) {
    out.push_back({{"line", remark.line > 0 ? Json(remark.line) : Json(nullptr)}, {"what", remark.what}});
  }
  return out;
}

std::string remarks_text(const AuditTrail& trail) {
  std::string out;
  for (const AuditRemark& remark : trail.wrong) out += remark_text("wrong", remark);
  for (const AuditRemark& remark : trail.notes) out += remark_text("note", remark);
  return out;
}

Result<Outcome> run_audit(const Arguments& arguments, Console& console, bool show) {
  COFFER_ASSIGN(auto coffer, open_coffer(arguments, {.may_be_away = true}));
  Bytes archived;
  if (const std::string* file = arguments.find("--archive")) {
    COFFER_ASSIGN(archived, read_file(coffer->disk(), absolute_path(*file), kAuditLogSizeMax));
  }
  COFFER_ASSIGN(const AuditTrail trail, audit_trail(*coffer, archived));
  Json json{{"records", trail.records.size()}};
  std::string text;
  if (show) {
    json["log"] = Json::array();
    for (const AuditRecord& record : trail.records) {
      json["log"].push_back(Json::parse(record.text));
      text += record_text(record);
    }
  }
  json["wrong"] = remarks_json(trail.wrong);
  json["notes"] = remarks_json(trail.notes);
  text += remarks_text(trail);
  if (!show) {
    text += fmt::format("{} of the keyring up to version {}: {}\n", count_text(trail.records.size(), "record"),
                        coffer->keyring()->version(),
                        trail.wrong.empty() ? "all as written" : count_text(trail.wrong.size(), "problem"));
  }
  console.answer(json, text);
  return trail.wrong.empty() ? Outcome::kDone : Outcome::kProblemsFound;
}

Result<Outcome> run_audit_show(const Arguments& arguments, Console& console) {
  return run_audit(arguments, console, true);
}

Result<Outcome> run_audit_verify(const Arguments& arguments, Console& console) {
  return run_audit(arguments, console, false);
}

Result<Outcome> run_audit_archive(const Arguments& arguments, Console& console) {
  const std::string file = absolute_path(arguments.operand("FILE"));
  COFFER_ASSIGN(auto coffer, open_coffer(arguments));
  COFFER_TRY(archive_audit_log(*coffer, file));
  const uint64_t version = coffer->keyring()->version();
  console.answer(Json{{"file", file}, {"keyring_version", version}},
                 fmt::format("the audit log up to now is in {}, and begins anew with keyring version {}\n",
                             printable(file), version));
  console.note("keep that file: with it, coffer audit verify COFFER --archive FILE checks all of it");
  return Outcome::kDone;
}

Flag archive_flag() { return {"--archive", "FILE", "what stood before, as audit archive wrote it"}; }

}  // namespace

Command audit_archive_command() {
  return {
      .name = "audit archive",
      .about = "brings the audit log up to now into a file, and lets it begin anew behind that",
      .operands = {coffer_operand(), {"FILE", "a new file"}},
      .flags = {root_flag()},
      .examples = {"audit archive /var/lib/db.coffer /srv/archive/db-audit-1.log"},
      .run = run_audit_archive,
  };
}

Command audit_show_command() {
  return {
      .name = "audit show",
      .about = "shows what was done to the coffer's keys and stores, when and by whom",
      .operands = {coffer_operand()},
      .flags = {archive_flag(), root_flag()},
      .examples = {"audit show /var/lib/db.coffer"},
      .run = run_audit_show,
  };
}

Command audit_verify_command() {
  return {
      .name = "audit verify",
      .about = "checks that nothing of the audit log was altered, moved or taken away",
      .operands = {coffer_operand()},
      .flags = {archive_flag(), root_flag()},
      .examples = {"audit verify /var/lib/db.coffer"},
      .run = run_audit_verify,
  };
}

}  // namespace coffer::cli
