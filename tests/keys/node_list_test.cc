// The nodes of a coffer in its keyring, and the requests by which nodes join.
#include "coffer/keys/node_list.h"

#include <gmock/gmock.h>

#include "coffer/keys/join_request.h"
#include "coffer/keys/keyring_body.h"
#include "keys/fixtures.h"

namespace coffer {
namespace {

using ::testing::HasSubstr;

constexpr uint64_t kNow = 1'700'000'000;

class NodeListTest : public ::testing::Test {
 protected:
  NodeIdentity make(std::string_view name, const Id& coffer = id_of(0xc0)) const {
    return std::move(*NodeIdentity::create(name, coffer));
  }
  static Bytes body_of(const Keyring& keyring) {
    const auto body = KeyringBody::encode(keyring);
    EXPECT_TRUE(body.is_ok());
    return Bytes(body->reveal().begin(), body->reveal().end());
  }
  std::string request_of(const NodeIdentity& node, uint64_t now = kNow) const {
    return *make_join_request(node, keyring_, Sha256{1, 2, 3}, now);
  }
  Status checked(const std::string& text, uint64_t now = kNow) const {
    COFFER_ASSIGN(const JoinRequest request, parse_join_request(text));
    return check_join_request(request, keyring_, now);
  }

  Keyring keyring_ = std::move(*Keyring::create(id_of(0xc0), kNow));
};

// docs/format.md, section 7, "nodes", written down a second time.
struct ListedFields {
  std::string name;
  uint8_t agreement;
  uint8_t signing;
};
Bytes tail(size_t key_size, const std::vector<ListedFields>& nodes) {
  Bytes out(100'000);
  Writer writer(out);
  writer.bytes8(Bytes(key_size, 7));
  writer.u16(static_cast<uint16_t>(nodes.size()));
  for (const ListedFields& node : nodes) {
    writer.bytes8(as_bytes(node.name));
    writer.bytes(Bytes(32, node.agreement));
    writer.bytes(Bytes(32, node.signing));
    writer.u64(9);
  }
  out.resize(writer.written());
  return out;
}

TEST_F(NodeListTest, ItReadsBackInTheOrderOfNamesAndTakesNoRoomWhereThereIsNone) {
  const size_t without = body_of(keyring_).size();
  const NodeIdentity b = make("b"), a = make("a");
  ASSERT_TRUE(keyring_.add_node(b.node(), 1).is_ok());
  ASSERT_TRUE(keyring_.add_node(a.node(), 2).is_ok());
  EXPECT_EQ(body_of(keyring_).size(), without + 3 + 2 * (1 + 1 + 32 + 32 + 8));
  const auto read = KeyringBody::decode(body_of(keyring_));
  ASSERT_TRUE(read.is_ok()) << read.status().to_string();
  ASSERT_EQ(read->nodes().size(), 2u);
  EXPECT_EQ(read->nodes()[0].name, "a");
  EXPECT_EQ(read->nodes()[0].enrolled, 2u);
  EXPECT_TRUE(read->find_node("b")->is(b.node()));
  const NodePublic seen = read->find_node("b")->node(id_of(0xc0));
  EXPECT_TRUE(check_node_signature(seen, "t", as_bytes("m"), *b.sign("t", as_bytes("m"))).is_ok());
  EXPECT_EQ(read->find_node("c"), nullptr);
}

TEST_F(NodeListTest, ANameAndAKeyPairAreOfOneNode) {
  const NodeIdentity a = make("a");
  ASSERT_TRUE(keyring_.add_node(a.node(), 1).is_ok());
  EXPECT_EQ(keyring_.add_node(make("a").node(), 1).code(), Code::kAlreadyExists);
  NodePublic other = a.node();
  other.name = "b";
  EXPECT_EQ(keyring_.add_node(other, 1).code(), Code::kAlreadyExists);
  other.signing = make("c").node().signing;
  EXPECT_EQ(keyring_.add_node(other, 1).code(), Code::kAlreadyExists) << "the key that messages are sealed to";
  EXPECT_EQ(keyring_.add_node(make("b", id_of(0xc1)).node(), 1).code(), Code::kForeign);
  EXPECT_EQ(keyring_.remove_node("b").code(), Code::kNotFound);
}

TEST_F(NodeListTest, OnlyWhoHadTheKeysGetsOthersUnderItsName) {
  const NodeIdentity a = make("a"), again = make("a");
  ASSERT_TRUE(keyring_.add_node(a.node(), 1).is_ok());
  EXPECT_EQ(keyring_.renew_node(again.node(), make("a").node()).code(), Code::kNotFound);
  EXPECT_EQ(keyring_.renew_node(a.node(), make("b").node()).code(), Code::kNotFound);
  EXPECT_EQ(keyring_.renew_node(a.node(), a.node()).code(), Code::kAlreadyExists);
  ASSERT_TRUE(keyring_.renew_node(a.node(), again.node()).is_ok());
  EXPECT_TRUE(keyring_.find_node("a")->is(again.node()));
}

TEST_F(NodeListTest, EveryRuleOfTheListIsKept) {
  const Bytes body = body_of(keyring_);
  const auto error_of = [&](const Bytes& nodes) {
    Bytes whole = body;
    whole.insert(whole.end(), nodes.begin(), nodes.end());
    const auto read = KeyringBody::decode(whole);
    return read.is_ok() ? "none" : read.status().to_string();
  };
  EXPECT_EQ(error_of(tail(32, {})), "none");
  EXPECT_EQ(error_of(tail(0, {{"a", 1, 2}, {"b", 3, 4}})), "none");
  EXPECT_THAT(error_of(tail(0, {})), HasSubstr("1 to 16384 nodes"));
  EXPECT_THAT(error_of(tail(31, {{"a", 1, 2}})), HasSubstr("must have 32 bytes"));
  EXPECT_THAT(error_of(tail(0, {{"b", 1, 2}, {"a", 3, 4}})), HasSubstr("order of their names"));
  EXPECT_THAT(error_of(tail(0, {{"a", 1, 2}, {"a", 3, 4}})), HasSubstr("order of their names"));
  EXPECT_THAT(error_of(tail(0, {{"a", 1, 2}, {"b", 1, 4}})), HasSubstr("must not repeat"));
  EXPECT_THAT(error_of(tail(0, {{"a", 1, 2}, {"b", 3, 2}})), HasSubstr("must not repeat"));
  EXPECT_THAT(error_of(tail(0, {{"a/b", 1, 2}})), HasSubstr("a node's name"));
  const Bytes good = tail(32, {{"a", 1, 2}, {"b", 3, 4}});
  for (size_t size = 1; size < good.size(); ++size) {
    EXPECT_NE(error_of(Bytes(good.begin(), good.begin() + static_cast<std::ptrdiff_t>(size))), "none") << size;
  }
  Bytes longer = good;
  longer.push_back(0);
  EXPECT_THAT(error_of(longer), HasSubstr("must end with its last store, node, backup, rollout or question"));
}

TEST_F(NodeListTest, TenThousandNodesFitIntoAKeyringInEtcd) {
  Bytes whole = body_of(keyring_);
  Bytes nodes(1'000'000);
  Writer writer(nodes);
  writer.bytes8(Bytes(32, 7));
  writer.u16(10'000);
  for (uint32_t number = 10'000; number < 20'000; ++number) {
    Bytes key(32);
    store_le32(key.data(), number);
    writer.bytes8(as_bytes("db-" + std::to_string(number) + ".example"));
    writer.bytes(key);
    writer.bytes(key);
    writer.u64(kNow);
  }
  nodes.resize(writer.written());
  whole.insert(whole.end(), nodes.begin(), nodes.end());
  const auto read = KeyringBody::decode(whole);
  ASSERT_TRUE(read.is_ok()) << read.status().to_string();
  EXPECT_EQ(body_of(*read), whole);
  EXPECT_LT(whole.size(), size_t{1000} << 10);
}

TEST_F(NodeListTest, ACloneHasNoNodes) {
  ASSERT_TRUE(keyring_.add_node(make("a").node(), 1).is_ok());
  ASSERT_TRUE(keyring_.remove_node("a").is_ok());
  ASSERT_TRUE(keyring_.add_node(make("a").node(), 1).is_ok());
  const auto clone = keyring_.clone_for(id_of(0xc1), 5);
  ASSERT_TRUE(clone.is_ok());
  EXPECT_TRUE(clone->nodes().empty());
  EXPECT_EQ(clone->authenticate_as_member("l", "m").value(), clone->authenticate("l", "m").value());
}

TEST_F(NodeListTest, ARequestIsOfWhoHasTheKeysAndOpensTheKeyring) {
  const NodeIdentity a = make("a"), b = make("b");
  const std::string text = request_of(a);
  EXPECT_TRUE(checked(text).is_ok());
  EXPECT_TRUE(checked(" " + text + "\n").is_ok());
  EXPECT_EQ(parse_join_request(text)->node, a.node());
  // The line of another node in place of one's own.
  const std::string stolen = text.substr(0, text.find(":coffer-node") + 1) + format_node_public(b.node());
  EXPECT_EQ(checked(stolen).code(), Code::kTampered);
  for (size_t at = 0; at < text.size(); ++at) {
    std::string altered = text;
    altered[at] = altered[at] == 'x' ? 'y' : 'x';
    EXPECT_FALSE(checked(altered).is_ok()) << at;
    EXPECT_FALSE(checked(text.substr(0, at)).is_ok()) << at;
  }
  // Who has keys, but not the coffer's.
  const Keyring other = std::move(*Keyring::create(id_of(0xc0), kNow));
  EXPECT_EQ(checked(*make_join_request(a, other, {}, kNow)).code(), Code::kWrongKey);
  EXPECT_EQ(checked(request_of(make("a", id_of(0xc1)))).code(), Code::kForeign);
}

TEST_F(NodeListTest, ARequestIsGoodForADay) {
  const std::string text = request_of(make("a"));
  EXPECT_TRUE(checked(text, kNow + 24 * 3600).is_ok());
  EXPECT_EQ(checked(text, kNow + 24 * 3600 + 1).code(), Code::kRolledBack);
  EXPECT_TRUE(checked(text, kNow - 300).is_ok());
  EXPECT_EQ(checked(text, kNow - 301).code(), Code::kRolledBack);
}

TEST_F(NodeListTest, ARemovedNodeDoesNotComeBackByARequestOfBefore) {
  const NodeIdentity a = make("a");
  const std::string text = request_of(a);
  const Keyring known = keyring_;
  ASSERT_TRUE(keyring_.add_node(a.node(), kNow).is_ok());
  EXPECT_TRUE(checked(text).is_ok()) << "one that has joined may ask again";
  ASSERT_TRUE(keyring_.remove_node("a").is_ok());
  EXPECT_EQ(checked(text).code(), Code::kWrongKey);
  EXPECT_EQ(checked(*make_join_request(a, known, {}, kNow)).code(), Code::kWrongKey) << "by what it remembers";
  EXPECT_TRUE(checked(request_of(make("b"))).is_ok());
  const auto read = KeyringBody::decode(body_of(keyring_));
  ASSERT_TRUE(read.is_ok());
  EXPECT_EQ(read->authenticate_as_member("l", "m").value(), keyring_.authenticate_as_member("l", "m").value());
}

TEST_F(NodeListTest, ARootsDigestShowsWhichItIsToMembersOnly) {
  const Sha256 digest = *root_digest_of(keyring_, "root-1", as_bytes("fingerprint"));
  EXPECT_EQ(*root_digest_of(keyring_, "root-1", as_bytes("fingerprint")), digest);
  EXPECT_NE(*root_digest_of(keyring_, "root-2", as_bytes("fingerprint")), digest);
  EXPECT_NE(*root_digest_of(keyring_, "root-1", as_bytes("other")), digest);
  const Keyring other = std::move(*Keyring::create(id_of(0xc0), kNow));
  EXPECT_NE(*root_digest_of(other, "root-1", as_bytes("fingerprint")), digest);
}

}  // namespace
}  // namespace coffer
