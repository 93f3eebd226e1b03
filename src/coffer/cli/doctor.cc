// coffer doctor: what is not as it should be around a coffer.
#include "coffer/ops/doctor.h"

#include <fmt/format.h>

#include <algorithm>

#include "coffer/base/path.h"
#include "coffer/base/text.h"
#include "coffer/cli/commands.h"
#include "coffer/cli/opening.h"
#include "coffer/cli/text.h"

namespace coffer::cli {
namespace {

std::string instructions() {
#if defined(__x86_64__)
  std::string out = __builtin_cpu_supports("aes") != 0 ? "AES" : "";
  if (__builtin_cpu_supports("vaes") != 0) out += out.empty() ? "VAES" : ", VAES";
  return out.empty() ? "none for AES" : out;
#else
  return "unknown";
#endif
}

std::string findings_text(const Findings& findings) {
  std::string out;
  for (const Finding& each : findings) {
    out += fmt::format("{}: {}\n    why: {}\n    do:  {}\n", each.wrong ? "WRONG" : "advice", printable(each.what),
                       each.why, printable(each.remedy));
  }
  return out.empty() ? "nothing is wrong\n" : out;
}

Result<ProcessLimits> limits_asked_for(const Arguments& arguments, Disk& disk) {
  const std::string* id = arguments.find("--pid");
  if (id != nullptr && (id->empty() || id->find_first_not_of("0123456789") != std::string::npos)) {
    return {Code::kInvalidArgument, "--pid: expected the id of a process, such as 4711, not " + printable(*id)};
  }
  return process_limits(disk, id == nullptr ? "" : *id);
}

Result<Outcome> run_doctor(const Arguments& arguments, Console& console) {
  Disk& disk = Disk::posix();
  COFFER_ASSIGN(const std::string config_path, config_path_of(disk, absolute_path(arguments.operand("COFFER"))));
  COFFER_ASSIGN(ProcessLimits limits, limits_asked_for(arguments, disk));
  COFFER_ASSIGN(const Examination found, examine(disk, config_path, std::move(limits),
                                                 [&] { return open_coffer(arguments, {.may_be_away = true}); }));
  std::string seen;
  Json answer = {
      {"coffer", config_path}, {"findings", findings_json(found.findings)}, {"instructions", instructions()}};
  if (found.speed) {
    const SealingSpeed& speed = *found.speed;
    seen = fmt::format("cryptography: {}\n{} by {}: {:.1f} GB/s (instructions: {})\n", describe(found.crypto),
                       speed.cipher, speed.implementation, speed.bytes_per_second / 1e9, instructions());
    answer["crypto"] = crypto_json(found.crypto);
    answer["cipher"] = {{"name", speed.cipher},
                        {"implementation", speed.implementation},
                        {"bytes_per_second", static_cast<uint64_t>(speed.bytes_per_second)}};
  }
  console.answer(answer, seen + findings_text(found.findings));
  const bool wrong = std::ranges::any_of(found.findings, &Finding::wrong);
  return wrong ? Outcome::kProblemsFound : Outcome::kDone;
}

}  // namespace

Command doctor_command() {
  return {
      .name = "doctor",
      .about = "says what is not as it should be around a coffer: permissions, places, this machine",
      .operands = {coffer_operand()},
      .flags = {{"--pid", "PID", "a running service, whose limits are looked at instead of this command's"},
                root_flag()},
      .examples = {"doctor /var/lib/db.coffer", "doctor /var/lib/db.coffer --pid 4711"},
      .run = run_doctor,
  };
}

}  // namespace coffer::cli
