// Which nodes have said that no file of theirs needs a key that is to be destroyed. docs/format.md, section 29.
#pragma once

#include <map>
#include <set>

#include "coffer/keys/live_keyring.h"
#include "coffer/keys/node_answer.h"

namespace coffer {

// What was said by one of the nodes that have not said it.
struct HeldUp {
  std::string node;
  std::optional<KeyAnswer> answer;  // nothing: it has not answered this question
  Status doubt;                     // ok, or why what stands there for it cannot be believed
};
std::string held_up_text(const HeldUp& held_up);  // "node db-2 needs it for 3 file(s)"

// The answers that are believed, by the names of nodes of the keyring in hand; `doubts`: why the others are not.
struct AllAnswers {
  std::map<std::string, NodeAnswers> by_node;
  std::map<std::string, Status> doubts;
};
// Fails where they cannot be read at all.
Result<AllAnswers> load_answers(const LiveKeyring& live);

// Nodes that are not waited for: the one that asks, which has looked, and those that an operator answers for.
using SpokenFor = std::set<std::string>;
// Of the nodes in the list, those that keep the key of this question from being destroyed.
std::vector<HeldUp> held_up_by(const Keyring& keyring, const KeyQuestion& question, const AllAnswers& answers,
                               const SpokenFor& spoken_for);
// For the very keyring in which a key is destroyed: every node of it was one of `asked`, with the same keys. kConflict.
Status check_same_nodes(const Keyring& keyring, const Keyring& asked);

}  // namespace coffer
