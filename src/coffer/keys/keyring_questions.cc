// Questions about keys in a keyring: their changes, their rules and their bytes.
#include <algorithm>

#include "coffer/crypto/random.h"
#include "coffer/keys/keyring.h"

namespace coffer {
namespace {

constexpr size_t kQuestionSize = 16 + 16 + 8;

Status broken_questions(std::string rule) {
  return {Code::kTampered, "the sealed keyring breaks a rule: " + std::move(rule)};
}

bool is_over_for_good(const DomainKeyEntry* key) {
  return key != nullptr && (key->state == KeyState::kDeactivated || key->state == KeyState::kCompromised);
}

}  // namespace

size_t questions_size(std::span<const KeyQuestion> questions) {
  return questions.empty() ? 0 : 1 + 2 + questions.size() * kQuestionSize;
}

void write_questions(std::span<const KeyQuestion> questions, Writer& writer) {
  if (questions.empty()) return;
  writer.u8(kQuestionsMark);
  writer.u16(static_cast<uint16_t>(questions.size()));
  for (const KeyQuestion& question : questions) {
    writer.id(question.id);
    writer.id(question.key);
    writer.u64(question.asked);
  }
}

Result<std::vector<KeyQuestion>> read_questions(Reader& reader) {
  std::vector<KeyQuestion> out;
  if (reader.u8() != kQuestionsMark) return broken_questions("its questions must begin with their mark");
  const uint16_t count = reader.u16();
  if (reader.ok() && (count == 0 || count > kQuestionCountMax)) {
    return broken_questions("it must have 1 to 128 questions, or none of them");
  }
  for (uint16_t left = count; left > 0; --left) {
    KeyQuestion question;
    question.id = reader.id();
    question.key = reader.id();
    question.asked = reader.u64();
    if (!reader.ok()) break;
    if (question.id.is_zero()) return broken_questions("the id of a question must not be zero");
    const auto repeats = [&](const KeyQuestion& other) { return other.id == question.id || other.key == question.key; };
    if (std::ranges::any_of(out, repeats)) {
      return broken_questions("no two questions must have the same id, or be of the same key");
    }
    out.push_back(question);
  }
  if (!reader.ok()) return broken_questions("it must not end within its questions");
  return out;
}

const KeyQuestion* Keyring::find_question(const Id& key) const {
  const auto found = std::ranges::find(questions_, key, &KeyQuestion::key);
  return found == questions_.end() ? nullptr : &*found;
}

Status Keyring::ask_about(const Id& key, uint64_t now) {
  if (find_question(key) != nullptr) return {Code::kAlreadyExists, "the nodes are asked about that key already"};
  const FoundKey found = find_key(key);
  if (found.entry == nullptr) return {Code::kNotFound, "no key " + key.hex() + " in the keyring"};
  if (!is_over_for_good(found.entry)) {
    return {Code::kInvalidArgument, "key " + std::to_string(found.entry->version) + " of domain \"" +
                                        found.domain->name + "\" is " +
                                        std::string(key_state_name(found.entry->state)) +
                                        "; nodes are asked about keys that are deactivated or compromised"};
  }
  if (questions_.size() >= kQuestionCountMax) {
    return {Code::kLimitExceeded, "the nodes are asked about 128 keys, which is as many as may be at a time; coffer "
                                  "node list shows what is waited for"};
  }
  COFFER_ASSIGN(const Id id, random_id());
  questions_.push_back({id, key, now});
  return Status::ok();
}

Status Keyring::withdraw_question(const Id& key) {
  if (find_question(key) == nullptr) return {Code::kNotFound, "no node is asked about that key"};
  std::erase_if(questions_, [&](const KeyQuestion& question) { return question.key == key; });
  return Status::ok();
}

void Keyring::settle_questions() {
  std::erase_if(questions_,
                [this](const KeyQuestion& question) { return !is_over_for_good(find_key(question.key).entry); });
}

Status Keyring::check_questions() const {
  for (const KeyQuestion& question : questions_) {
    if (is_over_for_good(find_key(question.key).entry)) continue;
    return broken_questions("a question must be of a key that is deactivated or compromised");
  }
  return Status::ok();
}

}  // namespace coffer
