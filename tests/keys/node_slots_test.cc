// The keyring key sealed to nodes: what opens, and what nobody can make open.
#include "coffer/keys/node_slots.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "keys/fixtures.h"

namespace coffer {
namespace {

class NodeSlotsTest : public testing::Test {
 protected:
  NodeSlotsTest() {
    for (NodeIdentity* node : {&a_, &b_}) EXPECT_TRUE(keyring_.add_node(node->node(), 5).is_ok());
    sealed_ = seal_node_slots(now_, keyring_, key_, sender_).value();
  }
  static NodeIdentity make(std::string_view name) { return NodeIdentity::create(name, id_of(0xc0)).value(); }
  X25519Public sender() const { return x25519_public(sender_).value(); }
  static Bytes value_of(const std::vector<NodeSlotValue>& values, const std::string& name) {
    const auto found = std::ranges::find(values, name, &NodeSlotValue::name);
    return found == values.end() ? Bytes() : found->value;
  }
  Bytes value_for(const NodeIdentity& node) const {
    return value_of(sealed_, node_slots_name(now_, sender(), node.node().agreement));
  }
  Result<KeyringKey> open(ByteView value, const NodeIdentity& node) const {
    return open_node_slot(value, now_, node, sender());
  }

  const SlotGeneration now_{id_of(0xc0), id_of(7)};
  Keyring keyring_ = Keyring::create(id_of(0xc0), 1).value();
  const KeyringKey key_ = keyring_key_of(0x31);
  const X25519Private sender_ = node_slot_sender(key_, id_of(0xc0)).value();
  NodeIdentity a_ = make("a"), b_ = make("b");
  std::vector<NodeSlotValue> sealed_;
};

TEST_F(NodeSlotsTest, EachNodeOpensItsOwnAndNobodyElse) {
  for (const NodeIdentity* node : {&a_, &b_}) {
    const auto opened = open(value_for(*node), *node);
    ASSERT_TRUE(opened.is_ok()) << opened.status().to_string();
    EXPECT_TRUE(equal_constant_time(opened->reveal(), key_.reveal()));
    EXPECT_TRUE(has_node_slot(value_for(*node), node->node().agreement));
  }
  EXPECT_EQ(open(value_for(a_), make("a")).code(), Code::kNotFound) << "another node of its name";
  EXPECT_FALSE(has_node_slot(value_for(a_), make("a").node().agreement));
}

TEST_F(NodeSlotsTest, ASlotOfAnotherSenderGenerationOrCofferDoesNotOpen) {
  const X25519Private other = node_slot_sender(keyring_key_of(0x32), id_of(0xc0)).value();
  EXPECT_EQ(open_node_slot(value_for(a_), now_, a_, x25519_public(other).value()).code(), Code::kWrongKey);
  for (const SlotGeneration& where : {SlotGeneration{id_of(0xc0), id_of(8)}, SlotGeneration{id_of(0xc1), id_of(7)}}) {
    EXPECT_EQ(open_node_slot(value_for(a_), where, a_, sender()).code(), Code::kWrongKey);
  }
  // Who can write there, and knows all public keys, makes one with a key pair of his own.
  const X25519Private forger = new_x25519_private().value();
  const auto forged = seal_node_slots(now_, keyring_, keyring_key_of(0x66), forger).value();
  for (const NodeSlotValue& each : forged) {
    if (!has_node_slot(each.value, a_.node().agreement)) continue;
    EXPECT_EQ(open(each.value, a_).code(), Code::kWrongKey);
  }
}

TEST_F(NodeSlotsTest, OnesOfAnotherNodeUnderItsIdDoNotOpen) {
  Keyring alone = Keyring::create(id_of(0xc0), 1).value();
  ASSERT_TRUE(alone.add_node(a_.node(), 5).is_ok());
  const auto of_a = seal_node_slots(now_, alone, key_, sender_).value();
  Keyring other = Keyring::create(id_of(0xc0), 1).value();
  ASSERT_TRUE(other.add_node(b_.node(), 5).is_ok());
  const auto of_b = seal_node_slots(now_, other, key_, sender_).value();
  Bytes swapped = of_a[0].value;  // the id of one, and all else of the other
  std::copy(of_b[0].value.begin() + 3 + 16, of_b[0].value.end(), swapped.begin() + 3 + 16);
  EXPECT_EQ(open(swapped, a_).code(), Code::kWrongKey);
}

TEST_F(NodeSlotsTest, EveryAlteredBitAndEveryCutIsNoticed) {
  Keyring alone = Keyring::create(id_of(0xc0), 1).value();
  ASSERT_TRUE(alone.add_node(a_.node(), 5).is_ok());
  const Bytes value = seal_node_slots(now_, alone, key_, sender_).value().front().value;
  ASSERT_TRUE(open(value, a_).is_ok());
  for (size_t bit = 0; bit < value.size() * 8; ++bit) {
    Bytes altered = value;
    altered[bit / 8] ^= static_cast<uint8_t>(1 << bit % 8);
    EXPECT_FALSE(open(altered, a_).is_ok()) << bit;
  }
  for (size_t size = 0; size < value.size(); ++size) {
    EXPECT_EQ(open(ByteView(value).first(size), a_).code(), Code::kDamaged) << size;
  }
  Bytes longer = value;
  longer.push_back(0);
  EXPECT_EQ(open(longer, a_).code(), Code::kDamaged);
}

TEST_F(NodeSlotsTest, ANodeThatIsAboutToGoGetsNone) {
  ASSERT_TRUE(keyring_.begin_node_removal("a").is_ok());
  EXPECT_EQ(keyring_.begin_node_removal("c").code(), Code::kNotFound);
  sealed_ = seal_node_slots(now_, keyring_, keyring_key_of(0x32), sender_).value();
  EXPECT_FALSE(open(value_for(a_), a_).is_ok());
  EXPECT_TRUE(open(value_for(b_), b_).is_ok());
}

TEST_F(NodeSlotsTest, WhenTheRootKeyWasSeenIsBelievedOfWhoHasTheKeyringKey) {
  const RootSeen seen{1'700'000'000, digest_of_nodes(keyring_).value()};
  const Bytes value = seal_root_seen(seen, now_, key_).value();
  EXPECT_EQ(open_root_seen(value, now_, key_).value(), seen);
  EXPECT_EQ(open_root_seen(value, now_, keyring_key_of(0x32)).code(), Code::kTampered);
  EXPECT_EQ(open_root_seen(value, {id_of(0xc0), id_of(8)}, key_).code(), Code::kTampered);
  for (size_t bit = 0; bit < value.size() * 8; ++bit) {
    Bytes altered = value;
    altered[bit / 8] ^= static_cast<uint8_t>(1 << bit % 8);
    EXPECT_FALSE(open_root_seen(altered, now_, key_).is_ok()) << bit;
  }
  for (size_t size = 0; size < value.size(); ++size) {
    EXPECT_FALSE(open_root_seen(ByteView(value).first(size), now_, key_).is_ok()) << size;
  }
  EXPECT_EQ(open_root_seen(root_not_seen(), now_, key_).code(), Code::kNotFound);
}

TEST_F(NodeSlotsTest, OfTheRecordTheNodesAreThoseThatStay) {
  const Sha256 both = digest_of_nodes(keyring_).value();
  ASSERT_TRUE(keyring_.begin_node_removal("a").is_ok());
  const Sha256 one = digest_of_nodes(keyring_).value();
  EXPECT_NE(both, one);
  ASSERT_TRUE(keyring_.remove_node("a").is_ok());
  EXPECT_EQ(digest_of_nodes(keyring_).value(), one);
}

TEST(RecentlySeen, IsWithinThePeriodAndNotInTheFuture) {
  EXPECT_TRUE(is_recent(1000, 1000, 0));
  EXPECT_TRUE(is_recent(1000, 1100, 100));
  EXPECT_FALSE(is_recent(1000, 1101, 100));
  EXPECT_TRUE(is_recent(1000 + kNodeClockSkew, 1000, 100));
  EXPECT_FALSE(is_recent(1000 + kNodeClockSkew + 1, 1000, 100));
  EXPECT_FALSE(is_recent(0, 1'700'000'000, 86400));
  EXPECT_FALSE(is_recent(UINT64_MAX, 1, UINT64_MAX));
}

}  // namespace
}  // namespace coffer
