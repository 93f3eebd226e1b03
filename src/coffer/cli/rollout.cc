// coffer rollout …: rotations that some nodes use before the others.
#include "coffer/ops/rollouts.h"

#include <fmt/format.h>

#include <chrono>
#include <thread>

#include "coffer/cli/commands.h"
#include "coffer/cli/opening.h"
#include "coffer/cli/text.h"

namespace coffer::cli {
namespace {

// How often --wait looks at what the nodes say.
constexpr std::chrono::seconds kLookAgain{1};
constexpr size_t kNodesShown = 8;

Operand domain_operand() { return {"DOMAIN", "whose rotation it is"}; }

std::string outlook_text(const RolloutStanding& standing) {
  const RolloutOutlook& outlook = standing.outlook;
  const RolloutHalt& halt = standing.rollout.halt;
  if (standing.rollout.is_halted()) {
    return fmt::format("HALTED{}: {}", halt.node.empty() ? "" : " by node " + halt.node, printable(halt.why));
  }
  const std::string node = outlook.node.empty() ? "" : "node " + outlook.node + ": ";
  switch (outlook.next) {
    case RolloutOutlook::Next::kReady: return "may go on";
    case RolloutOutlook::Next::kWaits: return fmt::format("waits: {}{}", node, printable(outlook.why));
    case RolloutOutlook::Next::kHalts: break;
  }
  return fmt::format("is to be halted: {}{}", node, printable(outlook.why));
}

std::string names_text(const std::vector<std::string>& names) {
  std::string out;
  for (size_t i = 0; i < std::min(names.size(), kNodesShown); ++i) out += (i == 0 ? "" : ", ") + names[i];
  return names.size() <= kNodesShown ? out : fmt::format("{} and {} more", out, names.size() - kNodesShown);
}

Result<Outcome> run_rollout_list(const Arguments& arguments, Console& console) {
  COFFER_ASSIGN(auto coffer, open_coffer(arguments, {.may_be_away = true}));
  COFFER_ASSIGN(const std::vector<RolloutStanding> standings, rollout_standings(*coffer));
  Json rows = rollouts_json(*coffer->keyring());
  using Align = Table::Align;
  Table table({Align::kLeft, Align::kRight, Align::kRight, Align::kLeft, Align::kLeft, Align::kLeft});
  table.add({"DOMAIN", "KEY", "SHARE", "SINCE", "NODES", "STATE"});
  bool is_well = true;
  for (size_t i = 0; i < standings.size(); ++i) {
    const RolloutStanding& each = standings[i];
    table.add({each.rollout.domain, fmt::to_string(each.rollout.version), share_text(each.rollout.share),
               time_text(each.rollout.begun), names_text(each.nodes), outlook_text(each)});
    rows[i]["nodes"] = each.nodes;
    rows[i]["well"] = each.outlook.well;
    rows[i]["may_go_on"] = !each.rollout.is_halted() && each.outlook.next == RolloutOutlook::Next::kReady;
    rows[i]["state"] = outlook_text(each);
    is_well = is_well && !each.rollout.is_halted() && each.outlook.next != RolloutOutlook::Next::kHalts;
  }
  console.answer(Json{{"keyring_version", coffer->keyring()->version()}, {"rollouts", std::move(rows)}},
                 standings.empty() ? "no rollout is running\n" : table.text());
  return is_well ? Outcome::kDone : Outcome::kProblemsFound;
}

// Waits until the nodes of the share say that they are well, if it is to.
Result<std::string> advance(const Coffer& coffer, const Rollout& rollout, const Arguments& arguments,
                            Console& console) {
  std::string told;
  for (;;) {
    auto done = advance_rollout(coffer.live_keyring(), rollout, arguments.has("--anyway"));
    if (done.code() != Code::kBusy || !arguments.has("--wait")) return done;
    const std::string why(done.status().message());
    if (why != std::exchange(told, why)) console.note(printable(why));
    std::this_thread::sleep_for(kLookAgain);
    COFFER_TRY(coffer.live_keyring().refresh());
    const Rollout* now = coffer.keyring()->find_rollout(rollout.domain);
    if (now != nullptr && *now == rollout) continue;
    if (now != nullptr && now->is_halted()) return advance_rollout(coffer.live_keyring(), *now, false);
    return {Code::kConflict, "somebody else has changed the rollout meanwhile; coffer rollout list shows it"};
  }
}

Result<Outcome> run_rollout_advance(const Arguments& arguments, Console& console) {
  COFFER_ASSIGN(auto coffer, open_coffer(arguments));
  const std::string& domain = arguments.operand("DOMAIN");
  COFFER_ASSIGN(const std::vector<RolloutStanding> standings, rollout_standings(*coffer, domain));
  COFFER_ASSIGN(const std::string done, advance(*coffer, standings.front().rollout, arguments, console));
  const auto keyring = coffer->keyring();
  const Rollout* next = keyring->find_rollout(domain);
  console.answer(Json{{"domain", domain},
                      {"key", {{"version", standings.front().rollout.version}}},
                      {"share_thousandths", next != nullptr ? next->share : 1000},
                      {"keyring_version", keyring->version()}},
                 done + "\n");
  return Outcome::kDone;
}

Result<Outcome> tell_change(const Coffer& coffer, const std::string& domain, const std::string& text,
                            Console& console) {
  console.answer(Json{{"domain", domain}, {"keyring_version", coffer.keyring()->version()}}, text + "\n");
  return Outcome::kDone;
}

Result<Outcome> run_rollout_halt(const Arguments& arguments, Console& console) {
  COFFER_ASSIGN(auto coffer, open_coffer(arguments));
  const std::string& domain = arguments.operand("DOMAIN");
  COFFER_TRY(halt_rollout(*coffer, domain, arguments.value("--why", "by an operator")));
  return tell_change(*coffer, domain, fmt::format("the rollout of domain {} is halted", domain), console);
}

Result<Outcome> run_rollout_resume(const Arguments& arguments, Console& console) {
  COFFER_ASSIGN(auto coffer, open_coffer(arguments));
  const std::string& domain = arguments.operand("DOMAIN");
  COFFER_TRY(resume_rollout(*coffer, domain));
  return tell_change(*coffer, domain, fmt::format("the rollout of domain {} goes on: its share begins anew", domain),
                     console);
}

Result<Outcome> run_rollout_undo(const Arguments& arguments, Console& console) {
  COFFER_ASSIGN(auto coffer, open_coffer(arguments));
  const std::string& domain = arguments.operand("DOMAIN");
  COFFER_TRY(undo_rollout(*coffer, domain));
  const DomainKeyEntry* active = coffer->keyring()->find_domain(domain)->active();
  return tell_change(*coffer, domain,
                     fmt::format("domain {}: all nodes use key {} again; files under the new one stay readable", domain,
                                 active->version),
                     console);
}

}  // namespace

Command rollout_list_command() {
  return {
      .name = "rollout list",
      .about = "lists rotations that some nodes use first, and what they wait for; exits with 1 where one is halted",
      .operands = {coffer_operand()},
      .flags = {root_flag()},
      .examples = {"rollout list /var/lib/db.coffer"},
      .run = run_rollout_list,
  };
}

Command rollout_advance_command() {
  return {
      .name = "rollout advance",
      .about = "has more nodes use a new key, at last all, if every node that uses it says that it is well",
      .operands = {coffer_operand(), domain_operand()},
      .flags = {{"--wait", "", "until they say so"},
                {"--anyway", "", "although some have not said so; not where one says that something is wrong"},
                root_flag()},
      .examples = {"rollout advance /var/lib/db.coffer system --wait"},
      .run = run_rollout_advance,
  };
}

Command rollout_halt_command() {
  return {
      .name = "rollout halt",
      .about = "keeps a new key from coming to more nodes, until coffer rollout resume or undo",
      .operands = {coffer_operand(), domain_operand()},
      .flags = {{"--why", "TEXT", "what others are told (by an operator)"}, root_flag()},
      .examples = {"rollout halt /var/lib/db.coffer system --why 'latency of db-3'"},
      .run = run_rollout_halt,
  };
}

Command rollout_resume_command() {
  return {
      .name = "rollout resume",
      .about = "lets a rotation that was halted go on, once what was wrong is mended",
      .operands = {coffer_operand(), domain_operand()},
      .flags = {root_flag()},
      .examples = {"rollout resume /var/lib/db.coffer system"},
      .run = run_rollout_resume,
  };
}

Command rollout_undo_command() {
  return {
      .name = "rollout undo",
      .about = "has all nodes use the key of before again; the new one opens what it has sealed, and nothing more",
      .operands = {coffer_operand(), domain_operand()},
      .flags = {root_flag()},
      .examples = {"rollout undo /var/lib/db.coffer system"},
      .run = run_rollout_undo,
  };
}

}  // namespace coffer::cli
