// Questions about keys that are to be destroyed: what the keyring has of them, and which answers count.
#include "coffer/keys/key_question.h"

#include <gmock/gmock.h>

#include "coffer/keys/audit_changes.h"
#include "coffer/keys/keyring_body.h"
#include "coffer/keys/question_standing.h"
#include "coffer/keys/report_files.h"
#include "keys/fixtures.h"
#include "support/memory_disk.h"

namespace coffer {
namespace {

using ::testing::HasSubstr;

constexpr uint64_t kAsked = 1'700'000'000;

class KeyQuestionTest : public ::testing::Test {
 protected:
  void SetUp() override {
    for (int i = 0; i < 2; ++i) ASSERT_TRUE(keyring_.rotate_domain("system", kAsked - 10).is_ok());
    for (const NodeIdentity* node : {&a_, &b_}) ASSERT_TRUE(keyring_.add_node(node->node(), 1).is_ok());
  }
  const DomainKeyEntry& key(size_t version) const { return keyring_.find_domain("system")->keys.at(version - 1); }
  Status ask(size_t version) { return keyring_.ask_about(key(version).id, kAsked); }
  static Bytes body_of(const Keyring& keyring) {
    const auto body = KeyringBody::encode(keyring);
    EXPECT_TRUE(body.is_ok()) << body.status().to_string();
    return Bytes(body->reveal().begin(), body->reveal().end());
  }
  static NodeIdentity make(std::string_view name) { return std::move(*NodeIdentity::create(name, id_of(0xc0))); }
  static EnrolledNode listed(const NodeIdentity& node) {
    return {node.node().name, node.node().agreement, node.node().signing, 1};
  }

