// Nodes of a coffer: who may join, what is renewed when one goes, and fresh keys for one that stays.
#include "coffer/ops/nodes.h"

#include <sys/wait.h>
#include <unistd.h>

#include "coffer/store/surroundings.h"
#include "coffer_fixture.h"
#include "support/comes.h"

namespace coffer {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

class NodesTest : public CofferFixture {
 protected:
  // Another node: the directory of this one, with other keys.
  NodePublic become(std::string_view name) {
    std::filesystem::remove(coffer_path() + "/node.key");
    auto made = NodeIdentity::create(name, coffer_->config().coffer_id);
    EXPECT_TRUE(keep_node_identity(*coffer_, *made, "", open_provider).is_ok());
    return made->node();
  }
  std::string request() const {
    const auto text = make_join_request(*coffer_, open_provider);
    EXPECT_TRUE(text.is_ok()) << status_text(text);
    return text.is_ok() ? *text : "";
  }
  Result<Enrolment> enrol(const std::string& text) { return enrol_node(*coffer_, text, open_provider); }
  // What the coffer's file has, with what opens it.
  static Status opens(const std::string& sealed, const KeyringKey& key) {
    return KeyringCodec::open(as_bytes(sealed), key).status();
  }
  KeyringKey present_keyring_key() const {
    const auto header = coffer_->live_keyring().header();
    const auto unlocked = unlock_slots(
        *header,
        [&](const std::string& name, const std::string& uri) {
          return open_configured_root(name, uri, *coffer_->present_config(), open_provider);
        },
        "");
    EXPECT_TRUE(unlocked.is_ok());
    return unlocked->key.clone();
  }
};

TEST_F(NodesTest, ANodeThatOpensTheCofferJoinsOnce) {
  EXPECT_EQ(make_join_request(*coffer_, open_provider).code(), Code::kNotFound);
  const NodePublic node = become("db-1");
  const std::string text = request();
  const auto first = enrol(text);
  ASSERT_OK(first);
  EXPECT_FALSE(first->was_there);
  const uint64_t version = coffer_->keyring()->version();
  EXPECT_TRUE(enrol(text)->was_there);
  EXPECT_EQ(coffer_->keyring()->version(), version) << "nothing was changed, so nothing is saved";
  become("db-1");
  EXPECT_EQ(enrol(request()).code(), Code::kAlreadyExists) << "others under the same name";
  coffer_ = open_coffer();
  EXPECT_TRUE(coffer_->keyring()->find_node("db-1")->is(node));
}

TEST_F(NodesTest, ANodeWithAnotherRootKeyIsRefusedWithBothDigests) {
  ASSERT_OK(add_slot(*coffer_, {.root = key_uri("other.key"), .name = "spare"}, open_provider));
  become("db-1");
  // It opens the coffer by its second root, and nobody would notice that the first is another.
  write_key_file("root.key", 'z');
  coffer_ = open_coffer();
  const std::string text = request();
  write_key_file("root.key", 'k');
  coffer_ = open_coffer();
  const auto refused = enrol(text);
  EXPECT_EQ(refused.code(), Code::kWrongKey);
  const std::string theirs = to_hex(parse_join_request(text)->root_digest);
  const std::string ours = to_hex(parse_join_request(request())->root_digest);
  EXPECT_NE(theirs, ours);
  EXPECT_THAT(status_text(refused), HasSubstr("is " + theirs + ", and here it is " + ours));
  EXPECT_TRUE(coffer_->keyring()->nodes().empty());
  ASSERT_OK(enrol(request()));
}

TEST_F(NodesTest, WhatARemovedNodeKnewIsRenewed) {
  ASSERT_OK(coffer_->live_keyring().update([](Keyring& keyring) { return keyring.add_domain("orders", 5); }));
  become("db-2");
  const std::string text = request();
  ASSERT_OK(enrol(text));
  const KeyringKey known = present_keyring_key();
  ASSERT_OK(opens(read(coffer_path() + "/keyring"), known));
  const auto done = remove_node(*coffer_, "db-2", "", open_provider);
  ASSERT_OK(done);
  EXPECT_EQ(done->domains, 2u);
  EXPECT_EQ(opens(read(coffer_path() + "/keyring"), known).code(), Code::kWrongKey);
  EXPECT_TRUE(coffer_->keyring()->nodes().empty());
  for (const char* domain : {"system", "orders"}) {
    EXPECT_EQ(coffer_->keyring()->find_domain(domain)->active()->version, 2u) << domain;
  }
  EXPECT_EQ(enrol(text).code(), Code::kWrongKey);
  EXPECT_EQ(remove_node(*coffer_, "db-2", "", open_provider).code(), Code::kNotFound);
  EXPECT_THAT(std::string(as_text(*coffer_->live_keyring().audit_log())),
              ::testing::AllOf(HasSubstr("node enrolled"), HasSubstr("node removed")));
}

TEST_F(NodesTest, AKeyGroupThatDoesNotOpenHereKeepsNobodyIn) {
  ASSERT_OK(add_group(*coffer_, "acme", key_uri("other.key"), open_provider));
  ASSERT_OK(coffer_->live_keyring().update([](Keyring& keyring) { return keyring.add_domain("acme-1", 5, "acme"); }));
  become("db-3");
  ASSERT_OK(enrol(request()));
  std::filesystem::remove(root_ + "/other.key");
  coffer_ = open_coffer();
  const auto done = remove_node(*coffer_, "db-3", "", open_provider);
  ASSERT_OK(done);
  EXPECT_THAT(done->closed, ElementsAre("acme"));
  EXPECT_EQ(done->domains, 1u);
  EXPECT_EQ(coffer_->keyring()->find_domain("acme-1")->active()->version, 1u);
  EXPECT_TRUE(coffer_->keyring()->nodes().empty());
}

TEST_F(NodesTest, FreshKeysTakeThePlaceOfThoseThatTheListHas) {
  const NodePublic before = become("db-1");
  ASSERT_OK(enrol(request()));
  const auto fresh = rotate_node(*coffer_, open_provider);
  ASSERT_OK(fresh);
  EXPECT_NE(fresh->signing, before.signing);
  EXPECT_EQ(open_node_identity(*coffer_, open_provider)->node(), *fresh);
  EXPECT_TRUE(coffer_->keyring()->find_node("db-1")->is(*fresh));
}

TEST_F(NodesTest, AChangeOfKeysThatWasInterruptedIsFinishedByTheNextOne) {
  const NodePublic before = become("db-1");
  ASSERT_OK(enrol(request()));
  // Made, and not in the list yet: others take their place.
  const auto forgotten = NodeIdentity::create("db-1", coffer_->config().coffer_id);
  ASSERT_OK(keep_next_node_identity(*coffer_, *forgotten, "", open_provider));
  const auto second = rotate_node(*coffer_, open_provider);
  ASSERT_OK(second);
  EXPECT_NE(second->signing, forgotten->node().signing);
  // In the list, and not in their place yet.
  const auto next = NodeIdentity::create("db-1", coffer_->config().coffer_id);
  ASSERT_OK(keep_next_node_identity(*coffer_, *next, "", open_provider));
  ASSERT_OK(
      coffer_->live_keyring().update([&](Keyring& keyring) { return keyring.renew_node(*second, next->node()); }));
  EXPECT_EQ(*rotate_node(*coffer_, open_provider), next->node());
  EXPECT_TRUE(coffer_->keyring()->find_node("db-1")->is(next->node()));
  EXPECT_FALSE(std::filesystem::exists(coffer_path() + "/node.key.next"));
}

// Reports come by a thread of the program that serves.
class NodeReportsTest : public NodesTest {
 protected:
  std::shared_ptr<Coffer> serve() const {
    auto coffer =
        Coffer::open(disk(), coffer_path(), {.report_interval = std::chrono::milliseconds(20)}, open_provider);
    EXPECT_TRUE(coffer.is_ok());
    (*coffer)->watch_keys();
    return *coffer;
  }
  NodeStanding standing() const { return node_standings(coffer_->live_keyring()).at(0); }
  uint64_t served() const { return standing().report ? standing().report->keyring_version : 0; }
  std::string report_path() const { return coffer_path() + "/nodes.d/db-1.json"; }
};

TEST_F(NodeReportsTest, WhoServesSaysWhichKeyringByItself) {
  become("db-1");
  const auto server = serve();
  ASSERT_OK(enrol(request()));
  EXPECT_TRUE(comes([&] { return served() == coffer_->keyring()->version(); }));
  ASSERT_OK(coffer_->live_keyring().update([](Keyring& keyring) { return keyring.rotate_domain("system", 5); }));
  EXPECT_TRUE(comes([&] { return served() == coffer_->keyring()->version(); }));
  EXPECT_EQ(standing().report->error, "");
  ASSERT_OK(standing().doubt);
  EXPECT_LE(standing().report->time, now_seconds());
}

TEST_F(NodeReportsTest, WhatKeepsANodeFromANewerKeyringIsInItsReport) {
  become("db-1");
  ASSERT_OK(enrol(request()));
  const auto server = serve();
  ASSERT_TRUE(comes([&] { return served() != 0; }));
  const std::string keyring = read(coffer_path() + "/keyring");
  write(coffer_path() + "/keyring", "rubbish");
  EXPECT_TRUE(comes([&] { return !standing().report->error.empty(); }));
  write(coffer_path() + "/keyring", keyring);
}

TEST_F(NodeReportsTest, AReportOfAnotherNodeUnderItsNameIsNotBelieved) {
  become("db-1");
  ASSERT_OK(enrol(request()));
  {
    const auto server = serve();
    ASSERT_TRUE(comes([&] { return served() != 0; }));
  }
  const std::string genuine = read(report_path());
  write(report_path(), *sign_node_report(*NodeIdentity::create("db-1", coffer_->config().coffer_id), {1, 99}));
  EXPECT_EQ(standing().doubt.code(), Code::kTampered);
  EXPECT_FALSE(standing().report.has_value());
  write(report_path(), genuine);
  ASSERT_OK(standing().doubt);
  ASSERT_OK(remove_node(*coffer_, "db-1", "", open_provider));
  EXPECT_FALSE(std::filesystem::exists(report_path()));
}

TEST_F(NodeReportsTest, ThatItHasEndedSaysTheLastOfItsPrograms) {
  become("db-1");
  ASSERT_OK(enrol(request()));
  auto first = serve(), second = serve();
  // Both have said so: what stands there is the same.
  ASSERT_TRUE(comes([&] { return served() != 0; }));
  std::this_thread::sleep_for(std::chrono::milliseconds(100));
  first.reset();
  EXPECT_FALSE(standing().report->ended) << "the other serves on";
  second.reset();
  EXPECT_TRUE(standing().report->ended);
  EXPECT_EQ(served(), coffer_->keyring()->version());
  ASSERT_OK(standing().doubt);
  const auto third = serve();
  EXPECT_TRUE(comes([&] { return !standing().report->ended; }));
}

TEST_F(NodeReportsTest, WhoIsKilledAndWhoForkedSayNoEnd) {
  become("db-1");
  ASSERT_OK(enrol(request()));
  auto server = serve();
  ASSERT_TRUE(comes([&] { return served() != 0; }));
  const pid_t child = fork();
  if (child == 0) {
    server.reset();
    _exit(0);
  }
  waitpid(child, nullptr, 0);
  EXPECT_FALSE(standing().report->ended) << "a child of its program is not its program";
  const std::string genuine = read(report_path());
  server.reset();
  EXPECT_TRUE(standing().report->ended);
  write(report_path(), genuine);
  EXPECT_FALSE(standing().report->ended) << "as its time shows, it is an older one";
}

TEST_F(NodeReportsTest, ANodeThatIsNotOfTheCofferSaysNothing) {
  become("db-1");
  auto server = serve();
  const auto other = NodeIdentity::create("db-2", coffer_->config().coffer_id);
  ASSERT_OK(coffer_->live_keyring().update([&](Keyring& keyring) { return keyring.add_node(other->node(), 1); }));
  ASSERT_TRUE(comes([&] { return server->keyring()->version() == coffer_->keyring()->version(); }));
  server.reset();
  EXPECT_FALSE(std::filesystem::exists(coffer_path() + "/nodes.d"));
}

}  // namespace
}  // namespace coffer
