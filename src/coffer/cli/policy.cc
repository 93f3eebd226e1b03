// coffer plan, coffer agent, coffer policy check: what the policy of coffer.yaml asks for, and doing it.
#include "coffer/ops/policy.h"

#include <fmt/format.h>
#include <signal.h>

#include <algorithm>
#include <ctime>

#include "coffer/base/clock.h"
#include "coffer/base/period.h"
#include "coffer/cli/commands.h"
#include "coffer/cli/engines.h"
#include "coffer/cli/monitor.h"
#include "coffer/cli/opening.h"
#include "coffer/cli/problem.h"
#include "coffer/cli/text.h"
#include "coffer/engines/rocksdb/file_name.h"

namespace coffer::cli {
namespace {

std::string_view verb(DueAction::What what) {
  switch (what) {
    case DueAction::What::kRotate: return "rotate";
    case DueAction::What::kRewrap: return "rewrap";
    case DueAction::What::kDestroy: break;
  }
  return "destroy a key of";
}

Json actions_json(const std::vector<DueAction>& actions) {
  Json out = Json::array();
  for (const DueAction& action : actions) {
    out.push_back({{"action", verb(action.what)}, {"domain", action.domain}, {"why", action.why}});
  }
  return out;
}

std::string actions_text(const std::vector<DueAction>& actions, std::string_view doing) {
  std::string out;
  for (const DueAction& action : actions) {
    out += fmt::format("{}{} domain {}: {}\n", doing, verb(action.what), action.domain, action.why);
  }
  return out;
}

Json ciphers_json(const std::vector<OtherCiphers>& others) {
  Json out = Json::array();
  for (const auto& [domain, files] : others) {
    out.push_back({{"domain", domain}, {"files", files.files}, {"bytes", files.bytes}});
  }
  return out;
}

std::string ciphers_text(const std::vector<OtherCiphers>& others) {
  std::string out;
  for (const auto& [domain, files] : others) {
    out += fmt::format(
        "by hand: reencrypt domain {}: {} ({}) of another cipher or chunk size than coffer.yaml has: coffer reencrypt "
        "COFFER --domain {}\n",
        domain, count_text(files.files, "file"), size_text(files.bytes), domain);
  }
  return out;
}

Json problems_json(const PolicyRun& run) {
  Json out = Json::array();
  for (const FileProblem& problem : run.problems) out.push_back(problem_json(problem.path, problem.status));
  return out;
}

std::string problems_text(const PolicyRun& run) {
  std::string out;
  for (const FileProblem& problem : run.problems) out += problem_text(problem.path, problem.status);
  return out;
}

constexpr std::string_view kServed = "its program does it, if it follows; else stop it and repeat";

std::string reencryption_text(const DueReencryption& due) {
  return fmt::format("re-encrypt in {}: {} ({}) that key {} protected, {}", printable(due.store),
                     count_text(due.files, "file"), size_text(due.bytes), due.key(), due.why);
}

Json reencryption_json(const DueReencryption& due) {
  return {{"action", "reencrypt"}, {"key", due.key()},   {"store", due.store},
          {"files", due.files},    {"bytes", due.bytes}, {"why", due.why}};
}

Json reencrypted_json(const PolicyRun& run) {
  Json out = Json::array();
  for (const auto& [what, status] : run.reencrypted) {
    Json each = reencryption_json(what);
    each["done"] = status.is_ok();
    each["why_not"] = status.is_ok() ? Json(nullptr) : Json(status.to_string());
    out.push_back(std::move(each));
  }
  return out;
}

std::string reencrypted_text(const DoneReencryption& each) {
  const std::string text = reencryption_text(each.what);
  if (each.status.is_ok()) return "done: " + text + "\n";
  return fmt::format("not done: {}: {}{}{}\n", text, each.status.to_string(),
                     each.status.code() == Code::kBusy ? "; " : "", each.status.code() == Code::kBusy ? kServed : "");
}

EngineAtRest engine_at_rest() { return {.role_of = rocks::role_of, .records = &engine_records()}; }

// Whether nothing was in the way. What a program serves is that program's.
bool is_sound(const PolicyRun& run) {
  return run.problems.empty() && std::ranges::all_of(run.reencrypted, [](const DoneReencryption& each) {
           return each.status.is_ok() || each.status.code() == Code::kBusy;
         });
}

Result<Outcome> show_plan(Coffer& coffer, Console& console) {
  COFFER_ASSIGN(const std::vector<DueAction> due, plan_policy(coffer));
  COFFER_ASSIGN(const std::vector<DueReencryption> reencryptions, plan_reencryption(coffer));
  COFFER_ASSIGN(const std::vector<OtherCiphers> others, files_of_other_ciphers(coffer));
  Json json = Json::array();
  std::string text = actions_text(due, "due: ");
  for (const DueReencryption& each : reencryptions) {
    json.push_back(reencryption_json(each));
    text += "due: " + reencryption_text(each) + "\n";
  }
  if (text.empty()) text = "nothing is due\n";
  console.answer(
      Json{{"due", actions_json(due)}, {"reencryptions", std::move(json)}, {"other_ciphers", ciphers_json(others)}},
      text + ciphers_text(others));
  return Outcome::kDone;
}

Result<Outcome> run_plan(const Arguments& arguments, Console& console) {
  COFFER_ASSIGN(auto coffer, open_coffer(arguments));
  if (!arguments.has("--apply")) return show_plan(*coffer, console);
  COFFER_ASSIGN(const PolicyRun run, apply_policy(*coffer, engine_at_rest()));
  std::string text = actions_text(run.done, "done: ");
  for (const std::string& each : run.rollouts) text += printable(each) + "\n";
  for (const DoneReencryption& each : run.reencrypted) text += reencrypted_text(each);
  console.answer(
      Json{{"done", actions_json(run.done)},
           {"rollouts", run.rollouts},
           {"reencrypted", reencrypted_json(run)},
           {"problems", problems_json(run)}},
      text.empty() && run.problems.empty() ? "nothing is due\n" : text + problems_text(run));
  return is_sound(run) ? Outcome::kDone : Outcome::kProblemsFound;
}

// Signals that end the agent between two looks, and never in one.
class EndSignals {
 public:
  EndSignals() {
    sigemptyset(&signals_);
    sigaddset(&signals_, SIGINT);
    sigaddset(&signals_, SIGTERM);
    pthread_sigmask(SIG_BLOCK, &signals_, nullptr);
  }
  // Whether one came within this time.
  bool came_within(uint64_t seconds) const {
    const timespec time{static_cast<time_t>(seconds), 0};
    return sigtimedwait(&signals_, nullptr, &time) > 0;
  }

