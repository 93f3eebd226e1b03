// coffer runs: what rewraps and re-encryptions did, and how far the ones at work have come.
#include "coffer/cli/runs.h"

#include <fmt/format.h>

#include <algorithm>

#include "coffer/cli/commands.h"
#include "coffer/cli/opening.h"
#include "coffer/cli/text.h"

namespace coffer::cli {
namespace {

using State = RunRecord::State;

std::string share_text(const RunRecord& run) {
  const bool has_bytes = run.bytes_to_do > 0;
  const uint64_t whole = has_bytes ? run.bytes_to_do : run.files_to_do;
  if (whole == 0) return count_text(run.files, "file");
  return percent_text(std::min(has_bytes ? run.bytes : run.files, whole), whole);
}

std::string work_text(const RunRecord& run) {
  std::string out = share_text(run);
  if (run.bytes_per_second() > 0) out += fmt::format(", {}/s", size_text(run.bytes_per_second()));
  if (run.seconds_left() > 0) out += fmt::format(", {} left", age_text(run.seconds_left()));
  return out;
}

std::string outcome_text(const RunRecord& run, uint64_t now) {
  std::string out = fmt::format("{} {} ago, {}", run_state_name(run.state), age_text(seconds_since(run.updated, now)),
                                count_text(run.files, "file"));
  if (run.bytes > 0) out += fmt::format(" ({})", size_text(run.bytes));
  if (run.state == State::kInterrupted) out += fmt::format(" of {}; repeat it to go on", run.files_to_do);
  if (run.files_left > 0) out += fmt::format(", {} left", run.files_left);
  if (!run.said.empty()) out += ": " + printable(run.said);
  return out;
}

Result<Outcome> run_runs(const Arguments& arguments, Console& console) {
  COFFER_ASSIGN(auto coffer, open_coffer(arguments));
  COFFER_ASSIGN(const std::vector<RunRecord> runs, read_runs(coffer->disk(), coffer->directory()));
  std::string text;
  for (const RunRecord& run : runs) {
    text += fmt::format("{}  {}\n", time_text(run.begun), run_text(run, now_seconds()));
  }
  console.answer(Json{{"authenticated", false}, {"runs", runs_json(runs)}}, runs.empty() ? "no runs yet\n" : text);
  return Outcome::kDone;
}

}  // namespace

std::string run_text(const RunRecord& run, uint64_t now) {
  return fmt::format("{} ({}): {}", printable(run.what), printable(run.about),
                     run.state == State::kRunning ? work_text(run) : outcome_text(run, now));
}

Command runs_command() {
  return {
      .name = "runs",
      .about = "lists what rewraps and re-encryptions did, and how far the ones at work have come",
      .operands = {coffer_operand()},
      .flags = {root_flag()},
      .examples = {"runs /var/lib/db.coffer", "runs /var/lib/db.coffer --json"},
      .run = run_runs,
  };
}

}  // namespace coffer::cli
