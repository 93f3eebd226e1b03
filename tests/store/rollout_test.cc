// A rotation that comes to some nodes first: which key each of them makes files under, and who says whether it goes on.
#include "coffer/ops/rollouts.h"

#include <sys/wait.h>
#include <unistd.h>

#include <thread>

#include "coffer/base/clock.h"
#include "coffer/ops/keys.h"
#include "coffer/ops/rewrap.h"
#include "coffer/ops/slots.h"
#include "coffer/store/node_key.h"
#include "coffer_fixture.h"
#include "support/comes.h"

namespace coffer {
namespace {

using ::testing::HasSubstr;

class RolloutsTest : public CofferFixture {
 protected:
  void SetUp() override {
    CofferFixture::SetUp();
    if (HasFatalFailure()) return;
    for (const char* name : {"db-1", "db-2", "db-3", "db-4", "db-5"}) {
      identities_.emplace(name, std::move(*NodeIdentity::create(name, coffer_->config().coffer_id)));
    }
    ASSERT_OK(coffer_->live_keyring().update([&](Keyring& keyring) -> Status {
      for (const auto& [name, identity] : identities_) COFFER_TRY(keyring.add_node(identity.node(), 1));
      return Status::ok();
    }));
  }
  // With a key of which one node is in the first share: more are now and then.
  void begin(const std::string& domain = std::string(kSystemDomain)) {
    std::vector<std::string> nodes;
    for (; nodes.size() != 1; nodes = rollout_standings(*coffer_, domain)->front().nodes) {
      if (!nodes.empty()) ASSERT_OK(undo_rollout(*coffer_, domain));
      const auto version = begin_rollout(*coffer_, domain);
      ASSERT_OK(version);
      version_ = *version;
    }
    first_ = nodes.front();
    for (const auto& [name, identity] : identities_) {
      if (name != first_) other_ = name;
    }
  }
  // This directory is now the node of this name; empty: of none.
  void be(const std::string& name) {
    coffer_.reset();
    std::filesystem::remove(coffer_path() + "/node.key");
    coffer_ = open_coffer();
    if (!name.empty()) ASSERT_OK(keep_node_identity(*coffer_, identities_.at(name), "", open_provider));
    coffer_ = open_coffer();
  }
  Result<NewFile> make_file(std::string_view domain = kSystemDomain) {
    return coffer_->new_file({.kind = Kind::kLog, .domain = domain});
  }
  uint32_t version_of_new_file() {
    const auto file = make_file();
    EXPECT_TRUE(file.is_ok()) << status_text(file);
    return file.is_ok() ? file->fields.domain_key_version : 0;
  }
  bool opens(const NewFile& file) { return coffer_->unlock(ByteView(file.envelope), "/f").is_ok(); }
  Rollout rollout(const std::string& domain = std::string(kSystemDomain)) const {
    const auto keyring = open_keyring();
    const Rollout* found = keyring->find_rollout(domain);
    return found != nullptr ? *found : Rollout();
  }
  std::shared_ptr<const Keyring> open_keyring() const {
    EXPECT_TRUE(coffer_->live_keyring().refresh().is_ok());
    return coffer_->keyring();
  }
  // As the node's programs would.
  void report(const std::string& name, const NodeReport& said) {
    const auto text = sign_node_report(identities_.at(name), said);
    ASSERT_OK(text);
    ASSERT_OK(coffer_->live_keyring().save_report(name, as_bytes(*text)));
  }
  std::shared_ptr<Coffer> serve() const {
    auto coffer =
        Coffer::open(disk(), coffer_path(), {.report_interval = std::chrono::milliseconds(20)}, open_provider);
    EXPECT_TRUE(coffer.is_ok()) << status_text(coffer);
    (*coffer)->watch_keys();
    return *coffer;
  }
  static Policy pausing(uint64_t seconds) {
    Policy out;
    out.canary_pause = seconds;
    return out;
  }

