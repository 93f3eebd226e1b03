#include "coffer/keys/node_answer.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "coffer/base/text.h"
#include "coffer/keys/keyring_store.h"

namespace coffer {
namespace {

using AnswerJson = nlohmann::json;

constexpr std::string_view kAnswerPurpose = "answers";

Status not_answers(const EnrolledNode& node) {
  return {Code::kDamaged, "the answers of node " + node.name + " are not as Coffer writes them"};
}

Result<KeyAnswer> read_answer(const AnswerJson& json, const EnrolledNode& node) {
  if (!json.is_object() || json.size() != 3 || !json.contains("question") || !json["question"].is_string()) {
    return not_answers(node);
  }
  for (const char* name : {"needing", "unclear"}) {
    if (!json.contains(name) || !json[name].is_number_unsigned()) return not_answers(node);
  }
  const auto question = Id::parse(json["question"].get<std::string>());
  if (!question.is_ok()) return not_answers(node);
  return KeyAnswer{*question, json["needing"].get<uint64_t>(), json["unclear"].get<uint64_t>()};
}

// REQUIRES: `json` is of the right shape but for its list.
Result<NodeAnswers> read_answers(const AnswerJson& json, const EnrolledNode& node) {
  NodeAnswers out;
  out.time = json["time"].get<uint64_t>();
  if (json["answers"].size() > kQuestionCountMax) return not_answers(node);
  for (const AnswerJson& each : json["answers"]) {
    COFFER_ASSIGN(const KeyAnswer answer, read_answer(each, node));
    if (out.find(answer.question) != nullptr) return not_answers(node);
    out.answers.push_back(answer);
  }
  return out;
}

bool has_shape(const AnswerJson& json) {
  if (!json.is_object() || json.size() != 4) return false;
  for (const char* name : {"coffer", "node"}) {
    if (!json.contains(name) || !json[name].is_string()) return false;
  }
  return json.contains("time") && json["time"].is_number_unsigned() && json.contains("answers") &&
         json["answers"].is_array();
}

}  // namespace

const KeyAnswer* NodeAnswers::find(const Id& question) const {
  const auto found = std::ranges::find(answers, question, &KeyAnswer::question);
  return found == answers.end() ? nullptr : &*found;
}

Result<std::string> sign_node_answers(const NodeIdentity& node, const NodeAnswers& answers) {
  AnswerJson list = AnswerJson::array();
  for (const KeyAnswer& each : answers.answers) {
    list.push_back({{"needing", each.needing}, {"question", each.question.hex()}, {"unclear", each.unclear}});
  }
  AnswerJson json = {{"answers",
                      {{"answers", std::move(list)},
                       {"coffer", node.node().coffer_id.hex()},
                       {"node", node.node().name},
                       {"time", answers.time}}}};
  COFFER_ASSIGN(const Signature signature, node.sign(kAnswerPurpose, as_bytes(json["answers"].dump())));
  json["signature"] = to_hex(signature);
  return json.dump() + "\n";
}

Result<NodeAnswers> open_node_answers(ByteView text, const EnrolledNode& node, const Id& coffer_id) {
  if (text.size() > kNodeAnswersSizeMax) return not_answers(node);
  const auto json = AnswerJson::parse(as_text(text), nullptr, /*allow_exceptions=*/false);
  if (!json.is_object() || json.size() != 2 || !json.contains("answers") || !json.contains("signature")) {
    return not_answers(node);
  }
  const AnswerJson& answers = json["answers"];
  if (!has_shape(answers) || !json["signature"].is_string()) return not_answers(node);
  const auto bytes = from_hex(json["signature"].get<std::string>());
  Signature signature{};
  if (!bytes.is_ok() || bytes->size() != signature.size()) return not_answers(node);
  std::ranges::copy(*bytes, signature.begin());
  // Text that is no UTF-8 was not signed by anybody.
  const std::string said = answers.dump(-1, ' ', false, AnswerJson::error_handler_t::replace);
  const Status by_node = check_node_signature(node.node(coffer_id), kAnswerPurpose, as_bytes(said), signature);
  if (by_node.code() == Code::kTampered || answers["node"] != node.name || answers["coffer"] != coffer_id.hex()) {
    return {Code::kTampered, "the answers of node " + node.name + " were not made by it"};
  }
  COFFER_TRY(by_node);
  return read_answers(answers, node);
}

}  // namespace coffer
