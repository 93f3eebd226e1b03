// coffer encrypt, coffer decrypt: whole stores at rest, from plaintext to encrypted and back.
#include "coffer/ops/transition.h"

#include <fmt/format.h>

#include <filesystem>
#include <system_error>

#include "coffer/cli/commands.h"
#include "coffer/cli/engines.h"
#include "coffer/cli/file_work.h"
#include "coffer/cli/opening.h"
#include "coffer/cli/problem.h"
#include "coffer/cli/progress.h"
#include "coffer/cli/text.h"
#include "coffer/engines/rocksdb/engine_files.h"
#include "coffer/engines/rocksdb/file_name.h"

namespace coffer::cli {
namespace {

using ChangeOver = Result<TransitionReport> (*)(Coffer&, const std::vector<std::string>&, const TransitionOptions&,
                                                const TransitionProgress&);

constexpr std::string_view kLive = "--live";
constexpr std::string_view kAcknowledge = "--acknowledge-exposed-keys";

Result<uint64_t> free_bytes_at(const std::string& path) {
  std::error_code failed;
  const std::filesystem::space_info space = std::filesystem::space(path, failed);
  if (failed) return {Code::kIo, path + ": " + failed.message()};
  return static_cast<uint64_t>(space.available);
}

std::string text_of(const TransitionReport& report, std::string_view done, double seconds) {
  std::string out;
  for (const FileProblem& problem : report.problems) out += problem_text(problem.path, problem.status);
  out += fmt::format("{} {} ({}) in {}, {} already so", done, count_text(report.done, "file"), size_text(report.bytes),
                     duration_text(seconds), report.current);
  if (!report.problems.empty()) out += fmt::format(", {}", count_text(report.problems.size(), "problem"));
  if (!report.problems.empty() && !report.begun) out += "; nothing was changed";
  if (report.stopped) out += "\nstopped as asked";
  if (report.begun && (report.stopped || !report.problems.empty())) {
    out += fmt::format("\n{} left: until the command has run to its end, no engine opens the store",
                       count_text(report.files_to_do - std::min(report.files_to_do, report.done), "file"));
  }
  return out + "\n";
}

Json json_of(const TransitionReport& report, double seconds) {
  Json problems = Json::array();
  for (const FileProblem& problem : report.problems) problems.push_back(problem_json(problem.path, problem.status));
  return {{"done", report.done},
          {"bytes", report.bytes},
          {"current", report.current},
          {"files_to_do", report.files_to_do},
          {"bytes_to_do", report.bytes_to_do},
          {"left", report.left},
          {"exposed", report.exposed},
          {"begun", report.begun},
          {"stopped", report.stopped},
          {"seconds", seconds},
          {"problems", std::move(problems)}};
}

Result<Outcome> run_change_over(const Arguments& arguments, Console& console, ChangeOver change_over,
                                std::string_view doing, std::string_view done) {
  COFFER_ASSIGN(const Rate rate, first_rate(arguments));
  COFFER_ASSIGN(auto coffer, open_coffer(arguments));
  COFFER_TRY(coffer->live_keyring().may_change_files());
  std::vector<std::string> paths = {arguments.operand("STORE")};
  for (const std::string& path : arguments.list("PATH")) paths.push_back(path);
  for (std::string& path : paths) path = rocks::absolute_path(path);
  RateFile rates(coffer->disk(), coffer->directory() + "/reencrypt.rate", rate);
  TransitionOptions options{.files = &rocks::engine_files(),
                            .records = &engine_records(),
                            .role_of = rocks::role_of,
                            .free_bytes = free_bytes_at,
                            .pace = {}};
  options.pace.rate = [&] { return rates.now(); };
  options.pace.stop = [] { return StopSignals::came(); };
  Progress progress(!console.json());
  const auto show = [&](const TransitionReport& so_far) {
    progress.show(doing, so_far.bytes, so_far.bytes_to_do,
                  fmt::format("{} in {}", size_text(so_far.bytes), count_text(so_far.done, "file")));
  };
  const StopSignals signals;
  const bool live = arguments.has(kLive);
  COFFER_ASSIGN(const TransitionReport report,
                live ? accept_plaintext_of(*coffer, paths, options) : change_over(*coffer, paths, options, show));
  progress.erase();
  if (live && report.done > 0) {
    console.note(
        "start the database on the coffer now: it reads these files, and whatever it writes is encrypted; with "
        "the last of them, plaintext is refused");
  }
  if (!rates.trouble().is_ok()) console.note(std::string(rates.trouble().message()));
  for (const std::string& path : report.left)
    console.note(printable(path) + ": is none of the engine's, and left as it is");
  for (const std::string& key : report.exposed) console.note("domain key " + key + " is compromised from now on");
  console.answer(json_of(report, progress.seconds()), text_of(report, done, progress.seconds()));
  return report.problems.empty() && !report.stopped ? Outcome::kDone : Outcome::kProblemsFound;
}

Result<Outcome> run_encrypt(const Arguments& arguments, Console& console) {
  return run_change_over(arguments, console, encrypt_stores, "encrypting",
                         arguments.has(kLive) ? "accepted as they are" : "encrypted");
}

Result<Outcome> run_decrypt(const Arguments& arguments, Console& console) {
  if (!arguments.has(kAcknowledge)) {
    return {Code::kInvalidArgument,
            fmt::format("decrypt: all files of {} would stand there in clear, and the keys they are under count as "
                        "compromised for ever, for all else that they protect as well; {} says that this is meant",
                        printable(arguments.operand("STORE")), kAcknowledge)};
  }
  return run_change_over(arguments, console, decrypt_stores, "decrypting", "decrypted");
}

std::vector<Operand> store_operands() {
  return {coffer_operand(),
          {"STORE", "the directory of a database that no engine has open"},
          {"PATH", "directories that the database has elsewhere: for logs, tables, checkpoints", true}};
}

Flag rate_of_change() {
  return {"--rate", "MB/S", "no faster than this; COFFER/reencrypt.rate changes it while it runs"};
}

}  // namespace

Command encrypt_command() {
  return {
      .name = "encrypt",
      .about = "encrypts every file of a database that is plaintext, and that no engine has open",
      .operands = store_operands(),
      .flags = {{kLive, "",
                 "only lists the plaintext there is: the engine brings it over while the database is served"},
                rate_of_change(),
                root_flag()},
      .examples = {"encrypt /var/lib/db.coffer /var/lib/db", "encrypt /var/lib/db.coffer /var/lib/db /srv/db-logs"},
      .run = run_encrypt,
  };
}

Command decrypt_command() {
  return {
      .name = "decrypt",
      .about = "turns every file of a database, which no engine has open, back into plaintext",
      .operands = store_operands(),
      .flags = {{kAcknowledge, "", "the keys of these files may be known to everybody from now on"},
                rate_of_change(),
                root_flag()},
      .examples = {"decrypt /var/lib/db.coffer /var/lib/db --acknowledge-exposed-keys"},
      .run = run_decrypt,
  };
}

}  // namespace coffer::cli