  std::map<std::string, NodeIdentity> identities_;
  std::string first_, other_;  // of the nodes: the one that is in the first share, and one that is not
  uint32_t version_ = 0;       // of the new key
};

TEST_F(RolloutsTest, TheNodesOfTheShareMakeFilesUnderTheNewKeyAndAllOpenThem) {
  begin();
  be(first_);
  const auto early = make_file();
  ASSERT_OK(early);
  EXPECT_EQ(early->fields.domain_key_version, version_);
  EXPECT_TRUE(opens(*early));
  be(other_);
  EXPECT_EQ(version_of_new_file(), 1u);
  EXPECT_TRUE(opens(*early)) << "whoever does not make them yet reads them";
  be("");
  EXPECT_EQ(version_of_new_file(), 1u) << "who is no node is the last to follow";
  EXPECT_TRUE(opens(*early));
  ASSERT_OK(advance_rollout(coffer_->live_keyring(), rollout(), true));
  EXPECT_EQ(version_of_new_file(), 1u);
  const auto last = advance_rollout(coffer_->live_keyring(), rollout(), true);
  ASSERT_OK(last);
  EXPECT_THAT(*last, HasSubstr("is over: it is active, on every node"));
  EXPECT_EQ(version_of_new_file(), version_);
}

TEST_F(RolloutsTest, WhatWasUndoneReadsAndMakesNothingMore) {
  begin();
  be(first_);
  const auto early = make_file();
  ASSERT_OK(early);
  ASSERT_OK(undo_rollout(*coffer_, std::string(kSystemDomain)));
  EXPECT_EQ(version_of_new_file(), 1u);
  EXPECT_TRUE(opens(*early));
  ASSERT_OK(coffer_->live_keyring().update([](Keyring& keyring) { return keyring.rotate_domain("system", 5); }));
  EXPECT_EQ(version_of_new_file(), version_ + 1);
  EXPECT_THAT(std::string(as_text(*coffer_->live_keyring().audit_log())),
              ::testing::AllOf(HasSubstr("rollout share"), HasSubstr("rollout ended")));
}

TEST_F(RolloutsTest, ARewrapOnANodeBringsFilesUnderTheKeyThatItUses) {
  const std::string path = db("000001.log");
  write(path, sealed_file(Kind::kLog, "x"));
  const auto version = [&] {
    return scan_envelope(ByteView(as_bytes(read(path))).first(kEnvelopeSize))->fields.domain_key_version;
  };
  begin();
  be(first_);
  EXPECT_EQ(rewrap(*coffer_, {path}, {}, nullptr)->rewrapped, 1u);
  EXPECT_EQ(version(), version_);
  EXPECT_EQ(rewrap(*coffer_, {path}, {}, nullptr)->rewrapped, 0u);
  ASSERT_OK(undo_rollout(*coffer_, std::string(kSystemDomain)));
  EXPECT_EQ(rewrap(*coffer_, {path}, {}, nullptr)->rewrapped, 1u);
  EXPECT_EQ(version(), 1u);
  EXPECT_TRUE(coffer_->unlock(ByteView(as_bytes(read(path))).first(kEnvelopeSize), path).is_ok());
}

TEST_F(RolloutsTest, ItGoesOnWhenTheNodeThatServesSaysThatItIsWell) {
  begin();
  be(first_);
  EXPECT_EQ(advance_rollout(coffer_->live_keyring(), rollout(), false).code(), Code::kBusy);
  const auto server = serve();
  const auto gone_on = [&] { return advance_rollout(coffer_->live_keyring(), rollout(), false).is_ok(); };
  EXPECT_TRUE(comes(gone_on));
  EXPECT_EQ(rollout().share, 100);
  if (rollout_standings(*coffer_)->front().nodes.size() > 1) return;  // the others are away
  EXPECT_TRUE(comes(gone_on)) << "of the second share it says so anew";
  EXPECT_TRUE(open_keyring()->rollouts().empty());
}

TEST_F(RolloutsTest, ANodeThatCannotUseTheNewKeyHaltsIt) {
  ASSERT_OK(add_group(*coffer_, "acme", key_uri("other.key"), open_provider));
  ASSERT_OK(coffer_->live_keyring().update([](Keyring& keyring) { return keyring.add_domain("acme-1", 5, "acme"); }));
  begin("acme-1");
  be(first_);
  write_key_file("other.key", 'z');  // this node was given another one
  {
    const auto server = serve();
    EXPECT_TRUE(comes([&] { return rollout("acme-1").is_halted(); }));
    EXPECT_EQ(rollout("acme-1").halt.node, first_);
    EXPECT_THAT(rollout("acme-1").halt.why, HasSubstr("wrong_key: rollout of key " + std::to_string(version_) + " of"));
    const auto refused = advance_rollout(coffer_->live_keyring(), rollout("acme-1"), true);
    EXPECT_EQ(refused.code(), Code::kKeyUnavailable);
    EXPECT_THAT(status_text(refused), HasSubstr("halted by node " + first_));
  }
  write_key_file("other.key", 'o');
  be(first_);
  ASSERT_OK(resume_rollout(*coffer_, "acme-1"));
  const auto server = serve();
  EXPECT_TRUE(comes([&] { return advance_rollout(coffer_->live_keyring(), rollout("acme-1"), false).is_ok(); }));
}

TEST_F(RolloutsTest, WhoSeesThatAnotherNodeIsNotWellHaltsIt) {
  begin();
  be(first_);
  const uint64_t version = rollout().keyring_version;
  report(first_, {now_seconds(), version, "wrong_key: of what was wrapped"});
  const auto seen = advance_rollout(coffer_->live_keyring(), rollout(), true);
  EXPECT_EQ(seen.code(), Code::kKeyUnavailable);
  EXPECT_EQ(rollout().halt.node, first_);
  // What it said when it was well, put back: the halt is in the keyring.
  report(first_, {now_seconds(), version});
  EXPECT_EQ(advance_rollout(coffer_->live_keyring(), rollout(), true).code(), Code::kKeyUnavailable);
  EXPECT_TRUE(coffer_->rollouts().go_on(pausing(1))->empty());
  ASSERT_OK(resume_rollout(*coffer_, std::string(kSystemDomain)));
  EXPECT_EQ(advance_rollout(coffer_->live_keyring(), rollout(), false).code(), Code::kBusy)
      << "and says nothing of the share that begins anew";
}

TEST_F(RolloutsTest, AfterAPauseItGoesOnByItself) {
  begin();
  be(first_);
  report(first_, {now_seconds(), rollout().keyring_version});
  EXPECT_TRUE(coffer_->rollouts().go_on(Policy())->empty()) << "nobody has asked for that";
  EXPECT_TRUE(coffer_->rollouts().go_on(pausing(3600))->empty());
  std::this_thread::sleep_for(std::chrono::milliseconds(1100));
  const auto done = coffer_->rollouts().go_on(pausing(1));
  ASSERT_OK(done);
  ASSERT_EQ(done->size(), 1u);
  EXPECT_THAT(done->front(), HasSubstr("has come to 10 % of the nodes"));
  std::this_thread::sleep_for(std::chrono::milliseconds(1100));
  EXPECT_TRUE(coffer_->rollouts().go_on(pausing(1))->empty()) << "no node has said that it has the second share";
}

TEST_F(RolloutsTest, WhatAProgramRotatesByItsPolicyComesToAFewNodesFirst) {
  const std::string config = coffer_path() + "/coffer.yaml";
  write(config, read(config) + "policy: {rotation_period: 1s, canary_pause: 1h}\n");
  const auto server = open_coffer();
  server->policy().enable();
  ASSERT_OK(server->new_file({.kind = Kind::kLog}));
  EXPECT_TRUE(comes([&] { return rollout().version == 2; }));
  EXPECT_EQ(open_keyring()->find_domain(kSystemDomain)->active()->version, 1u);
  uint64_t seen = 0;
  EXPECT_TRUE(comes([&] {
    return server->policy().news_since(seen).find("a first share of the nodes uses") != std::string::npos;
  }));
}

// Somebody else's clock is no reason to hurry or to wait for ever: who looks counts by his own.
TEST_F(RolloutsTest, AShareThatBeganInTheFutureWaitsAndAnOperatorDoesNot) {
  ASSERT_OK(coffer_->live_keyring().update(
      [](Keyring& keyring) { return keyring.begin_rollout(kSystemDomain, now_seconds() + 1'000'000); }));
  const std::vector<std::string> nodes = rollout_standings(*coffer_)->front().nodes;
  for (const std::string& node : nodes) {
    report(node, {now_seconds(), rollout().keyring_version});
  }
  EXPECT_TRUE(coffer_->rollouts().go_on(pausing(1))->empty());
  EXPECT_TRUE(advance_rollout(coffer_->live_keyring(), rollout(), false).is_ok());
}

TEST_F(RolloutsTest, OfTheNodesOnlyThoseThatAreFirstGoOnWithIt) {
  begin();
  report(first_, {now_seconds(), rollout().keyring_version});
  be(other_);
  EXPECT_TRUE(coffer_->rollouts().go_on(pausing(0))->empty()) << "or each of ten thousand would read all reports";
  be("");
  EXPECT_EQ(coffer_->rollouts().go_on(pausing(0))->size(), 1u) << "an agent of no node";
}

TEST_F(RolloutsTest, OfSeveralWhoAdvanceItAtTheSameTimeOneDoes) {
  begin();
  const Rollout seen = rollout();
  constexpr int kCount = 4;
  std::vector<pid_t> children;
  for (int i = 0; i < kCount; ++i) {
    const pid_t child = fork();
    if (child == 0) {
      const auto own = Coffer::open(disk(), coffer_path(), {}, open_provider);
      const auto done = advance_rollout((*own)->live_keyring(), seen, true);
      _exit(done.is_ok() ? 0 : done.code() == Code::kConflict ? 1 : 2);
    }
    children.push_back(child);
  }
  int counts[3] = {};
  for (const pid_t child : children) {
    int status = 0;
    waitpid(child, &status, 0);
    ASSERT_TRUE(WIFEXITED(status));
    ++counts[WEXITSTATUS(status)];
  }
  EXPECT_EQ(counts[0], 1);
  EXPECT_EQ(counts[1], kCount - 1);
  EXPECT_EQ(rollout().share, 100);
}

TEST_F(RolloutsTest, ANewKeyThatIsNeededAtOnceIsNotComing) {
  begin();
  be(first_);
  const auto early = make_file();
  ASSERT_OK(early);
  const std::string active = coffer_->keyring()->find_domain(kSystemDomain)->active()->id.hex();
  ASSERT_OK(change_key(*coffer_, active, KeyState::kCompromised));
  EXPECT_TRUE(open_keyring()->rollouts().empty());
  EXPECT_EQ(version_of_new_file(), version_ + 1);
  EXPECT_TRUE(opens(*early));
}

}  // namespace
}  // namespace coffer
