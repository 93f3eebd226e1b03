// Which keys the nodes of a coffer are asked about: does a file need it? Before a key is destroyed. docs/format.md,
// section 29; docs/cluster.md, "Keys that are destroyed".
#pragma once

#include <span>
#include <vector>

#include "coffer/base/bytes.h"
#include "coffer/base/codec.h"

namespace coffer {

// Each node answers all of them in one message, which stays small so.
inline constexpr size_t kQuestionCountMax = 128;
// The byte that they begin with in a keyring's body.
inline constexpr uint8_t kQuestionsMark = 'Q';

// Of a key that never wraps again, since it is deactivated or compromised: that no file needs it stays true.
struct KeyQuestion {
  Id id;  // random: what was said when the key was asked about before is no answer
  Id key;
  uint64_t asked = 0;  // Unix seconds

  bool operator==(const KeyQuestion&) const = default;
};

// The end of a keyring's body, which it is left out of where it is empty. kTampered, naming the rule that is broken.
size_t questions_size(std::span<const KeyQuestion> questions);
void write_questions(std::span<const KeyQuestion> questions, Writer& writer);
Result<std::vector<KeyQuestion>> read_questions(Reader& reader);

}  // namespace coffer
