// coffer reencrypt: old files under file keys and domain keys that nobody has seen.
#include "coffer/ops/reencrypt.h"

#include <fmt/format.h>

#include "coffer/cli/commands.h"
#include "coffer/cli/engines.h"
#include "coffer/cli/file_work.h"
#include "coffer/cli/opening.h"
#include "coffer/cli/problem.h"
#include "coffer/cli/progress.h"
#include "coffer/cli/text.h"
#include "coffer/engines/rocksdb/file_name.h"
#include "coffer/store/runs.h"

namespace coffer::cli {
namespace {

std::string text_of(const ReencryptReport& report, double seconds) {
  std::string out;
  for (const FileProblem& problem : report.problems) out += problem_text(problem.path, problem.status);
  out += fmt::format("re-encrypted {} ({}) in {}, {} already done", count_text(report.reencrypted, "file"),
                     size_text(report.bytes), duration_text(seconds), report.current);
  if (!report.problems.empty()) out += fmt::format(", {}", count_text(report.problems.size(), "problem"));
  if (report.stopped) {
    out += fmt::format(
        "\nstopped as asked, {} left{}{}; repeat the command to go on", count_text(report.files_left, "file"),
        report.left.empty() ? "" : ", the first: ", report.left.empty() ? "" : printable(report.left.front().path));
  }
  return out + "\n";
}

Json json_of(const ReencryptReport& report, double seconds) {
  Json problems = Json::array();
  for (const FileProblem& problem : report.problems) problems.push_back(problem_json(problem.path, problem.status));
  Json left = Json::array();
  for (const auto& [path, why] : report.left) left.push_back({{"path", path}, {"why", why}});
  return {{"files", report.files},
          {"reencrypted", report.reencrypted},
          {"bytes", report.bytes},
          {"current", report.current},
          {"files_to_do", report.files_to_do},
          {"bytes_to_do", report.bytes_to_do},
          {"seconds", seconds},
          {"stopped", report.stopped},
          {"problems", std::move(problems)},
          {"files_left", report.files_left},
          {"left", std::move(left)}};
}

std::string subject_of(const ReencryptOptions& options) {
  if (!options.key.empty()) return "key " + options.key;
  return options.domain.empty() ? "all" : "domain " + options.domain;
}

Run::Progress progress_of(const ReencryptReport& report) {
  return {.files_to_do = report.files_to_do,
          .files = report.reencrypted,
          .bytes_to_do = report.bytes_to_do,
          .bytes = report.bytes};
}

// It and its runs that are at work, wherever they are, go by what the file says.
Result<Outcome> set_rate(const Arguments& arguments, Console& console, const std::string& text) {
  COFFER_ASSIGN(auto coffer, open_coffer(arguments));
  COFFER_TRY(coffer->at_home());
  const std::string path = coffer->directory() + "/reencrypt.rate";
  if (text == "off") {
    if (const Status gone = coffer->disk().remove(path); gone.code() != Code::kNotFound) COFFER_TRY(gone);
    console.answer(Json{{"rate", nullptr}}, "every run goes at the rate that it was given\n");
    return Outcome::kDone;
  }
  COFFER_ASSIGN(const uint64_t rate, RateFile::parse(text, "--set-rate"));
  COFFER_TRY(replace_file(coffer->disk(), path, as_bytes(text + "\n"), 0644));
  console.answer(Json{{"rate", rate}}, rate == 0 ? "runs stand still\n" : text + " MB/s from now on\n");
  return Outcome::kDone;
}

Result<Outcome> run_reencrypt(const Arguments& arguments, Console& console) {
  if (const std::string* text = arguments.find("--set-rate")) return set_rate(arguments, console, *text);
  COFFER_ASSIGN(const Rate rate, first_rate(arguments));
  COFFER_ASSIGN(auto coffer, open_coffer_for_paths(arguments, arguments.list("PATH")));
  COFFER_TRY(coffer->live_keyring().may_change_files());
  RateFile rates(coffer->disk(), coffer->directory() + "/reencrypt.rate", rate, coffer->config().policy.reencrypt_rate);
  ReencryptOptions options;
  options.domain = arguments.value("--domain", "");
  options.key = arguments.value("--key", "");
  options.role_of = rocks::role_of;
  options.records = &engine_records();
  options.pace.rate = [&] { return rates.now(); };
  options.pace.stop = [] { return StopSignals::came(); };
  Progress progress(!console.json());
  Run run(coffer->disk(), coffer->directory(), "reencrypt", subject_of(options));
  const auto show = [&](const ReencryptReport& so_far) {
    run.tell(progress_of(so_far));
    progress.show("re-encrypting", so_far.bytes, so_far.bytes_to_do,
                  fmt::format("{} in {}", size_text(so_far.bytes), count_text(so_far.reencrypted, "file")));
  };
  const StopSignals signals;
  auto done = reencrypt(*coffer, arguments.list("PATH"), options, show);
  if (!done.is_ok()) {
    run.fail(done.status());
    return done.status();
  }
  const ReencryptReport& report = *done;
  run.end(progress_of(report), report.files_left, report.stopped);
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
                {"--set-rate", "MB/S",
                 "does nothing but change the rate of runs at work: 20, 0 to let them stand still, "
                 "off for the one that they were given"},
                as_flag(),
                root_flag()},
      .examples = {"reencrypt /var/lib/db.coffer", "reencrypt /var/lib/db.coffer /var/lib/db --key system:3 --rate 50"},
      .run = run_reencrypt,
  };
}

}  // namespace coffer::cli
