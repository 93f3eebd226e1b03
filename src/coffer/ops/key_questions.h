// Asking the nodes that share a coffer whether their files need a key, before it is destroyed. docs/cluster.md, "Keys
// that are destroyed"; docs/format.md, section 29.
#pragma once

#include "coffer/keys/question_standing.h"
#include "coffer/ops/json.h"
#include "coffer/store/coffer.h"

namespace coffer {

// What this node has said to the questions that are open.
struct AnsweredQuestion {
  std::string domain;
  uint32_t version = 0;  // of the key
  Id key;
  KeyAnswer answer;
};
// Looks at all files of this node, and says what it found, where the others look, if it is another than it was. Nothing
// where nobody asks. kNotFound, kInvalidArgument: this node has no keys of its own, or is not of the coffer; else as
// look_for_needs().
Result<std::vector<AnsweredQuestion>> answer_questions(Coffer& coffer);
// The same for who does it again and again: without a look where this node has said already that it needs none of them.
// Nothing where it is not of the coffer.
Result<std::vector<AnsweredQuestion>> answer_new_questions(Coffer& coffer);

// Of the keyring in hand, the questions, each with who keeps its key from being destroyed.
struct QuestionStanding {
  KeyQuestion question;
  FoundKey key;  // of `keyring`
  std::vector<HeldUp> held_up_by;
};
struct QuestionStandings {
  std::shared_ptr<const Keyring> keyring;
  std::vector<QuestionStanding> questions;
};
// Where answers cannot be read, no node has given one, and each has that for its doubt.
QuestionStandings question_standings(const Coffer& coffer);
// "key 1 of domain system: node db-2 needs it for 3 file(s)".
std::string question_text(const QuestionStanding& standing);
Json questions_json(const QuestionStandings& standings);
// By the keyring alone.
Json questions_json(const Keyring& keyring);

// The nodes in the list besides this one, which is that by its keys. All of them have to answer.
std::vector<std::string> other_nodes(const Coffer& coffer);
// This node's name, if the list has it with the keys that node.key has; else empty.
std::string own_listed_name(const Coffer& coffer);

// Puts the questions that are missing, as far as there is room. Repeatable. Whether it did.
Result<bool> ask_nodes(Coffer& coffer, const std::vector<Id>& keys);
// Destroys what nobody needs any more, in one version of the keyring. `asked`: the keyring before this node was looked
// at. kConflict where a node has joined since, or has fresh keys.
Status destroy_unneeded(Coffer& coffer, const std::vector<Id>& keys, const Keyring& asked);
// kNotFound: nobody is asked about it.
Status withdraw_question(Coffer& coffer, const Id& key);

}  // namespace coffer
