// coffer doctor: what is not as it should be around a coffer.
#include "coffer/ops/doctor.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <iterator>

#include "coffer/base/path.h"
#include "coffer/base/text.h"
#include "coffer/cli/commands.h"
#include "coffer/cli/opening.h"
#include "coffer/cli/text.h"
#include "coffer/crypto/backend.h"
#include "coffer/crypto/random.h"
#include "coffer/crypto/stream.h"

namespace coffer::cli {
namespace {

struct Speed {
  std::string cipher, implementation;
  double bytes_per_second = 0;
};

// How fast new data files are sealed here, by one thread. Or why not at all.
Result<Speed> measure(const Config& config) {
  constexpr size_t kPiece = 16384;
  constexpr auto kLong = std::chrono::milliseconds(50);
  using Clock = std::chrono::steady_clock;
  COFFER_TRY(apply_crypto(config));
  const Suite suite = config.suite;
  COFFER_ASSIGN(const CryptoBackend* backend, crypto_backend(suite));
  COFFER_ASSIGN(const StreamKey key, random_key<StreamRole>(stream_key_size(suite)));
  COFFER_ASSIGN(StreamSealer sealer, StreamSealer::create(suite, key));
  Bytes piece(kPiece), sealed(kPiece + kTagSize);
  const Clock::time_point begun = Clock::now();
  uint64_t count = 0;
  while (Clock::now() - begun < kLong) COFFER_TRY(sealer.seal(count++, {}, piece, sealed.data()));
  const double seconds = std::chrono::duration<double>(Clock::now() - begun).count();
  return Speed{std::string(suite_info(suite).name), std::string(backend->name),
               static_cast<double>(count * kPiece) / seconds};
}

std::string instructions() {
#if defined(__x86_64__)
  std::string out = __builtin_cpu_supports("aes") != 0 ? "AES" : "";
  if (__builtin_cpu_supports("vaes") != 0) out += out.empty() ? "VAES" : ", VAES";
  return out.empty() ? "none for AES" : out;
#else
  return "unknown";
#endif
}

void add(Findings more, Findings& findings) {
  findings.insert(findings.end(), std::make_move_iterator(more.begin()), std::make_move_iterator(more.end()));
}

// The machine while the coffer is open, if it opens; and what can be said only then.
void examine_opened(const Arguments& arguments, ProcessLimits limits, Findings& findings) {
  auto coffer = open_coffer(arguments, {.may_be_away = true});
  add(examine_machine(machine_facts(Disk::posix(), std::move(limits))), findings);
  if (!coffer.is_ok()) {
    findings.push_back({true, "the coffer does not open: " + coffer.status().to_string(),
                        "nothing that it protects can be used", "coffer status says what to do"});
    return;
  }
  std::vector<std::string> stores;
  for (const StoreEntry& store : (*coffer)->keyring()->stores()) {
    stores.push_back((*coffer)->places().here(store.path));
  }
  add(examine_placement((*coffer)->disk(), (*coffer)->config_path(), (*coffer)->config(), (*coffer)->directory(),
                        stores),
      findings);
  add(examine_roots((*coffer)->config().providers.roots, (*coffer)->live_keyring().header()->slots), findings);
}

std::string findings_text(const Findings& findings) {
  std::string out;
  for (const Finding& each : findings) {
    out += fmt::format("{}: {}\n    why: {}\n    do:  {}\n", each.wrong ? "WRONG" : "advice", printable(each.what),
                       each.why, printable(each.remedy));
  }
  return out.empty() ? "nothing is wrong\n" : out;
}

Json findings_json(const Findings& findings) {
  Json out = Json::array();
  for (const Finding& each : findings) {
    out.push_back({{"wrong", each.wrong}, {"what", each.what}, {"why", each.why}, {"do", each.remedy}});
  }
  return out;
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
  COFFER_ASSIGN(Findings findings, examine_permissions(disk, config_path));
  examine_opened(arguments, std::move(limits), findings);
  const auto read = read_config(disk, config_path);
  const Config config = read.is_ok() ? *read : Config{};
  const auto speed = measure(config);
  if (!speed.is_ok()) {
    findings.push_back({true, speed.status().to_string(), "no file can be read or written with this cipher",
                        "check this machine and its OpenSSL"});
  }
  std::string seen;
  Json answer = {{"coffer", config_path}, {"findings", findings_json(findings)}, {"instructions", instructions()}};
  if (speed.is_ok()) {
    const CryptoInUse in_use = crypto_in_use(config.suite);
    seen = fmt::format("cryptography: {}\n{} by {}: {:.1f} GB/s (instructions: {})\n", describe(in_use), speed->cipher,
                       speed->implementation, speed->bytes_per_second / 1e9, instructions());
    answer["crypto"] = crypto_json(in_use);
    answer["cipher"] = {{"name", speed->cipher},
                        {"implementation", speed->implementation},
                        {"bytes_per_second", static_cast<uint64_t>(speed->bytes_per_second)}};
  }
  console.answer(answer, seen + findings_text(findings));
  const bool wrong = std::ranges::any_of(findings, &Finding::wrong);
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
