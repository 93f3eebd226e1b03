// A key that other nodes may need: they are asked, and it goes when all have said that they do not. Who lies about
// another node, or replays what was said before, destroys nothing.
#include "coffer/ops/key_questions.h"

#include <thread>

#include "coffer/base/clock.h"
#include "coffer/files/disk_append_file.h"
#include "coffer/files/new_file.h"
#include "coffer/ops/key_needs.h"
#include "coffer/ops/keys.h"
#include "coffer/ops/nodes.h"
#include "coffer/ops/policy.h"
#include "coffer/ops/rewrap.h"
#include "coffer/store/keyring_copy.h"
#include "coffer_fixture.h"
#include "support/comes.h"
#include "support/passing_disk.h"

namespace coffer {
namespace {

using ::testing::HasSubstr;

// This directory is node db-1; what db-2 and db-3 say, the test says for them.
class KeyQuestionsTest : public CofferFixture {
 protected:
  void SetUp() override {
    CofferFixture::SetUp();
    if (HasFatalFailure()) return;
    for (const char* name : {"db-1", "db-2", "db-3"}) identities_.emplace(name, make(name));
    ASSERT_OK(coffer_->live_keyring().update([&](Keyring& keyring) -> Status {
      for (const auto& [name, identity] : identities_) COFFER_TRY(keyring.add_node(identity.node(), 1));
      return keyring.rotate_domain("system", now_seconds());
    }));
    be("db-1");
    old_ = keyring()->find_domain("system")->keys.front().id;
    config_ = read(coffer_path() + "/coffer.yaml");
  }
  NodeIdentity make(std::string_view name) const {
    return std::move(*NodeIdentity::create(name, coffer_->config().coffer_id));
  }
  void be(const std::string& name) {
    std::filesystem::remove(coffer_path() + "/node.key");
    ASSERT_OK(keep_node_identity(*coffer_, identities_.at(name), "", open_provider));
  }
  std::shared_ptr<const Keyring> keyring() const {
    EXPECT_TRUE(coffer_->live_keyring().refresh().is_ok());
    return coffer_->keyring();
  }
  KeyState state() const { return keyring()->find_key(old_).entry->state; }
  Id question() const {
    const auto now = keyring();
    const KeyQuestion* found = now->find_question(old_);
    return found != nullptr ? found->id : Id{};
  }
  std::string answers_path(const std::string& name) const { return coffer_path() + "/answers.d/" + name + ".json"; }
  void say(const std::string& name, uint64_t needing, uint64_t unclear = 0) const {
    const NodeAnswers answers{now_seconds(), {{question(), needing, unclear}}};
    const std::string text = *sign_node_answers(identities_.at(name), answers);
    ASSERT_OK(coffer_->live_keyring().save_answers(name, as_bytes(text)));
  }
  // What keeps the key; empty: nothing did, and it is gone.
  std::string destroy(const UnneededBy& unneeded = {}) {
    const auto done = destroy_key(*coffer_, "system:1", unneeded);
    if (!done.is_ok()) return status_text(done);
    std::string out;
    for (const HeldUp& each : done->held_up_by) out += held_up_text(each) + "; ";
    EXPECT_EQ(done->done.has_value(), out.empty());
    return out;
  }
  PolicyRun apply(const std::string& policy) {
    write(coffer_path() + "/coffer.yaml", config_.substr(0, config_.find("policy:")) + policy);
    auto run = apply_policy(*coffer_);
    EXPECT_TRUE(run.is_ok()) << status_text(run);
    return run.is_ok() ? std::move(*run) : PolicyRun();
  }

