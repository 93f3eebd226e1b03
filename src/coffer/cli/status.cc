// coffer status: which keys protect which bytes.
#include "coffer/base/advice.h"
#include "coffer/cli/commands.h"
#include "coffer/cli/opening.h"
#include "coffer/cli/status_report.h"

namespace coffer::cli {

namespace {

bool has_problem_files(const Inventory& inventory) {
  return inventory.plaintext.files + inventory.unreadable.files + inventory.unknown_key.files > 0;
}

void advise(const StatusReport& report, Console& console) {
  const Inventory& inventory = report.inventory;
  if (has_problem_files(inventory)) console.note("coffer verify names the files in question");
  if (inventory.active.files + inventory.unknown_key.files < inventory.encrypted.files) {
    console.note("coffer rewrap brings the other files under active keys");
  }
  // What somebody else wrote is in the report.
  if (!inventory.kept.is_ok() && report.kept_counts.is_ok()) {
    console.note("the next status has to count anew: " + inventory.kept.to_string());
  }
}

Result<Outcome> run_status(const Arguments& arguments, Console& console) {
  if (arguments.has("--recount") && !arguments.list("PATH").empty()) {
    return {Code::kInvalidArgument,
            "--recount counts all files of the coffer: leave PATH out; what is named by PATH is "
            "counted anew in any case"};
  }
  COFFER_ASSIGN(auto coffer, open_coffer_for_paths(arguments, arguments.list("PATH")));
  COFFER_ASSIGN(const StatusReport report, make_status_report(*coffer, {.paths = arguments.list("PATH"),
                                                                       .recount = arguments.has("--recount"),
                                                                       .with_history = arguments.has("--history")}));
  console.answer(status_json(report),
                 status_heading(report) + "\n" + status_keys(report) + "\n" + status_totals(report));
  advise(report, console);
  if (!report.looked_at_stores) {
    console.note(advice_for(coffer->at_home()).message + ": its stores were not looked at");
  }
  const bool sound = !has_problem_files(report.inventory) && report.inventory.missing_stores.empty() &&
                     report.transitions.empty() && report.last_refresh.is_ok() && report.root_key.is_ok() &&
                     report.counts.is_ok() && report.kept_counts.is_ok() && report.looked_at_stores;
  return sound ? Outcome::kDone : Outcome::kProblemsFound;
}

}  // namespace

Command status_command() {
  return {
      .name = "status",
      .about = "shows which keys protect which files, how old they are, and how much is under the active ones",
      .operands = {coffer_operand(), paths_operand()},
      .flags = {{"--history", "", "also keys that protect nothing any more"},
                {"--recount", "", "look at every file, also where there are so many that their counts are kept"},
                as_flag(),
                root_flag()},
      .examples = {"status /var/lib/db.coffer", "status /var/lib/db.coffer /var/lib/db --json"},
      .run = run_status,
  };
}

}  // namespace coffer::cli
