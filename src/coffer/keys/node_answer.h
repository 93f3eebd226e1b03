// What a node says to the questions in its keyring (key_question.h), signed by it: whether files of its own need a key
// that is to be destroyed. docs/format.md, section 29.
#pragma once

#include "coffer/keys/key_question.h"
#include "coffer/keys/node_list.h"

namespace coffer {

struct KeyAnswer {
  Id question;
  uint64_t needing = 0;  // files that need the key
  uint64_t unclear = 0;  // files, stores and servers that may: nobody can tell

  bool is_clear() const { return needing == 0 && unclear == 0; }
  bool operator==(const KeyAnswer&) const = default;
};

// All that it says, at most kQuestionCountMax.
struct NodeAnswers {
  uint64_t time = 0;  // Unix seconds: when it was made
  std::vector<KeyAnswer> answers;

  const KeyAnswer* find(const Id& question) const;  // null: nothing is said to that
};

Result<std::string> sign_node_answers(const NodeIdentity& node, const NodeAnswers& answers);
// kDamaged for what is none; kTampered where this node did not make it.
Result<NodeAnswers> open_node_answers(ByteView text, const EnrolledNode& node, const Id& coffer_id);

}  // namespace coffer