  std::map<std::string, NodeIdentity> identities_;
  Id old_;
  std::string config_;
};

TEST_F(KeyQuestionsTest, AKeyGoesWhenAllNodesHaveSaidThatTheyDoNotNeedIt) {
  EXPECT_EQ(destroy(), "node db-2 has not answered; node db-3 has not answered; ");
  const Id asked = question();
  const uint64_t version = keyring()->version();
  say("db-2", 2);
  EXPECT_EQ(destroy(), "node db-2 needs it for 2 file(s); node db-3 has not answered; ");
  say("db-2", 0);
  say("db-3", 0, 1);
  EXPECT_EQ(destroy(), "node db-3 cannot say of 1 file(s), stores or servers; ");
  EXPECT_EQ(question(), asked) << "it goes on with the question that is there";
  EXPECT_EQ(keyring()->version(), version);
  say("db-3", 0);
  EXPECT_EQ(destroy(), "");
  EXPECT_EQ(state(), KeyState::kDestroyed);
  EXPECT_TRUE(keyring()->questions().empty());
  EXPECT_THAT(std::string(as_text(*coffer_->live_keyring().audit_log())), HasSubstr("nodes asked"));
}

TEST_F(KeyQuestionsTest, AnOperatorAnswersForNodesThatCannot) {
  EXPECT_THAT(destroy({.other_nodes = true}), HasSubstr("--unneeded-by NODE"));
  EXPECT_THAT(destroy({.nodes = {"db-4"}}), HasSubstr("no other node \"db-4\""));
  EXPECT_THAT(destroy({.nodes = {"db-1"}}), HasSubstr("no other node \"db-1\"")) << "this one is looked at";
  EXPECT_EQ(question(), Id{});
  EXPECT_EQ(destroy({.nodes = {"db-2"}}), "node db-3 has not answered; ");
  EXPECT_EQ(destroy({.nodes = {"db-2", "db-3"}}), "");
}

TEST_F(KeyQuestionsTest, WhatWasSaidToAnEarlierQuestionIsNoAnswer) {
  destroy();
  say("db-2", 0);
  say("db-3", 0);
  const std::string before = read(answers_path("db-2"));
  ASSERT_OK(withdraw_question(*coffer_, old_));
  EXPECT_EQ(destroy(), "node db-2 has not answered; node db-3 has not answered; ");
  say("db-3", 0);
  write(answers_path("db-2"), before);
  EXPECT_EQ(destroy(), "node db-2 has not answered; ");
  say("db-2", 4);
  const std::string of_this_question = read(answers_path("db-2"));
  EXPECT_EQ(destroy(), "node db-2 needs it for 4 file(s); ");
  write(answers_path("db-2"), read(answers_path("db-3")));
  EXPECT_THAT(destroy(), HasSubstr("node db-2 is not believed: tampered")) << "what another node has said";
  std::filesystem::remove(answers_path("db-2"));
  EXPECT_EQ(destroy(), "node db-2 has not answered; ");
  write(answers_path("db-2"), of_this_question);
  EXPECT_EQ(state(), KeyState::kDeactivated);
}

TEST_F(KeyQuestionsTest, ForgedAnswersAndThoseOfKeysThatANodeHadAreNotBelieved) {
  destroy();
  say("db-3", 0);
  const NodeIdentity forger = make("db-2");
  const std::string forged = *sign_node_answers(forger, {now_seconds(), {{question(), 0, 0}}});
  ASSERT_OK(coffer_->live_keyring().save_answers("db-2", as_bytes(forged)));
  EXPECT_THAT(destroy(), HasSubstr("node db-2 is not believed: tampered"));
  say("db-2", 0);
  ASSERT_OK(coffer_->live_keyring().update(
      [&](Keyring& next) { return next.renew_node(identities_.at("db-2").node(), forger.node()); }));
  EXPECT_THAT(destroy(), HasSubstr("node db-2 is not believed: tampered")) << "it has other keys now";
  EXPECT_EQ(state(), KeyState::kDeactivated);
}

TEST_F(KeyQuestionsTest, ANodeThatJoinsBeforeTheDestructionIsWaitedForAndOneThatGoesIsNot) {
  destroy();
  const auto asked = keyring();
  const NodeIdentity late = make("db-4");
  ASSERT_OK(coffer_->live_keyring().update([&](Keyring& next) { return next.add_node(late.node(), 5); }));
  say("db-2", 0);
  say("db-3", 0);
  const Status refused = destroy_unneeded(*coffer_, {old_}, *asked);
  EXPECT_EQ(refused.code(), Code::kConflict);
  EXPECT_THAT(refused.to_string(), HasSubstr("node db-4 has joined meanwhile"));
  EXPECT_EQ(destroy(), "node db-4 has not answered; ");
  ASSERT_OK(remove_node(*coffer_, "db-4", "", open_provider));
  EXPECT_EQ(destroy(), "");
}

TEST_F(KeyQuestionsTest, ARemovedNodeIsNotHeard) {
  destroy();
  say("db-2", 0);
  ASSERT_OK(remove_node(*coffer_, "db-2", "", open_provider));
  EXPECT_FALSE(std::filesystem::exists(answers_path("db-2")));
  EXPECT_EQ(destroy(), "node db-3 has not answered; ");
}

TEST_F(KeyQuestionsTest, ANodeAnswersForItsFilesAndSaysItAgainOnlyWhereItIsAnother) {
  be("db-2");
  ASSERT_OK(coffer_->live_keyring().update([&](Keyring& next) {
    return next.change_key(next.find_domain("system")->active()->id, KeyState::kDeactivated, 5);
  }));
  write(db("a.log"), sealed_file(Kind::kLog, "hello"));  // under key 3
  ASSERT_OK(coffer_->live_keyring().update([&](Keyring& next) { return next.rotate_domain("system", 6); }));
  EXPECT_EQ(destroy_key(*coffer_, "system:3").code(), Code::kBusy) << "needed here";
  const Id needed = keyring()->find_domain("system")->keys.at(2).id;
  ASSERT_OK(ask_nodes(*coffer_, {needed, old_}));
  const auto first = answer_questions(*coffer_);
  ASSERT_OK(first);
  ASSERT_EQ(first->size(), 2u);
  EXPECT_EQ(first->at(0).answer.needing, 1u);
  EXPECT_TRUE(first->at(1).answer.is_clear());
  const auto said = std::filesystem::last_write_time(answers_path("db-2"));
  std::this_thread::sleep_for(std::chrono::milliseconds(20));
  ASSERT_OK(answer_questions(*coffer_));
  EXPECT_EQ(std::filesystem::last_write_time(answers_path("db-2")), said);
  ASSERT_OK(rewrap(*coffer_, {}, RewrapOptions{}, nullptr));
  EXPECT_TRUE(answer_new_questions(*coffer_)->at(0).answer.is_clear());
  EXPECT_NE(std::filesystem::last_write_time(answers_path("db-2")), said);
  EXPECT_TRUE(answer_new_questions(*coffer_)->empty()) << "all was said";
}

TEST_F(KeyQuestionsTest, WhatCannotBeReadAndStoresThatAreMissingAreSaid) {
  write(db("a.log"), sealed_file(Kind::kLog, "hello"));
  destroy();
  std::string damaged = read(db("a.log"));
  for (const size_t at : {size_t{100}, size_t{4196}}) damaged[at] = static_cast<char>(damaged[at] ^ 1);
  write(db("a.log"), damaged);
  EXPECT_EQ(answer_questions(*coffer_)->at(0).answer.unclear, 1u);
  std::filesystem::remove_all(root_ + "/db");
  EXPECT_EQ(answer_questions(*coffer_)->at(0).answer.unclear, 1u);
  std::filesystem::create_directory(root_ + "/db");
  EXPECT_EQ(answer_questions(*coffer_)->at(0).answer.unclear, 1u) << "its disk is not mounted";
}

TEST_F(KeyQuestionsTest, WhatHasArrivedAndHasNoNameYetNeedsItsKey) {
  const std::string file = sealed_file(Kind::kLog, "hello");
  ASSERT_OK(coffer_->live_keyring().update([&](Keyring& next) { return next.rotate_domain("system", 6); }));
  const Id needed = keyring()->find_domain("system")->keys.at(1).id;
  std::filesystem::create_directory(root_ + "/db.coffer-receiving");
  write(root_ + "/db.coffer-receiving/a.log", file);
  write(db("other"), sealed_file(Kind::kLog, "hello"));
  EXPECT_EQ(look_for_needs(*coffer_, {needed})->answer_to({Id{{1}}, needed, 1}).needing, 1u);
  EXPECT_TRUE(look_for_needs(*coffer_, {old_})->answer_to({Id{{1}}, old_, 1}).is_clear());
}

TEST_F(KeyQuestionsTest, WhoIsNotOfTheCofferAnswersNothing) {
  destroy();
  std::filesystem::remove(coffer_path() + "/node.key");
  EXPECT_EQ(answer_questions(*coffer_).code(), Code::kNotFound);
  EXPECT_TRUE(answer_new_questions(*coffer_)->empty());
  const NodeIdentity other = make("db-1");
  ASSERT_OK(keep_node_identity(*coffer_, other, "", open_provider));
  EXPECT_EQ(answer_questions(*coffer_).code(), Code::kInvalidArgument) << "its name with other keys";
  EXPECT_THAT(destroy(), HasSubstr("node db-1 has not answered")) << "nor is it the one that has looked";
}

TEST_F(KeyQuestionsTest, ThePolicyAsksByItselfAndDestroysWhatNobodyNeeds) {
  const std::string policy = "policy: {rotation_period: off, destroy_after: 0s}\n";
  PolicyRun run = apply(policy);
  ASSERT_EQ(run.problems.size(), 1u);
  EXPECT_THAT(run.problems[0].status.to_string(), HasSubstr("node db-2 has not answered, node db-3 has not answered"));
  EXPECT_NE(question(), Id{});
  EXPECT_TRUE(plan_policy(*coffer_)->empty());
  say("db-2", 0);
  say("db-3", 0);
  ASSERT_EQ(plan_policy(*coffer_)->size(), 1u);
  run = apply(policy);
  EXPECT_TRUE(run.problems.empty());
  EXPECT_EQ(run.done.size(), 1u);
  EXPECT_EQ(state(), KeyState::kDestroyed);
  // And it has answered as one of the others.
  EXPECT_TRUE(std::filesystem::exists(answers_path("db-1")));
}

// Programs of this machine.

TEST_F(KeyQuestionsTest, AProgramThatGoesOnByAnOlderKeyringKeepsTheKeysOfIt) {
  const auto server = open_coffer();
  ASSERT_OK(server->new_file({.kind = Kind::kLog}));
  ASSERT_OK(coffer_->live_keyring().update([](Keyring& next) { return next.rotate_domain("system", 6); }));
  EXPECT_EQ(coffer_->keyring_uses().check_none_before(coffer_->keyring()->version()).code(), Code::kBusy);
  EXPECT_THAT(destroy({.nodes = {"db-2", "db-3"}}), HasSubstr("a program on this machine still makes files by"));
  ASSERT_OK(server->new_file({.kind = Kind::kLog}));
  EXPECT_EQ(destroy({.nodes = {"db-2", "db-3"}}), "") << "it has taken the newer one up";
}

TEST_F(KeyQuestionsTest, OneThatServesTakesItUpByItselfAndOneThatRestsUsesNone) {
  const auto server = open_coffer(), tool = open_coffer();
  server->watch_keys();
  ASSERT_OK(tool->new_file({.kind = Kind::kLog}));
  ASSERT_OK(coffer_->live_keyring().update([](Keyring& next) { return next.rotate_domain("system", 6); }));
  tool->keyring_uses().let_go();
  EXPECT_TRUE(comes([&] { return coffer_->keyring_uses().check_none_before(coffer_->keyring()->version()).is_ok(); }));
}

TEST_F(KeyQuestionsTest, AHeaderThatIsNotOnTheDiskYetKeepsItsKey) {
  const auto server = open_coffer();
  auto file = server->new_file({.kind = Kind::kLog});
  ASSERT_OK(file);
  ASSERT_OK(coffer_->live_keyring().update([](Keyring& next) { return next.rotate_domain("system", 6); }));
  ASSERT_OK(server->live_keyring().refresh());
  server->keyring_uses().keep_up();
  const uint64_t version = coffer_->keyring()->version();
  EXPECT_EQ(coffer_->keyring_uses().check_none_before(version).code(), Code::kBusy);
  ASSERT_OK(coffer_->keyring_uses().check_none_before(version - 1));
  file->use = nullptr;
  ASSERT_OK(coffer_->keyring_uses().check_none_before(version));
}

// Until it is handed over, whatever writes the file.
TEST_F(KeyQuestionsTest, AWriterHoldsWhatItsHeaderWasMadeByUntilThatIsHandedOver) {
  const auto server = open_coffer();
  DiskAppendFile below(disk(), root_ + "/log", std::move(*disk().create(root_ + "/log", 0600)));
  auto log = new_writer(server, std::move(*server->new_file({.kind = Kind::kLog})), EngineRole::kData);
  ASSERT_OK(log);
  auto header = server->new_file({.kind = Kind::kPages, .suite = Suite::kXaes256Gcm, .chunk_log2 = 12});
  ASSERT_OK(header);
  auto pages = PagesFile::create(*header, std::move(*disk().create(root_ + "/pages", 0600)));
  ASSERT_OK(pages);
  header->use = nullptr;
  ASSERT_OK(coffer_->live_keyring().update([](Keyring& next) { return next.rotate_domain("system", 6); }));
  ASSERT_OK(server->live_keyring().refresh());
  server->keyring_uses().keep_up();
  const auto are_written = [&] {
    return coffer_->keyring_uses().check_none_before(coffer_->keyring()->version()).is_ok();
  };
  EXPECT_FALSE(are_written());
  ASSERT_OK((*log)->append(as_bytes("hello"), below));
  ASSERT_OK((*log)->sync(false, below));
  EXPECT_FALSE(are_written()) << "the other one is not";
  ASSERT_OK((*pages)->write(0, as_bytes("hello")));
  EXPECT_TRUE(are_written());
  ASSERT_OK((*log)->close(below));
}

TEST_F(KeyQuestionsTest, ACopyByWhichAProgramCouldStartKeepsTheKeysThatItHas) {
  const std::string copy = coffer_path() + "/" + std::string(kKeyringCopyName);
  std::filesystem::create_directory(copy);
  write(copy + "/keyring", read(coffer_path() + "/keyring"));
  ASSERT_OK(wait_for_programs(*coffer_));
  ASSERT_OK(coffer_->live_keyring().update([](Keyring& next) { return next.rotate_domain("system", 6); }));
  EXPECT_THAT(destroy({.nodes = {"db-2", "db-3"}}), HasSubstr("by which a program could start"));
  EXPECT_EQ(state(), KeyState::kDeactivated);
}

// Renames a file to where somebody has been already, just before he comes to where it was.
class RenamingDisk final : public PassingDisk {
 public:
  using PassingDisk::PassingDisk;
  Result<std::vector<DirectoryEntry>> list(const std::string& path) override {
    if (path.ends_with("/z") && !std::exchange(has_renamed, true)) {
      COFFER_TRY(rename(path + "/file", path.substr(0, path.size() - 1) + "a/file"));
    }
    return PassingDisk::list(path);
  }
  bool has_renamed = false;
};

TEST_F(KeyQuestionsTest, AFileThatIsRenamedDuringALookIsSeen) {
  for (const char* name : {"a", "z"}) std::filesystem::create_directory(db(name));
  write(db("z/file"), sealed_file(Kind::kBlocks, "contents"));
  const Id key = keyring()->find_domain("system")->active()->id;
  ASSERT_OK(coffer_->live_keyring().update([](Keyring& next) { return next.rotate_domain("system", now_seconds()); }));
  coffer_->keyring_uses().let_go();
  RenamingDisk renaming(disk());
  const auto coffer = Coffer::open(renaming, coffer_path(), {}, open_provider);
  ASSERT_OK(coffer);
  const auto needs = look_for_needs(**coffer, {key});
  ASSERT_OK(needs);
  EXPECT_TRUE(renaming.has_renamed);
  EXPECT_EQ(needs->by_key.size(), 1u);
}

TEST_F(KeyQuestionsTest, ThePolicyKeepsTheKeyOfAFileThatIsRenamedDuringItsLook) {
  for (const char* name : {"a", "z"}) std::filesystem::create_directory(db(name));
  write(db("z/file"), sealed_file(Kind::kBlocks, "contents"));
  const Id key = keyring()->find_domain("system")->active()->id;
  ASSERT_OK(coffer_->live_keyring().update([](Keyring& next) -> Status {
    for (const char* name : {"db-2", "db-3"}) COFFER_TRY(next.remove_node(name));
    return next.rotate_domain("system", now_seconds());
  }));
  write(coffer_path() + "/coffer.yaml",
        config_.substr(0, config_.find("policy:")) + "policy: {rotation_period: off, destroy_after: 0s}\n");
  coffer_->keyring_uses().let_go();
  RenamingDisk renaming(disk());
  const auto coffer = Coffer::open(renaming, coffer_path(), {}, open_provider);
  ASSERT_OK(coffer);
  ASSERT_OK(apply_policy(**coffer));
  EXPECT_TRUE(renaming.has_renamed);
  EXPECT_EQ(state(), KeyState::kDestroyed) << "which nothing needs";
  EXPECT_EQ(keyring()->find_key(key).entry->state, KeyState::kDeactivated);
}

}  // namespace
}  // namespace coffer
