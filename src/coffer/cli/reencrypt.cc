// coffer reencrypt: old files under file keys and domain keys that nobody has seen.
#include "coffer/ops/reencrypt.h"

#include <fmt/format.h>

#include "coffer/cli/commands.h"
#include "coffer/cli/file_work.h"
#include "coffer/cli/opening.h"
#include "coffer/cli/problem.h"
#include "coffer/cli/progress.h"
#include "coffer/cli/text.h"
#include "coffer/engines/rocksdb/file_name.h"
#include "coffer/engines/rocksdb/records.h"

namespace coffer::cli {
namespace {

std::string text_of(const ReencryptReport& report, double seconds) {
  std::string out;
  for (const FileProblem& problem : report.problems) out += problem_text(problem.path, problem.status);
  out += fmt::format("re-encrypted {} ({}) in {}, {} already done", count_text(report.reencrypted, "file"),
                     size_text(report.bytes), duration_text(seconds), report.current);
  if (!report.problems.empty()) out += fmt::format(", {}", count_text(report.problems.size(), "problem"));
  if (report.stopped) {
    out += fmt::format("\nstopped as asked, {} left; repeat the command to go on",
                       count_text(report.files_to_do - std::min(report.files_to_do, report.reencrypted), "file"));
  }
  return out + "\n";
}

Json json_of(const ReencryptReport& report, double seconds) {
  Json problems = Json::array();
  for (const FileProblem& problem : report.problems) problems.push_back(problem_json(problem.path, problem.status));
  return {{"files", report.files},     {"reencrypted", report.reencrypted}, {"bytes", report.bytes},
          {"current", report.current}, {"files_to_do", report.files_to_do}, {"bytes_to_do", report.bytes_to_do},
          {"seconds", seconds},        {"stopped", report.stopped},         {"problems", std::move(problems)}};
}

Result<Outcome> run_reencrypt(const Arguments& arguments, Console& console) {
  COFFER_ASSIGN(const Rate rate, first_rate(arguments));
  COFFER_ASSIGN(auto coffer, open_coffer_for_paths(arguments, arguments.list("PATH")));
  RateFile rates(coffer->disk(), coffer->directory() + "/reencrypt.rate", rate);
  ReencryptOptions options;
  options.domain = arguments.value("--domain", "");
  options.key = arguments.value("--key", "");
  options.role_of = rocks::role_of;
  options.records = &rocks::records();
  options.pace.rate = [&] { return rates.now(); };
  options.pace.stop = [] { return StopSignals::came(); };
  Progress progress(!console.json());
  const auto show = [&](const ReencryptReport& so_far) {
    progress.show("re-encrypting", so_far.bytes, so_far.bytes_to_do,
                  fmt::format("{} in {}", size_text(so_far.bytes), count_text(so_far.reencrypted, "file")));
  };
  const StopSignals signals;
  COFFER_ASSIGN(const ReencryptReport report, reencrypt(*coffer, arguments.list("PATH"), options, show));
  progress.erase();
  if (!rates.trouble().is_ok()) console.note(std::string(rates.trouble().message()));
  console.answer(json_of(report, progress.seconds()), text_of(report, progress.seconds()));
  return report.problems.empty() && !report.stopped ? Outcome::kDone : Outcome::kProblemsFound;
}

}  // namespace

Command reencrypt_command() {
  return {
      .name = "reencrypt",
      .about = "writes old files anew under fresh file keys, in stores that no engine has open",
      .operands = {coffer_operand(), paths_operand()},
      .flags = {{"--domain", "NAME", "only files of this domain"},
                {"--key", "KEY", "only files that this domain key may ever have protected: DOMAIN:NUMBER, or its id"},
                {"--rate", "MB/S", "no faster than this; COFFER/reencrypt.rate changes it while it runs"},
                as_flag(),
                root_flag()},
      .examples = {"reencrypt /var/lib/db.coffer", "reencrypt /var/lib/db.coffer /var/lib/db --key system:3 --rate 50"},
      .run = run_reencrypt,
  };
}

}  // namespace coffer::cli
