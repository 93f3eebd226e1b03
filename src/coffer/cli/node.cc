// coffer node …: the keys of this node, and the nodes that share the coffer.
#include <fmt/format.h>

#include <algorithm>

#include "coffer/cli/commands.h"
#include "coffer/cli/opening.h"
#include "coffer/cli/text.h"
#include "coffer/ops/key_questions.h"
#include "coffer/ops/nodes.h"
#include "coffer/ops/rollouts.h"
#include "coffer/providers/registry.h"

namespace coffer::cli {
namespace {

constexpr size_t kNodeKeyShown = 6;  // bytes

std::string shown_key(const SignaturePublicKey& key) { return to_hex(ByteView(key).first(kNodeKeyShown)); }

Json node_json(const NodePublic& node) {
  return {{"name", node.name},
          {"coffer", node.coffer_id.hex()},
          {"key", to_hex(node.signing)},
          {"node", format_node_public(node)}};
}

Result<Outcome> run_node_new(const Arguments& arguments, Console& console) {
  COFFER_ASSIGN(auto coffer, open_coffer(arguments));
  COFFER_ASSIGN(const NodeIdentity made,
                NodeIdentity::create(arguments.operand("NAME"), coffer->config().coffer_id));
  COFFER_TRY(keep_node_identity(*coffer, made, arguments.value("--seal", ""), open_provider));
  console.answer(node_json(made.node()), format_node_public(made.node()) + "\n");
  return Outcome::kDone;
}

Result<Outcome> run_node_show(const Arguments& arguments, Console& console) {
  COFFER_ASSIGN(auto coffer, open_coffer(arguments));
  COFFER_ASSIGN(const NodeIdentity own, open_node_identity(*coffer, open_provider));
  COFFER_ASSIGN(const std::string root, root_of_node_key(*coffer));
  Json answer = node_json(own.node());
  answer["sealed_by"] = root.empty() ? Json(nullptr) : Json(root);
  console.answer(answer, format_node_public(own.node()) + "\n");
  return Outcome::kDone;
}

Result<Outcome> run_node_request(const Arguments& arguments, Console& console) {
  COFFER_ASSIGN(auto coffer, open_coffer(arguments));
  COFFER_ASSIGN(const std::string request, make_join_request(*coffer, open_provider));
  console.answer(Json::object({{"request", request}}), request + "\n");
  console.note("it is good for a day; on a node of the coffer: coffer node enrol COFFER REQUEST");
  return Outcome::kDone;
}

Result<Outcome> run_node_enrol(const Arguments& arguments, Console& console) {
  COFFER_ASSIGN(auto coffer, open_coffer(arguments));
  COFFER_ASSIGN(const Enrolment done, enrol_node(*coffer, arguments.operand("REQUEST"), open_provider));
  Json answer = node_json(done.node);
  answer["was_there"] = done.was_there;
  answer["keyring_version"] = coffer->keyring()->version();
  console.answer(answer, fmt::format("node {} ({}) {} this coffer\n", done.node.name, shown_key(done.node.signing),
                                     done.was_there ? "was already of" : "is now of"));
  return Outcome::kDone;
}

Json standing_json(const NodeStanding& standing, uint64_t version) {
  Json out = {{"name", standing.node.name},
              {"key", to_hex(standing.node.signing)},
              {"enrolled", standing.node.enrolled},
              {"leaving", standing.node.is_leaving()},
              {"slot", standing.has_slot ? Json(*standing.has_slot) : Json(nullptr)},
              {"report", nullptr},
              {"doubt", standing.doubt.is_ok() ? Json(nullptr) : Json(standing.doubt.to_string())}};
  if (!standing.report) return out;
  const NodeReport& report = *standing.report;
  out["report"] = {{"time", report.time},
                   {"keyring_version", report.keyring_version},
                   {"up_to_date", report.keyring_version >= version},
                   {"ended", report.ended},
                   {"error", report.error.empty() ? Json(nullptr) : Json(report.error)}};
  return out;
}

// What it serves, and what is wrong with that.
std::pair<std::string, std::string> serving_text(const NodeStanding& standing, uint64_t version) {
  if (!standing.doubt.is_ok()) return {"?", standing.doubt.to_string()};
  if (!standing.report) return {"-", "has not reported"};
  if (standing.report->ended) return {"ended", ""};
  const bool is_new = standing.report->keyring_version >= version;
  return {fmt::format("{}{}", standing.report->keyring_version, is_new ? "" : ", behind"), standing.report->error};
}

std::string slot_text(const NodeStanding& standing) {
  if (!standing.has_slot) return "-";
  return *standing.has_slot ? "yes" : "no";
}

Result<Outcome> run_node_list(const Arguments& arguments, Console& console) {
  COFFER_ASSIGN(auto coffer, open_coffer(arguments, {.may_be_away = true}));
  const auto keyring = coffer->keyring();
  const uint64_t version = keyring->version();
  using Align = Table::Align;
  Table table({Align::kLeft, Align::kLeft, Align::kLeft, Align::kLeft, Align::kLeft, Align::kLeft, Align::kLeft});
  table.add({"NODE", "KEY", "ENROLLED", "SLOT", "KEYRING", "REPORTED", "TROUBLE"});
  Json rows = Json::array();
  bool all_serve_it = true;
  for (const NodeStanding& standing : node_standings(coffer->live_keyring())) {
    const auto [serves, trouble] = serving_text(standing, version);
    table.add({standing.node.name, shown_key(standing.node.signing),
               standing.node.is_leaving() ? "leaving" : time_text(standing.node.enrolled), slot_text(standing),
               serves,
               standing.report ? time_text(standing.report->time) : "", printable(trouble)});
    rows.push_back(standing_json(standing, version));
    const bool serves_it = standing.report && (standing.report->ended || standing.report->keyring_version >= version);
    all_serve_it = all_serve_it && serves_it && trouble.empty();
  }
  const uint64_t now = now_seconds();
  std::string text = table.text();
  for (const Rollout& rollout : keyring->rollouts()) text += "rollout: " + rollout_text(rollout, now) + "\n";
  const QuestionStandings questions = question_standings(*coffer);
  for (const QuestionStanding& each : questions.questions) text += "asked: " + printable(question_text(each)) + "\n";
  console.answer(Json{{"keyring_version", version},
                      {"nodes", std::move(rows)},
                      {"rollouts", rollouts_json(*keyring)},
                      {"questions", questions_json(questions)}},
                 text);
  return all_serve_it || !arguments.has("--check") ? Outcome::kDone : Outcome::kProblemsFound;
}

Result<Outcome> run_node_remove(const Arguments& arguments, Console& console) {
  COFFER_ASSIGN(auto coffer, open_coffer(arguments));
  const std::string& name = arguments.operand("NAME");
  const std::string to = arguments.value("--to", "");
  COFFER_ASSIGN(const NodeRemoval done, remove_node(*coffer, name, to, open_provider));
  const uint64_t version = coffer->keyring()->version();
  std::string text = fmt::format(
      "node {} is not of this coffer any more (keyring version {})\n"
      "fresh keys: of the keyring, wrapped by root {}, and of {}\n",
      name, version, done.root.root, count_text(done.domains, "domain"));
  for (const std::string& group : done.closed) {
    text += fmt::format("key group {} does not open here: its domains keep their keys\n", group);
  }
  console.answer(Json{{"node", name},
                      {"root", done.root.root},
                      {"removed_roots", done.root.removed},
                      {"domains", done.domains},
                      {"closed_groups", done.closed},
                      {"keyring_version", version}},
                 text);
  if (to.empty()) {
    console.note(
        "the root key is the same: if that node has it still, take it away at its provider, or run coffer rotate root "
        "COFFER --to ROOT");
  }
  console.note("files that it has, and files written until now, open with keys it knew: coffer reencrypt");
  const auto keyring = coffer->keyring();
  const auto stores = std::ranges::count(keyring->stores(), name, &StoreEntry::node);
  if (stores > 0) {
    console.note(fmt::format("of its stores the list still has {}, in case its disks are brought here: coffer store "
                             "list, coffer store forget", stores));
  }
  return done.closed.empty() ? Outcome::kDone : Outcome::kProblemsFound;
}

Result<Outcome> run_node_rotate(const Arguments& arguments, Console& console) {
  COFFER_ASSIGN(auto coffer, open_coffer(arguments));
  COFFER_ASSIGN(const NodePublic node, rotate_node(*coffer, open_provider));
  const bool is_enrolled = coffer->keyring()->find_node(node.name) != nullptr;
  Json answer = node_json(node);
  answer["enrolled"] = is_enrolled;
  console.answer(answer, format_node_public(node) + "\n");
  console.note(is_enrolled ? "the nodes of this coffer know it; where other coffers have it as a peer, paste it there"
                           : "it is not of this coffer yet: coffer node request COFFER");
  return Outcome::kDone;
}

}  // namespace

Command node_new_command() {
  return {
      .name = "node new",
      .about = "gives this node keys of its own, and prints their public part: one line for other nodes",
      .operands = {coffer_operand(), {"NAME", "of the node: letters, digits, dots, underscores, dashes"}},
      .flags = {{"--seal", "ROOT", "the root of coffer.yaml that seals the private keys (the coffer itself)"},
                root_flag()},
      .examples = {"node new /var/lib/db.coffer db-1", "node new /var/lib/db.coffer db-1 --seal tpm"},
      .run = run_node_new,
  };
}

Command node_show_command() {
  return {
      .name = "node show",
      .about = "prints the public part of this node's keys, once the private one opens",
      .operands = {coffer_operand()},
      .flags = {root_flag()},
      .examples = {"node show /var/lib/db.coffer"},
      .run = run_node_show,
  };
}

Command node_request_command() {
  return {
      .name = "node request",
      .about = "prints what this node shows one of the coffer's to become one: that it opens the coffer, and its keys",
      .operands = {coffer_operand()},
      .flags = {root_flag()},
      .examples = {"node request /var/lib/db.coffer"},
      .run = run_node_request,
  };
}

Command node_enrol_command() {
  return {
      .name = "node enrol",
      .about = "puts a node into the coffer's list, if it opens the coffer and has the same root key",
      .operands = {coffer_operand(), {"REQUEST", "what coffer node request has printed there"}},
      .flags = {root_flag()},
      .examples = {"node enrol /var/lib/db.coffer coffer-join:v1:LINE"},
      .run = run_node_enrol,
  };
}

Command node_list_command() {
  return {
      .name = "node list",
      .about = "lists the nodes that are of the coffer, and which keyring each says that it serves",
      .operands = {coffer_operand()},
      .flags = {{"--check", "", "exit with 1 unless every node but those that ended serves the newest, and is well"},
                root_flag()},
      .examples = {"node list /var/lib/db.coffer", "node list /var/lib/db.coffer --check"},
      .run = run_node_list,
  };
}

Command node_remove_command() {
  return {
      .name = "node remove",
      .about = "takes a node out of the list, and renews what it knew: the keyring's key and each domain's",
      .operands = {coffer_operand(), {"NAME", "of the node, as coffer node list has it"}},
      .flags = {{"--to", "ROOT", "the first slot goes over to another root key too: its name in coffer.yaml, or a URI"},
                root_flag()},
      .examples = {"node remove /var/lib/db.coffer db-3", "node remove /var/lib/db.coffer db-3 --to root-2"},
      .run = run_node_remove,
  };
}

Command node_rotate_command() {
  return {
      .name = "node rotate",
      .about = "gives this node fresh keys under its name; nothing that the old ones say is believed from then on",
      .operands = {coffer_operand()},
      .flags = {root_flag()},
      .examples = {"node rotate /var/lib/db.coffer"},
      .run = run_node_rotate,
  };
}

}  // namespace coffer::cli
