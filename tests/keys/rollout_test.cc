// Rotations that some nodes use before the others: who they are, what the keyring has of them, and when they go on.
#include "coffer/keys/rollout.h"

#include <gmock/gmock.h>

#include <set>

#include "coffer/keys/keyring_body.h"
#include "coffer/keys/policy.h"
#include "coffer/keys/rollout_outlook.h"
#include "keys/fixtures.h"

namespace coffer {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using Next = RolloutOutlook::Next;

constexpr uint64_t kRolloutBegun = 1'700'000'000;

std::vector<EnrolledNode> listed(size_t count) {
  std::vector<EnrolledNode> out(count);
  for (size_t i = 0; i < count; ++i) out[i].name = "db-" + std::to_string(i) + ".example";
  return out;
}

std::set<std::string> names_in(const std::vector<EnrolledNode>& nodes, const Id& key, uint16_t share) {
  std::set<std::string> out;
  for (const EnrolledNode* node : nodes_in_share(nodes, key, share)) out.insert(node->name);
  return out;
}

TEST(RolloutShare, WhoIsInAShareIsInEveryLargerOne) {
  const std::vector<EnrolledNode> nodes = listed(1000);
  std::set<std::string> smaller;
  for (const uint16_t share : {1, 10, 100, 333, 999, 1000}) {
    const std::set<std::string> now = names_in(nodes, id_of(7), share);
    EXPECT_TRUE(std::ranges::includes(now, smaller)) << share;
    smaller = now;
  }
  EXPECT_EQ(smaller.size(), nodes.size());
  EXPECT_FALSE(is_in_share("db-1", id_of(7), 0));
}

TEST(RolloutShare, AShareIsAsLargeAsItSaysAndOtherKeysBeginElsewhere) {
  const std::vector<EnrolledNode> nodes = listed(10'000);
  // Five standard deviations.
  EXPECT_NEAR(names_in(nodes, id_of(7), 10).size(), 100, 50);
  EXPECT_NEAR(names_in(nodes, id_of(7), 100).size(), 1000, 150);
  std::set<std::string> first;
  for (uint8_t key = 1; key <= 50; ++key) first.insert(nodes_in_share(nodes, id_of(key), 10).front()->name);
  EXPECT_GT(first.size(), 45u) << "no node is always the one that is in danger";
}

TEST(RolloutShare, OneNodeIsInEveryShareUnlessThereIsNone) {
  EXPECT_TRUE(nodes_in_share({}, id_of(1), 100).empty());
  for (uint8_t key = 1; key <= 100; ++key) {
    for (const size_t count : {1, 3}) {
      const std::vector<EnrolledNode> nodes = listed(count);
      const std::set<std::string> one = names_in(nodes, id_of(key), 10), ten = names_in(nodes, id_of(key), 100);
      EXPECT_FALSE(one.empty());
      EXPECT_TRUE(std::ranges::includes(ten, one));
    }
  }
}

// What is written down in docs/format.md.
TEST(RolloutShare, TheExampleOfTheFormatHolds) {
  EXPECT_FALSE(is_in_share("db-1", id_of(0x40), 8));
  EXPECT_TRUE(is_in_share("db-1", id_of(0x40), 9));
  EXPECT_FALSE(is_in_share("db-25", id_of(0x40), 1));
  EXPECT_TRUE(is_in_share("db-25", id_of(0x40), 2));
}

class RolloutTest : public ::testing::Test {
 protected:
  void SetUp() override {
    for (const char* name : {"a", "b", "c"}) ASSERT_TRUE(keyring_.add_node(identity(name).node(), 1).is_ok());
    ASSERT_TRUE(keyring_.add_domain("orders", kRolloutBegun).is_ok());
  }
  static NodeIdentity identity(const char* name) { return std::move(*NodeIdentity::create(name, id_of(0xc0))); }
  const Domain& orders() const { return *keyring_.find_domain("orders"); }
  KeyState state(size_t version) const { return orders().keys.at(version - 1).state; }
  void begin() { ASSERT_TRUE(keyring_.begin_rollout("orders", kRolloutBegun + 10).is_ok()); }
  static Bytes body_of(const Keyring& keyring) {
    const auto body = KeyringBody::encode(keyring);
    EXPECT_TRUE(body.is_ok()) << body.status().to_string();
    return Bytes(body->reveal().begin(), body->reveal().end());
  }

  Keyring keyring_ = std::move(*Keyring::create(id_of(0xc0), kRolloutBegun));
};

TEST_F(RolloutTest, ItGoesFromAFewNodesToAll) {
  begin();
  EXPECT_EQ(orders().active()->version, 1u);
  EXPECT_EQ(state(2), KeyState::kPreActive);
  EXPECT_EQ(keyring_.rollout_key(orders()), &orders().keys[1]);
  EXPECT_TRUE(keyring_.open_key({&orders(), &orders().keys[1]}).is_ok());
  EXPECT_EQ(keyring_.find_rollout("orders")->share, 10);
  EXPECT_EQ(keyring_.find_rollout("orders")->keyring_version, keyring_.version() + 1);
  EXPECT_EQ(keyring_.begin_rollout("orders", kRolloutBegun).code(), Code::kAlreadyExists);
  ASSERT_TRUE(keyring_.advance_rollout("orders", kRolloutBegun + 20).is_ok());
  EXPECT_EQ(keyring_.find_rollout("orders")->share, 100);
  EXPECT_EQ(keyring_.find_rollout("orders")->begun, kRolloutBegun + 20);
  ASSERT_TRUE(keyring_.advance_rollout("orders", kRolloutBegun + 30).is_ok());
  EXPECT_TRUE(keyring_.rollouts().empty());
  EXPECT_EQ(orders().active()->version, 2u);
  EXPECT_EQ(orders().active()->activated, kRolloutBegun + 10) << "that is when the first nodes took it";
  EXPECT_EQ(state(1), KeyState::kDeactivated);
  EXPECT_EQ(orders().keys[0].deactivated, kRolloutBegun + 30);
  EXPECT_EQ(keyring_.advance_rollout("orders", kRolloutBegun).code(), Code::kNotFound);
}

TEST_F(RolloutTest, WhatIsHaltedStaysWhereItIsUntilItIsResumed) {
  begin();
  EXPECT_EQ(keyring_.resume_rollout("orders", kRolloutBegun).code(), Code::kInvalidArgument);
  ASSERT_TRUE(keyring_.halt_rollout("orders", {kRolloutBegun + 11, "b", std::string(1000, 'x')}).is_ok());
  ASSERT_TRUE(keyring_.halt_rollout("orders", {kRolloutBegun + 12, "c", "later"}).is_ok());
  EXPECT_EQ(keyring_.find_rollout("orders")->halt.node, "b") << "the first reason";
  for (const char* long_one : {"x", "\x01", "\xf0\x9f\x94\x91", "\xff"}) {
    std::string why;
    for (int i = 0; i < 1000; ++i) why += long_one;
    Keyring other = keyring_;
    ASSERT_TRUE(other.resume_rollout("orders", kRolloutBegun).is_ok());
    ASSERT_TRUE(other.halt_rollout("orders", {kRolloutBegun, "", why}).is_ok());
    EXPECT_TRUE(KeyringBody::decode(body_of(other)).is_ok()) << long_one;
  }
  EXPECT_EQ(keyring_.advance_rollout("orders", kRolloutBegun).code(), Code::kKeyUnavailable);
  EXPECT_EQ(keyring_.find_rollout("orders")->share, 10);
  ASSERT_TRUE(keyring_.resume_rollout("orders", kRolloutBegun + 40).is_ok());
  EXPECT_EQ(keyring_.find_rollout("orders")->begun, kRolloutBegun + 40);
  EXPECT_TRUE(keyring_.advance_rollout("orders", kRolloutBegun + 50).is_ok());
}

TEST_F(RolloutTest, WhatIsUndoneLeavesTheKeyOfBeforeAndOneThatOnlyReads) {
  begin();
  ASSERT_TRUE(keyring_.halt_rollout("orders", {kRolloutBegun + 11, "b", "no"}).is_ok());
  ASSERT_TRUE(keyring_.undo_rollout("orders", kRolloutBegun + 12).is_ok());
  EXPECT_TRUE(keyring_.rollouts().empty());
  EXPECT_EQ(orders().active()->version, 1u);
  EXPECT_EQ(state(2), KeyState::kDeactivated);
  EXPECT_TRUE(may_unwrap(state(2)));
  begin();
  EXPECT_EQ(keyring_.find_rollout("orders")->version, 3u);
  ASSERT_TRUE(keyring_.clone_for(id_of(0xc1), kRolloutBegun).is_ok());
  const Keyring clone = std::move(*keyring_.clone_for(id_of(0xc1), kRolloutBegun));
  EXPECT_TRUE(clone.rollouts().empty());
  EXPECT_EQ(clone.find_domain("orders")->keys[2].state, KeyState::kDeactivated);
  EXPECT_EQ(keyring_.rollouts().size(), 1u);
}

TEST_F(RolloutTest, WhatHasToBeForAllAtOnceEndsIt) {
  const auto begun = [&] {
    Keyring out = keyring_;
    EXPECT_TRUE(out.begin_rollout("orders", kRolloutBegun).is_ok());
    return out;
  };
  const auto key = [](const Keyring& of, size_t version) { return of.find_domain("orders")->keys.at(version - 1); };
  Keyring compromised = begun();
  ASSERT_TRUE(compromised.change_key(key(compromised, 1).id, KeyState::kCompromised, kRolloutBegun).is_ok());
  EXPECT_EQ(compromised.find_domain("orders")->active()->version, 3u) << "a fresh one, which no node had yet";
  EXPECT_EQ(key(compromised, 2).state, KeyState::kDeactivated);
  Keyring rotated = begun();
  ASSERT_TRUE(rotated.rotate_domain("orders", kRolloutBegun).is_ok());
  EXPECT_EQ(rotated.find_domain("orders")->active()->version, 3u);
  EXPECT_EQ(key(rotated, 2).state, KeyState::kDeactivated);
  Keyring new_is_bad = begun();
  ASSERT_TRUE(new_is_bad.change_key(key(new_is_bad, 2).id, KeyState::kCompromised, kRolloutBegun).is_ok());
  EXPECT_EQ(new_is_bad.find_domain("orders")->active()->version, 1u);
  Keyring unneeded = begun();
  EXPECT_EQ(unneeded.set_key_state(key(unneeded, 2).id, KeyState::kDestroyed, kRolloutBegun).code(),
            Code::kInvalidArgument)
      << "nodes may have files under it";
  Keyring activated = begun();
  ASSERT_TRUE(activated.change_key(key(activated, 2).id, KeyState::kActive, kRolloutBegun).is_ok());
  EXPECT_EQ(activated.find_domain("orders")->active()->version, 2u);
  EXPECT_EQ(key(activated, 1).state, KeyState::kDeactivated);
  Keyring shredded = begun();
  ASSERT_TRUE(shredded.shred_domain("orders", kRolloutBegun).is_ok());
  EXPECT_EQ(key(shredded, 2).state, KeyState::kDestroyed);
  for (const Keyring* each : {&compromised, &rotated, &new_is_bad, &activated, &shredded}) {
    EXPECT_TRUE(each->rollouts().empty());
    EXPECT_TRUE(KeyringBody::decode(body_of(*each)).is_ok());
  }
}

TEST_F(RolloutTest, ItNeedsNodesAndAKeyThatTheOthersGoOnWith) {
  Keyring none = std::move(*Keyring::create(id_of(0xc0), kRolloutBegun));
  EXPECT_EQ(none.begin_rollout(kSystemDomain, kRolloutBegun).code(), Code::kInvalidArgument);
  EXPECT_EQ(keyring_.begin_rollout("nope", kRolloutBegun).code(), Code::kNotFound);
  ASSERT_TRUE(keyring_.set_key_state(orders().active()->id, KeyState::kSuspended, kRolloutBegun).is_ok());
  EXPECT_EQ(keyring_.begin_rollout("orders", kRolloutBegun).code(), Code::kInvalidArgument);
  EXPECT_EQ(orders().keys.size(), 1u);
}

TEST_F(RolloutTest, ItReadsBackAndTakesNoRoomWhereThereIsNone) {
  const size_t without = body_of(keyring_).size();
  begin();
  ASSERT_TRUE(keyring_.halt_rollout("orders", {kRolloutBegun + 11, "b", "why not"}).is_ok());
  ASSERT_TRUE(keyring_.begin_rollout(kSystemDomain, kRolloutBegun + 12).is_ok());
  const size_t keys = 2 * KeyringBody::size(orders().keys.front());
  EXPECT_EQ(body_of(keyring_).size(), without + keys + 3 + 2 * 34 + 6 + 6 + 1 + 7);
  const auto read = KeyringBody::decode(body_of(keyring_));
  ASSERT_TRUE(read.is_ok()) << read.status().to_string();
  EXPECT_EQ(read->rollouts(), keyring_.rollouts());
  EXPECT_EQ(read->rollouts().front().domain, "orders");
  ASSERT_TRUE(keyring_.undo_rollout("orders", kRolloutBegun).is_ok());
  ASSERT_TRUE(keyring_.undo_rollout(kSystemDomain, kRolloutBegun).is_ok());
  EXPECT_EQ(body_of(keyring_).size(), without + keys);
}

TEST_F(RolloutTest, EveryRuleIsKept) {
  const Bytes body = body_of(keyring_);
  const auto error_of = [&](const std::vector<Rollout>& rollouts) {
    Bytes tail(rollouts_size(rollouts));
    Writer writer(tail);
    write_rollouts(rollouts, writer);
    Bytes whole = body;
    whole.insert(whole.end(), tail.begin(), tail.end());
    const auto read = KeyringBody::decode(whole);
    if (!read.is_ok()) return read.status().to_string();
    // What concerns the domains is checked once all of them are there.
    const auto sealed = KeyringCodec::seal(*read, std::vector{slot_of(1)}, keyring_key_of(1));
    const auto opened = KeyringCodec::open(*sealed, keyring_key_of(1));
    return opened.is_ok() ? "none" : opened.status().to_string();
  };
  const Rollout good{"orders", 2, 10, kRolloutBegun, 2};
  const auto with = [&](const std::function<void(Rollout&)>& change) {
    Rollout out = good;
    change(out);
    return error_of({out});
  };
  EXPECT_THAT(error_of({good}), HasSubstr("its own key pre-active")) << "the keyring has one key yet";
  EXPECT_THAT(with([](Rollout& r) { r.domain = "nope"; }), HasSubstr("of a domain with an active key"));
  EXPECT_THAT(with([](Rollout& r) { r.domain = "A"; }), HasSubstr("must be of a domain"));
  EXPECT_THAT(with([](Rollout& r) { r.version = 0; }), HasSubstr("its own key pre-active"));
  EXPECT_THAT(with([](Rollout& r) { r.version = 1; }), HasSubstr("its own key pre-active"));
  EXPECT_THAT(with([](Rollout& r) { r.share = 1000; }), HasSubstr("must be 10 or 100 thousandths"));
  EXPECT_THAT(with([](Rollout& r) { r.halt.why = "x"; }), HasSubstr("must have no reason"));
  EXPECT_THAT(with([](Rollout& r) { r.halt = {1, "a/b", ""}; }), HasSubstr("must be a node"));
  EXPECT_THAT(with([](Rollout& r) { r.halt = {1, "a", std::string(513, 'x')}; }), HasSubstr("must not end within"));
  EXPECT_THAT(with([](Rollout& r) { r.halt = {1, "a", "\xff"}; }), HasSubstr("must be text"));
  EXPECT_THAT(with([](Rollout& r) { r.halt = {1, "a", "a\nb"}; }), HasSubstr("must be text"));
  EXPECT_THAT(error_of({good, good}), HasSubstr("order of their domains"));
  begin();
  const Bytes whole = body_of(keyring_);
  for (size_t size = whole.size() - rollouts_size(keyring_.rollouts()) + 1; size < whole.size(); ++size) {
    EXPECT_FALSE(KeyringBody::decode(ByteView(whole).first(size)).is_ok()) << size;
  }
}

// What the policy makes of it.
TEST_F(RolloutTest, WhatIsDueByItsAgeComesToAFewNodesFirst) {
  Policy policy;
  policy.all.rotation_period = 100;
  policy.canary_pause = 60;
  ASSERT_EQ(apply_rotations(keyring_, policy, {}, kRolloutBegun + 200)->size(), 2u);
  EXPECT_EQ(keyring_.rollouts().size(), 2u);
  EXPECT_TRUE(due_rotations(keyring_, policy, {}, kRolloutBegun + 5000).empty()) << "its successor is on its way";
  EXPECT_EQ(until_next_rotation(keyring_, policy, kRolloutBegun + 5000, 60), 60u);
  ASSERT_TRUE(keyring_.set_key_expiry(orders().active()->id, kRolloutBegun + 5000).is_ok());
  ASSERT_EQ(apply_rotations(keyring_, policy, {}, kRolloutBegun + 5000)->size(), 1u);
  EXPECT_EQ(orders().active()->version, 3u) << "what has expired is succeeded at once";
  EXPECT_EQ(keyring_.find_rollout("orders"), nullptr);
}

// When one goes on.
class RolloutOutlookTest : public RolloutTest {
 protected:
  void SetUp() override {
    RolloutTest::SetUp();
    begin();
    // More are in the first share now and then.
    while (nodes_in_share(keyring_.nodes(), orders().keys.back().id, 10).size() != 1) {
      ASSERT_TRUE(keyring_.undo_rollout("orders", kBegun).is_ok());
      begin();
    }
    for (const EnrolledNode& node : keyring_.nodes()) standings_.push_back({node, std::nullopt, Status::ok()});
    first_ = nodes_in_share(keyring_.nodes(), orders().keys.back().id, 10).front()->name;
  }
  RolloutOutlook outlook() const { return rollout_outlook(keyring_, *keyring_.find_rollout("orders"), standings_); }
  NodeStanding& of(const std::string& name) {
    return *std::ranges::find_if(standings_, [&](const NodeStanding& each) { return each.node.name == name; });
  }
  Next after(const NodeReport& report) {
    of(first_).report = report;
    return outlook().next;
  }

  std::vector<NodeStanding> standings_;
  std::string first_;
};

TEST_F(RolloutOutlookTest, ItWaitsForEveryNodeOfTheShareAndForNoOther) {
  const uint64_t version = keyring_.version() + 1;
  EXPECT_EQ(outlook().next, Next::kWaits);
  EXPECT_EQ(outlook().node, first_);
  EXPECT_EQ(after({kRolloutBegun + 20, version - 1}), Next::kWaits) << "it has not taken the key up";
  EXPECT_EQ(after({kRolloutBegun - 9999, version}), Next::kReady) << "whatever its clock says";
  EXPECT_EQ(outlook().well, 1u);
  for (NodeStanding& each : standings_) {
    if (each.node.name != first_) each.report = NodeReport{kRolloutBegun + 20, version, "wrong_key: of something else"};
  }
  EXPECT_EQ(outlook().next, Next::kReady);
  of(first_).doubt = Status(Code::kTampered, "not made by it");
  EXPECT_EQ(outlook().next, Next::kWaits) << "nobody halts anything by writing rubbish there";
}

TEST_F(RolloutOutlookTest, ANodeOfTheShareThatIsNotWellHaltsItUnlessThatPasses) {
  const uint64_t version = keyring_.version() + 1;
  EXPECT_EQ(after({kRolloutBegun + 20, version, "wrong_key: what was wrapped"}), Next::kHalts);
  EXPECT_EQ(outlook().node, first_);
  EXPECT_EQ(after({kRolloutBegun + 20, version - 1, "tampered: what is stored"}), Next::kHalts);
  EXPECT_EQ(after({kRolloutBegun + 20, version, "provider_unavailable: a moment"}), Next::kWaits);
  EXPECT_EQ(after({kRolloutBegun - 20, version - 1, "tampered: long ago"}), Next::kWaits) << "it is away since";
  EXPECT_EQ(after({.time = kRolloutBegun + 20, .keyring_version = version, .error = "wrong_key: x", .ended = true}),
            Next::kWaits)
      << "it has ended, and nobody else has shown that the key is good";
}

TEST_F(RolloutOutlookTest, WhoHasEndedIsNotWaitedForWhereAnotherIsWell) {
  while (nodes_in_share(keyring_.nodes(), orders().keys.back().id, 100).size() < 2) {
    ASSERT_TRUE(keyring_.undo_rollout("orders", kRolloutBegun).is_ok());
    begin();
  }
  ASSERT_TRUE(keyring_.advance_rollout("orders", kRolloutBegun + 20).is_ok());
  const auto nodes = nodes_in_share(keyring_.nodes(), orders().keys.back().id, 100);
  of(nodes[0]->name).report = NodeReport{.time = 1, .keyring_version = 1, .ended = true};
  EXPECT_EQ(outlook().next, Next::kWaits);
  of(nodes[1]->name).report = NodeReport{kRolloutBegun, keyring_.version() + 1};
  EXPECT_EQ(outlook().next, nodes.size() == 2 ? Next::kReady : Next::kWaits);
  EXPECT_EQ(outlook().well, 1u);
}

}  // namespace
}  // namespace coffer
