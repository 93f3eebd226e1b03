#include "coffer/ops/key_questions.h"

#include <algorithm>

#include "coffer/base/clock.h"
#include "coffer/ops/key_needs.h"
#include "coffer/store/node_key.h"

namespace coffer {
namespace {

std::string name_of(const FoundKey& key) {
  return "key " + std::to_string(key.entry->version) + " of domain " + key.domain->name;
}

// What stands there now, if this node has said it.
std::vector<KeyAnswer> said_before(const Coffer& coffer, const std::string& own) {
  const auto all = load_answers(coffer.live_keyring());
  if (!all.is_ok()) return {};
  const auto found = all->by_node.find(own);
  return found == all->by_node.end() ? std::vector<KeyAnswer>() : found->second.answers;
}

Result<NodeIdentity> own_listed_identity(const Coffer& coffer) {
  COFFER_ASSIGN(NodeIdentity identity, coffer.own_identity());
  const auto keyring = coffer.keyring();
  const EnrolledNode* listed = keyring->find_node(identity.node().name);
  if (listed != nullptr && listed->is(identity.node())) return identity;
  return {Code::kInvalidArgument, "node " + identity.node().name + " is not of this coffer with these keys, so nobody "
                                                                   "believes what it answers; coffer node request"};
}

std::vector<AnsweredQuestion> described(const Keyring& keyring, const KeyNeeds& needs) {
  std::vector<AnsweredQuestion> out;
  for (const KeyQuestion& question : keyring.questions()) {
    const FoundKey key = keyring.find_key(question.key);
    out.push_back({key.domain->name, key.entry->version, question.key, needs.answer_to(question)});
  }
  return out;
}

bool are_clear(const Keyring& keyring, const std::vector<KeyAnswer>& said) {
  return std::ranges::all_of(keyring.questions(), [&](const KeyQuestion& question) {
    return std::ranges::any_of(
        said, [&](const KeyAnswer& answer) { return answer.question == question.id && answer.is_clear(); });
  });
}

}  // namespace

Result<std::vector<AnsweredQuestion>> answer_questions(Coffer& coffer) {
  COFFER_TRY(coffer.at_home());
  COFFER_TRY(coffer.live_keyring().refresh());
  COFFER_ASSIGN(const NodeIdentity identity, own_listed_identity(coffer));
  const auto keyring = coffer.keyring();
  if (keyring->questions().empty()) return std::vector<AnsweredQuestion>();
  std::set<Id> keys;
  for (const KeyQuestion& question : keyring->questions()) keys.insert(question.key);
  COFFER_ASSIGN(const KeyNeeds needs, look_for_needs(coffer, keys));
  NodeAnswers answers{now_seconds(), {}};
  for (const KeyQuestion& question : keyring->questions()) answers.answers.push_back(needs.answer_to(question));
  if (answers.answers != said_before(coffer, identity.node().name)) {
    COFFER_ASSIGN(const std::string text, sign_node_answers(identity, answers));
    COFFER_TRY(coffer.live_keyring().save_answers(identity.node().name, as_bytes(text)));
  }
  return described(*keyring, needs);
}

Result<std::vector<AnsweredQuestion>> answer_new_questions(Coffer& coffer) {
  const auto keyring = coffer.keyring();
  const std::string own = own_listed_name(coffer);
  if (own.empty() || are_clear(*keyring, keyring->questions().empty() ? std::vector<KeyAnswer>()
                                                                      : said_before(coffer, own))) {
    return std::vector<AnsweredQuestion>();
  }
  return answer_questions(coffer);
}

std::string own_listed_name(const Coffer& coffer) {
  const auto own = node_key_public(coffer);
  const auto keyring = coffer.keyring();
  const EnrolledNode* listed = own ? keyring->find_node(own->name) : nullptr;
  return listed != nullptr && listed->is(*own) ? own->name : "";
}

std::vector<std::string> other_nodes(const Coffer& coffer) {
  std::vector<std::string> out;
  const std::string own = own_listed_name(coffer);
  for (const auto keyring = coffer.keyring(); const EnrolledNode& node : keyring->nodes()) {
    if (node.name != own) out.push_back(node.name);
  }
  return out;
}

QuestionStandings question_standings(const Coffer& coffer) {
  QuestionStandings out{coffer.keyring(), {}};
  if (out.keyring->questions().empty()) return out;
  const auto loaded = load_answers(coffer.live_keyring());
  AllAnswers answers;
  if (loaded.is_ok()) {
    answers = *loaded;
  } else {
    for (const EnrolledNode& node : out.keyring->nodes()) answers.doubts[node.name] = loaded.status();
  }
  // The one that asks is waited for by nobody but itself.
  const std::string own = own_listed_name(coffer);
  for (const KeyQuestion& question : out.keyring->questions()) {
    out.questions.push_back({question, out.keyring->find_key(question.key),
                             held_up_by(*out.keyring, question, answers, SpokenFor{own})});
  }
  return out;
}

std::string question_text(const QuestionStanding& standing) {
  constexpr size_t kShownMax = 8;
  std::string out = name_of(standing.key) + ": ";
  for (size_t i = 0; i < std::min(standing.held_up_by.size(), kShownMax); ++i) {
    out += (i == 0 ? "" : ", ") + held_up_text(standing.held_up_by[i]);
  }
  if (standing.held_up_by.size() > kShownMax) {
    out += " and " + std::to_string(standing.held_up_by.size() - kShownMax) + " more nodes";
  }
  return standing.held_up_by.empty() ? out + "no other node needs it" : out;
}

Json questions_json(const QuestionStandings& standings) {
  Json out = questions_json(*standings.keyring);
  for (size_t i = 0; i < out.size(); ++i) {
    Json waits_for = Json::array();
    for (const HeldUp& each : standings.questions[i].held_up_by) {
      waits_for.push_back({{"node", each.node},
                           {"answered", each.answer.has_value()},
                           {"needing", each.answer ? Json(each.answer->needing) : Json(nullptr)},
                           {"unclear", each.answer ? Json(each.answer->unclear) : Json(nullptr)},
                           {"doubt", each.doubt.is_ok() ? Json(nullptr) : Json(each.doubt.to_string())}});
    }
    out[i]["waits_for"] = std::move(waits_for);
  }
  return out;
}

Json questions_json(const Keyring& keyring) {
  Json out = Json::array();
  for (const KeyQuestion& question : keyring.questions()) {
    const FoundKey key = keyring.find_key(question.key);
    out.push_back({{"domain", key.domain->name},
                   {"version", key.entry->version},
                   {"key", question.key.hex()},
                   {"question", question.id.hex()},
                   {"asked", question.asked}});
  }
  return out;
}

Result<bool> ask_nodes(Coffer& coffer, const std::vector<Id>& keys) {
  bool has_asked = false;
  const Status asked = coffer.live_keyring().update([&](Keyring& keyring) -> Status {
    has_asked = false;
    for (const Id& key : keys) {
      const Status put = keyring.ask_about(key, now_seconds());
      if (put.code() == Code::kLimitExceeded && has_asked) break;
      if (put.code() == Code::kAlreadyExists) continue;
      COFFER_TRY(put);
      has_asked = true;
    }
    // No version of the keyring is saved in vain.
    return has_asked ? Status::ok() : Status(Code::kAlreadyExists, "all are asked about already");
  });
  if (!asked.is_ok() && (has_asked || asked.code() != Code::kAlreadyExists)) return asked;
  return has_asked;
}

Status destroy_unneeded(Coffer& coffer, const std::vector<Id>& keys, const Keyring& asked) {
  const auto destroy = [&](Keyring& next) -> Status {
    COFFER_TRY(check_same_nodes(next, asked));
    for (const Id& key : keys) COFFER_TRY(next.change_key(key, KeyState::kDestroyed, now_seconds()));
    return Status::ok();
  };
  COFFER_TRY(coffer.live_keyring().update(destroy));
  return coffer.live_keyring().forget_replaced().with_context("what was destroyed is not gone");
}

Status withdraw_question(Coffer& coffer, const Id& key) {
  return coffer.live_keyring().update([&](Keyring& keyring) { return keyring.withdraw_question(key); });
}

}  // namespace coffer