  const NodeIdentity a_ = make("a"), b_ = make("b");
  Keyring keyring_ = std::move(*Keyring::create(id_of(0xc0), kAsked));
};

TEST_F(KeyQuestionTest, ItIsOfAKeyThatNeverWrapsAgain) {
  EXPECT_EQ(ask(3).code(), Code::kInvalidArgument) << "active";
  EXPECT_EQ(keyring_.ask_about(id_of(9), kAsked).code(), Code::kNotFound);
  ASSERT_TRUE(ask(1).is_ok());
  EXPECT_EQ(ask(1).code(), Code::kAlreadyExists);
  EXPECT_EQ(keyring_.find_question(key(1).id)->asked, kAsked);
  ASSERT_TRUE(keyring_.change_key(key(2).id, KeyState::kCompromised, kAsked).is_ok());
  ASSERT_TRUE(ask(2).is_ok());
  ASSERT_TRUE(keyring_.change_key(key(1).id, KeyState::kCompromised, kAsked).is_ok());
  EXPECT_NE(keyring_.find_question(key(1).id), nullptr) << "it wraps as little as before";
  ASSERT_TRUE(keyring_.change_key(key(3).id, KeyState::kSuspended, kAsked).is_ok());
  EXPECT_EQ(ask(3).code(), Code::kInvalidArgument) << "it may wrap again";
}

TEST_F(KeyQuestionTest, ItIsOverWhenTheKeyIsGoneOrItIsWithdrawnAndTheNextOneIsAnother) {
  for (const size_t version : {1, 2}) ASSERT_TRUE(ask(version).is_ok());
  const Id first = keyring_.find_question(key(1).id)->id;
  ASSERT_TRUE(keyring_.withdraw_question(key(1).id).is_ok());
  EXPECT_EQ(keyring_.withdraw_question(key(1).id).code(), Code::kNotFound);
  ASSERT_TRUE(ask(1).is_ok());
  EXPECT_NE(keyring_.find_question(key(1).id)->id, first);
  const Keyring asked = keyring_;
  ASSERT_TRUE(keyring_.change_key(key(1).id, KeyState::kDestroyed, kAsked).is_ok());
  EXPECT_EQ(keyring_.questions().size(), 1u);
  ASSERT_TRUE(keyring_.shred_domain("system", kAsked).is_ok());
  EXPECT_TRUE(keyring_.questions().empty());
  EXPECT_TRUE(asked.clone_for(id_of(0xc1), kAsked)->questions().empty());
}

TEST_F(KeyQuestionTest, ThereAreAsManyAsOneMessageAnswers) {
  for (size_t i = 0; i < kQuestionCountMax; ++i) ASSERT_TRUE(keyring_.rotate_domain("system", kAsked).is_ok());
  NodeAnswers answers{UINT64_MAX, {}};
  for (size_t version = 1; version <= kQuestionCountMax; ++version) {
    ASSERT_TRUE(ask(version).is_ok());
    answers.answers.push_back({keyring_.find_question(key(version).id)->id, UINT64_MAX, UINT64_MAX});
  }
  EXPECT_EQ(ask(kQuestionCountMax + 1).code(), Code::kLimitExceeded);
  const std::string text = *sign_node_answers(a_, answers);
  EXPECT_LE(text.size(), kNodeAnswersSizeMax);
  EXPECT_EQ(open_node_answers(as_bytes(text), listed(a_), id_of(0xc0))->answers, answers.answers);
}

// docs/format.md, section 29, written down a second time.
TEST_F(KeyQuestionTest, ItStandsAtTheEndOfTheKeyringAndTakesNoRoomWhereThereIsNone) {
  const Bytes without = body_of(keyring_);
  ASSERT_TRUE(ask(2).is_ok());
  ASSERT_TRUE(ask(1).is_ok());
  Bytes tail(3 + 2 * 40);
  Writer writer(tail);
  writer.u8('Q');
  writer.u16(2);
  for (const size_t version : {2, 1}) {
    writer.id(keyring_.find_question(key(version).id)->id);
    writer.id(key(version).id);
    writer.u64(kAsked);
  }
  Bytes expected = without;
  expected.insert(expected.end(), tail.begin(), tail.end());
  EXPECT_EQ(body_of(keyring_), expected);
  EXPECT_EQ(KeyringBody::decode(expected)->questions(), keyring_.questions());
  for (size_t size = without.size() + 1; size < expected.size(); ++size) {
    EXPECT_EQ(KeyringBody::decode(ByteView(expected).first(size)).code(), Code::kTampered) << size;
  }
}

TEST_F(KeyQuestionTest, WhatBreaksARuleIsRefused) {
  const Bytes without = body_of(keyring_);
  const auto refused = [&](uint16_t count, std::vector<std::pair<Id, Id>> questions) {
    Bytes tail(3 + questions.size() * 40);
    Writer writer(tail);
    writer.u8('Q');
    writer.u16(count);
    for (const auto& [id, key] : questions) {
      writer.id(id);
      writer.id(key);
      writer.u64(1);
    }
    Bytes body = without;
    body.insert(body.end(), tail.begin(), tail.end());
    return KeyringBody::decode(body).status();
  };
  EXPECT_TRUE(refused(1, {{id_of(1), id_of(2)}}).is_ok());
  EXPECT_THAT(refused(0, {}).to_string(), HasSubstr("1 to 128 questions"));
  EXPECT_THAT(refused(kQuestionCountMax + 1, {}).to_string(), HasSubstr("1 to 128 questions"));
  EXPECT_THAT(refused(1, {{Id{}, id_of(2)}}).to_string(), HasSubstr("must not be zero"));
  EXPECT_THAT(refused(2, {{id_of(1), id_of(2)}, {id_of(1), id_of(3)}}).to_string(), HasSubstr("the same id"));
  EXPECT_THAT(refused(2, {{id_of(1), id_of(2)}, {id_of(3), id_of(2)}}).to_string(), HasSubstr("of the same key"));
}

TEST_F(KeyQuestionTest, TheAuditLogSaysWhoWasAskedAboutAndWhatWasWithdrawn) {
  const Keyring before = keyring_;
  ASSERT_TRUE(ask(1).is_ok());
  const KeyringContents then{before, {}}, asked{keyring_, {}};
  EXPECT_THAT(changes_between(&then, asked), HasSubstr("\"nodes asked\",\"domain\":\"system\",\"version\":1"));
  EXPECT_THAT(changes_between(&asked, then), HasSubstr("question withdrawn"));
  Keyring destroyed = keyring_;
  ASSERT_TRUE(destroyed.change_key(key(1).id, KeyState::kDestroyed, kAsked).is_ok());
  EXPECT_THAT(changes_between(&asked, {destroyed, {}}), ::testing::Not(HasSubstr("question")));
}

// What nodes say.

TEST_F(KeyQuestionTest, AnAnswerIsOfTheNodeThatSignedItAndMayBeAlteredNowhere) {
  const std::string text = *sign_node_answers(a_, {7, {{id_of(1), 2, 3}, {id_of(2), 0, 0}}});
  const auto opened = [&](const std::string& as, const NodeIdentity& by, const Id& coffer = id_of(0xc0)) {
    return open_node_answers(as_bytes(as), listed(by), coffer).code();
  };
  EXPECT_EQ(open_node_answers(as_bytes(text), listed(a_), id_of(0xc0))->time, 7u);
  EXPECT_EQ(opened(text, b_), Code::kTampered);
  EXPECT_EQ(opened(text, make("a")), Code::kTampered) << "other keys under the same name";
  EXPECT_EQ(opened(text, a_, id_of(0xc1)), Code::kTampered) << "of another coffer";
  for (size_t at = 0; at + 1 < text.size(); ++at) {
    std::string altered = text;
    altered[at] = altered[at] == '1' ? '2' : '1';
    EXPECT_NE(opened(altered, a_), Code::kOk) << at;
    EXPECT_EQ(opened(text.substr(0, at), a_), Code::kDamaged) << at;
  }
  for (const char* other : {"", "[]", "{\"answers\":{},\"signature\":\"\"}", "{\"answers\":1,\"signature\":2}"}) {
    EXPECT_EQ(opened(other, a_), Code::kDamaged) << other;
  }
  EXPECT_EQ(opened(std::string(kNodeAnswersSizeMax + 1, ' '), a_), Code::kDamaged);
  EXPECT_EQ(opened(*sign_node_answers(a_, {7, {{id_of(1), 0, 0}, {id_of(1), 1, 0}}}), a_), Code::kDamaged)
      << "two answers to one question";
}

TEST_F(KeyQuestionTest, OnlyThatItIsNotNeededInAnswerToThisVeryQuestionLetsAKeyGo) {
  ASSERT_TRUE(ask(1).is_ok());
  const KeyQuestion question = keyring_.questions().front();
  AllAnswers said;
  const auto held_up = [&](const SpokenFor& spoken_for = {}) {
    std::string out;
    for (const HeldUp& each : held_up_by(keyring_, question, said, spoken_for)) out += held_up_text(each) + "; ";
    return out;
  };
  EXPECT_EQ(held_up(), "node a has not answered; node b has not answered; ");
  EXPECT_EQ(held_up({"b"}), "node a has not answered; ");
  said.by_node["a"] = {1, {{id_of(1), 0, 0}}};
  EXPECT_EQ(held_up({"b"}), "node a has not answered; ") << "what it said to an earlier question";
  said.by_node["a"].answers = {{question.id, 3, 1}};
  EXPECT_EQ(held_up({"b"}), "node a needs it for 3 file(s); ");
  said.by_node["a"].answers = {{question.id, 0, 2}};
  EXPECT_EQ(held_up({"b"}), "node a cannot say of 2 file(s), stores or servers; ");
  said.by_node["a"].answers = {{question.id, 0, 0}};
  EXPECT_EQ(held_up({"b"}), "");
  said.doubts["b"] = Status(Code::kTampered, "forged");
  EXPECT_THAT(held_up(), HasSubstr("node b is not believed"));
}

TEST_F(KeyQuestionTest, WhoJoinsOrGetsFreshKeysAfterwardsIsNoticedAndWhoGoesIsNot) {
  const Keyring asked = keyring_;
  EXPECT_TRUE(check_same_nodes(keyring_, asked).is_ok());
  const NodeIdentity fresh = make("b");
  ASSERT_TRUE(keyring_.renew_node(b_.node(), fresh.node()).is_ok());
  EXPECT_EQ(check_same_nodes(keyring_, asked).code(), Code::kConflict);
  ASSERT_TRUE(keyring_.remove_node("b").is_ok());
  EXPECT_TRUE(check_same_nodes(keyring_, asked).is_ok());
  ASSERT_TRUE(keyring_.add_node(make("c").node(), 2).is_ok());
  EXPECT_THAT(check_same_nodes(keyring_, asked).to_string(), HasSubstr("node c has joined"));
}

TEST_F(KeyQuestionTest, AnswersLieApartFromReports) {
  MemoryDisk disk;
  ASSERT_TRUE(disk.make_directory("/c", 0700).is_ok());
  ASSERT_TRUE(save_answer_file(disk, "/c", "a", as_bytes("answers")).is_ok());
  ASSERT_TRUE(save_report_file(disk, "/c", "a", as_bytes("report")).is_ok());
  EXPECT_EQ(as_text(load_answer_files(disk, "/c")->at(0).report), "answers");
  ASSERT_TRUE(remove_answer_file(disk, "/c", "a").is_ok());
  EXPECT_TRUE(load_answer_files(disk, "/c")->empty());
  EXPECT_EQ(load_report_files(disk, "/c")->size(), 1u);
}

}  // namespace
}  // namespace coffer
