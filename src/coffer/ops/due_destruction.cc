#include "coffer/ops/due_destruction.h"

#include <algorithm>
#include <set>

#include "coffer/base/clock.h"
#include "coffer/ops/key_needs.h"
#include "coffer/ops/key_questions.h"

namespace coffer {
namespace {

void note(std::vector<FileProblem>& problems, const Coffer& coffer, std::string why) {
  problems.push_back({coffer.directory(), Status(Code::kBusy, std::move(why))});
}

// Stores of which not everything can be read may need any key.
void note_what_may_need_keys(const Coffer& coffer, const Inventory& inventory, std::vector<FileProblem>& problems) {
  for (const MissingStore& store : inventory.missing_stores) {
    problems.push_back(
        {store.path, Status(Code::kBusy, "no key is destroyed while " + std::string(missing_text(store)))});
  }
  if (inventory.unreadable.files == 0) return;
  note(problems, coffer,
       "no key is destroyed while the headers of " + std::to_string(inventory.unreadable.files) +
           " file(s) cannot be read; coffer verify names them");
}

std::vector<DueAction> due_when(const Coffer& coffer, const Policy& policy,
                                const std::function<bool(const Id&)>& is_needed) {
  const auto keyring = coffer.keyring();
  return due_destructions(*keyring, policy, is_needed, now_seconds());
}

// What is due, by this node's files.
Result<std::vector<DueAction>> unneeded_here(Coffer& coffer, const Policy& policy,
                                             std::vector<FileProblem>& problems) {
  COFFER_ASSIGN(const Inventory inventory, take_inventory(coffer, {}));
  std::vector<DueAction> out = due_when(coffer, policy, [&](const Id& key) {
    return inventory.by_key.contains(key) || inventory.beyond_files.contains(key);
  });
  if (out.empty()) return out;
  const size_t before = problems.size();
  note_what_may_need_keys(coffer, inventory, problems);
  if (problems.size() > before) out.clear();
  return out;
}

// And by those of other nodes, as far as they were asked.
std::vector<DueAction> unneeded_elsewhere(const Coffer& coffer, std::vector<DueAction> due,
                                          std::vector<FileProblem>& problems) {
  if (due.empty() || (other_nodes(coffer).empty() && !coffer.config().keyring_store.has_value())) return due;
  std::vector<DueAction> out;
  if (other_nodes(coffer).empty()) {
    note(problems, coffer,
         "no key is destroyed by itself (destroy_after) while another node may have files that need it, and the "
         "keyring lists none that could be asked; coffer key destroy --unneeded-by-other-nodes does");
    return out;
  }
  const QuestionStandings standings = question_standings(coffer);
  for (const DueAction& action : due) {
    const auto asked = std::ranges::find(standings.questions, action.key,
                                         [](const QuestionStanding& each) { return each.question.key; });
    if (asked == standings.questions.end()) {
      note(problems, coffer, "not destroyed yet (destroy_after): " + action.why + "; no node was asked about it");
    } else if (!asked->held_up_by.empty()) {
      note(problems, coffer, "not destroyed yet (destroy_after): " + question_text(*asked));
    } else {
      out.push_back(action);
    }
  }
  return out;
}

// By the look that counts, which waits for programs: the one before has only told what is worth it. What is needed
// after all is told by the next one.
Status keep_unneeded(Coffer& coffer, std::vector<DueAction>& due) {
  std::set<Id> keys;
  for (const DueAction& action : due) keys.insert(action.key);
  COFFER_ASSIGN(const KeyNeeds needs, look_for_needs(coffer, keys));
  std::erase_if(due, [&](const DueAction& action) {
    return !needs.answer_to(KeyQuestion{.id = {}, .key = action.key}).is_clear();
  });
  return Status::ok();
}

}  // namespace

Result<std::vector<DueAction>> find_due_destructions(Coffer& coffer, const Policy& policy,
                                                     std::vector<FileProblem>& problems) {
  if (due_when(coffer, policy, [](const Id&) { return false; }).empty()) return std::vector<DueAction>();
  COFFER_ASSIGN(std::vector<DueAction> due, unneeded_here(coffer, policy, problems));
  return unneeded_elsewhere(coffer, std::move(due), problems);
}

Result<std::vector<DueAction>> destroy_what_is_due(Coffer& coffer, const Policy& policy,
                                                   std::vector<FileProblem>& problems) {
  std::vector<DueAction> none;
  if (const auto answered = answer_new_questions(coffer); !answered.is_ok()) {
    problems.push_back({coffer.directory(), answered.status().with_context("other nodes ask about keys")});
  }
  const auto asked = coffer.keyring();
  if (due_when(coffer, policy, [](const Id&) { return false; }).empty()) return none;
  COFFER_ASSIGN(std::vector<DueAction> due, unneeded_here(coffer, policy, problems));
  std::vector<Id> keys;
  for (const DueAction& action : due) keys.push_back(action.key);
  if (!due.empty() && !other_nodes(coffer).empty()) {
    const Status put = ask_nodes(coffer, keys).status();
    // Others are asked about until there is room.
    if (put.code() != Code::kLimitExceeded) COFFER_TRY(put);
  }
  due = unneeded_elsewhere(coffer, std::move(due), problems);
  if (due.empty()) return due;
  const Status left = keep_unneeded(coffer, due);
  if (!left.is_ok()) problems.push_back({coffer.directory(), left.with_context("no key is destroyed")});
  if (!left.is_ok() || due.empty()) return none;
  keys.clear();
  for (const DueAction& action : due) keys.push_back(action.key);
  const Status destroyed = destroy_unneeded(coffer, keys, *asked);
  // Another node was faster, or one has joined meanwhile: the next look finds out.
  if (destroyed.code() == Code::kConflict || destroyed.code() == Code::kInvalidArgument) return none;
  COFFER_TRY(destroyed);
  return due;
}

}  // namespace coffer
