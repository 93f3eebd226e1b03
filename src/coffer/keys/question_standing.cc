#include "coffer/keys/question_standing.h"

namespace coffer {

std::string held_up_text(const HeldUp& held_up) {
  const std::string node = "node " + held_up.node;
  if (!held_up.doubt.is_ok()) return node + " is not believed: " + held_up.doubt.to_string();
  if (!held_up.answer) return node + " has not answered";
  if (held_up.answer->needing > 0) {
    return node + " needs it for " + std::to_string(held_up.answer->needing) + " file(s)";
  }
  return node + " cannot say of " + std::to_string(held_up.answer->unclear) + " file(s), stores or servers";
}

Result<AllAnswers> load_answers(const LiveKeyring& live) {
  AllAnswers out;
  const auto keyring = live.snapshot();
  COFFER_ASSIGN(const std::vector<NodeReportText> texts, live.load_answers());
  for (const NodeReportText& each : texts) {
    // Of one that was taken out something may stand there still.
    const EnrolledNode* node = keyring->find_node(each.node);
    if (node == nullptr) continue;
    auto answers = open_node_answers(each.report, *node, keyring->coffer_id());
    if (answers.is_ok()) {
      out.by_node[each.node] = std::move(*answers);
    } else {
      out.doubts[each.node] = answers.status();
    }
  }
  return out;
}

std::vector<HeldUp> held_up_by(const Keyring& keyring, const KeyQuestion& question, const AllAnswers& answers,
                               const SpokenFor& spoken_for) {
  std::vector<HeldUp> out;
  for (const EnrolledNode& node : keyring.nodes()) {
    if (spoken_for.contains(node.name)) continue;
    HeldUp each{node.name, std::nullopt, Status::ok()};
    if (const auto doubt = answers.doubts.find(node.name); doubt != answers.doubts.end()) each.doubt = doubt->second;
    const auto said = answers.by_node.find(node.name);
    const KeyAnswer* answer = said != answers.by_node.end() ? said->second.find(question.id) : nullptr;
    if (answer != nullptr) each.answer = *answer;
    if (answer == nullptr || !answer->is_clear()) out.push_back(std::move(each));
  }
  return out;
}

Status check_same_nodes(const Keyring& keyring, const Keyring& asked) {
  for (const EnrolledNode& node : keyring.nodes()) {
    const EnrolledNode* earlier = asked.find_node(node.name);
    if (earlier != nullptr && earlier->agreement == node.agreement && earlier->signing == node.signing) continue;
    return {Code::kConflict, "node " + node.name + " has joined meanwhile, or has fresh keys, and has to answer, too; "
                                                   "repeat the command"};
  }
  return Status::ok();
}

}  // namespace coffer