 private:
  sigset_t signals_{};
};

Outcome tell_end(uint64_t done, Console& console) {
  console.answer(Json{{"done", done}}, fmt::format("ended; did {}\n", count_text(done, "thing")));
  return Outcome::kDone;
}

// Who has a page to tell it on waits for a root key that does not answer. Null: a signal came first.
Result<std::shared_ptr<Coffer>> open_for_agent(const Arguments& arguments, Monitor* monitor, const EndSignals& signals,
                                               uint64_t interval, Console& console) {
  constexpr uint64_t kRetrySeconds = 15;
  bool was_told = false;
  while (true) {
    auto coffer = open_coffer(arguments);
    const Status found = coffer.is_ok() ? (*coffer)->live_keyring().may_change_files() : coffer.status();
    if (found.is_ok()) return coffer;
    if (monitor == nullptr || found.code() != Code::kProviderUnavailable) return found;
    monitor->tell_closed(found);
    if (!std::exchange(was_told, true)) console.report(found);
    if (signals.came_within(std::min(interval, kRetrySeconds))) return std::shared_ptr<Coffer>();
  }
}

// The first thing that the policy asks for and that was not done.
Status what_is_left(const PolicyRun& run) {
  if (!run.problems.empty()) return run.problems.front().status.with_context(run.problems.front().path);
  for (const DoneReencryption& each : run.reencrypted) {
    if (!each.status.is_ok() && each.status.code() != Code::kBusy) return each.status.with_context(each.what.store);
  }
  return Status::ok();
}

Result<Outcome> run_agent(const Arguments& arguments, Console& console) {
  const std::string text = arguments.value("--interval", "10m");
  const std::optional<uint64_t> interval = parse_period(text);
  if (!interval || *interval == 0) {
    return {Code::kInvalidArgument, "--interval: expected a time of at least 1s, as 10m or 1h"};
  }
  const EndSignals signals;
  COFFER_ASSIGN(const auto monitor, Monitor::start_if_asked(arguments));
  if (monitor != nullptr) console.note("serves " + monitor->where());
  COFFER_ASSIGN(auto coffer, open_for_agent(arguments, monitor.get(), signals, *interval, console));
  if (coffer == nullptr) return tell_end(0, console);
  if (monitor != nullptr) monitor->watch(coffer, std::chrono::seconds(*interval));
  uint64_t done = 0;
  Status last;
  do {
    const auto run = apply_policy(*coffer, engine_at_rest());
    coffer->keyring_uses().let_go();
    // What is wrong may be mended meanwhile: a configuration, a provider, a disk.
    const Status now = run.status();
    if (!now.is_ok() && (now.code() != last.code() || now.message() != last.message())) console.report(now);
    last = now;
    if (!run.is_ok()) {
      if (monitor != nullptr) monitor->tell_policy({now_seconds(), now, done});
      continue;
    }
    done += run->done.size() + run->rollouts.size();
    for (const std::string& each : run->rollouts) console.note(printable(each));
    for (const DueAction& action : run->done) console.note(actions_text({action}, "done: "));
    for (const DoneReencryption& each : run->reencrypted) {
      if (each.status.code() == Code::kBusy) continue;  // served: it is asked for at each look
      console.note(reencrypted_text(each));
      done += each.status.is_ok() ? 1 : 0;
    }
    for (const FileProblem& problem : run->problems) console.note(problem_text(problem.path, problem.status));
    if (monitor != nullptr) monitor->tell_policy({now_seconds(), what_is_left(*run), done});
  } while (!signals.came_within(*interval));
  tell_end(done, console);
  return last.is_ok() ? Outcome::kDone : Outcome::kProblemsFound;
}

Result<Outcome> run_policy_check(const Arguments& arguments, Console& console) {
  COFFER_ASSIGN(const std::string path, config_path_of(Disk::posix(), arguments.operand("CONFIG")));
  COFFER_ASSIGN(const Config config, read_config(Disk::posix(), path));
  Json suggestions = Json::array();
  std::string text = fmt::format("{} is valid\n", printable(path));
  for (const Finding& finding : examine_policy(config)) {
    suggestions.push_back({{"what", finding.what}, {"why", finding.why}, {"remedy", finding.remedy}});
    text += fmt::format("  {}: {}; {}\n", finding.what, finding.why, finding.remedy);
  }
  console.answer(Json{{"file", path}, {"suggestions", std::move(suggestions)}}, text);
  return Outcome::kDone;
}

}  // namespace

Command plan_command() {
  return {
      .name = "plan",
      .about = "shows what coffer.yaml's policy asks for now, and why; does it with --apply",
      .operands = {coffer_operand()},
      .flags = {{"--apply", "", "do it: rotate domains, rewrap and re-encrypt files, destroy keys"}, root_flag()},
      .examples = {"plan /var/lib/db.coffer", "plan /var/lib/db.coffer --apply"},
      .run = run_plan,
  };
}

Command agent_command() {
  std::vector<Flag> flags = monitor_flags();
  flags.insert(flags.begin(), {"--interval", "TIME", "how often it looks: 10m, 1h (10m)"});
  flags.push_back(root_flag());
  return {
      .name = "agent",
      .about = "does what the policy asks for, again and again, until it is told to end (SIGTERM)",
      .operands = {coffer_operand()},
      .flags = flags,
      .examples = {"agent /var/lib/db.coffer", "agent /var/lib/db.coffer --listen 127.0.0.1:9464"},
      .run = run_agent,
  };
}

Command policy_check_command() {
  return {
      .name = "policy check",
      .about = "checks a coffer.yaml before it is put in place, and suggests what may be better; asks for no key",
      .operands = {{"CONFIG", "a coffer.yaml, or a coffer's directory"}},
      .flags = {},
      .examples = {"policy check /etc/coffer/db.yaml"},
      .run = run_policy_check,
  };
}

}  // namespace coffer::cli
