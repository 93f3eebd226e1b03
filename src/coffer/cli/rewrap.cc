// coffer rewrap: old files under the active keys, by their headers alone.
#include <fmt/format.h>

#include "coffer/cli/commands.h"
#include "coffer/cli/opening.h"
#include "coffer/cli/problem.h"
#include "coffer/cli/progress.h"
#include "coffer/cli/rewrapping.h"
#include "coffer/cli/text.h"
#include "coffer/store/runs.h"

namespace coffer::cli {

Result<Rewrapping> rewrap_with_progress(Coffer& coffer, const std::vector<std::string>& paths,
                                        const std::string& domain, const Console& console) {
  Progress progress(!console.json());
  uint64_t files = 0;
  if (progress.enabled()) {
    COFFER_TRY(visit_files(coffer, paths, [&](const InventoryFile& file) {
      if (!file.empty) ++files;
      return Status::ok();
    }));
  }
  Run run(coffer.disk(), coffer.directory(), "rewrap", domain.empty() ? "all" : "domain " + domain);
  const auto show = [&](const RewrapReport& so_far) {
    run.tell({.files_to_do = files, .files = so_far.files});
    progress.show("rewrapping", so_far.files, files, count_text(so_far.files, "file"));
  };
  auto report = rewrap(coffer, paths, RewrapOptions{.domain = domain}, show);
  if (!report.is_ok()) {
    run.fail(report.status());
    return report.status();
  }
  run.end({.files_to_do = report->files, .files = report->files}, report->problems.size(), false);
  return Rewrapping{std::move(*report), progress.seconds()};
}

std::string Rewrapping::text() const {
  std::string out;
  for (const FileProblem& problem : report.problems) out += problem_text(problem.path, problem.status);
  out += fmt::format("rewrapped {} in {}, {} already under the active key", count_text(report.rewrapped, "file"),
                     duration_text(seconds), report.current);
  if (!report.problems.empty()) out += fmt::format(", {}", count_text(report.problems.size(), "problem"));
  return out + "\n";
}

Json Rewrapping::json() const {
  Json problems = Json::array();
  for (const FileProblem& problem : report.problems) problems.push_back(problem_json(problem.path, problem.status));
  return {{"files", report.files},
          {"rewrapped", report.rewrapped},
          {"current", report.current},
          {"seconds", seconds},
          {"problems", std::move(problems)}};
}

namespace {

Result<Outcome> run_rewrap(const Arguments& arguments, Console& console) {
  COFFER_ASSIGN(auto coffer, open_coffer_for_paths(arguments, arguments.list("PATH")));
  COFFER_ASSIGN(const Rewrapping done,
                rewrap_with_progress(*coffer, arguments.list("PATH"), arguments.value("--domain", ""), console));
  console.answer(done.json(), done.text());
  return done.outcome();
}

}  // namespace

Command rewrap_command() {
  return {
      .name = "rewrap",
      .about = "brings old files under the active keys by replacing their headers; data is not rewritten",
      .operands = {coffer_operand(), paths_operand()},
      .flags = {{"--domain", "NAME", "only files of this domain"}, as_flag(), root_flag()},
      .examples = {"rewrap /var/lib/db.coffer", "rewrap /var/lib/db.coffer /var/lib/db --domain system"},
      .run = run_rewrap,
  };
}

}  // namespace coffer::cli
