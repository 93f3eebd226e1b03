// COFFER/node.key: a node's own keys, sealed by the coffer or by a root key of its own.
#include "coffer/store/node_key.h"

#include "coffer/config/config_edit.h"
#include "coffer_fixture.h"

namespace coffer {
namespace {

using ::testing::HasSubstr;

class NodeKeyTest : public CofferFixture {
 protected:
  NodeIdentity make(std::string_view name) const {
    return std::move(*NodeIdentity::create(name, coffer_->config().coffer_id));
  }
  std::string key_path() const { return coffer_path() + "/node.key"; }
  Result<NodeIdentity> opened() const { return open_node_identity(*coffer_, open_provider); }
  Status keep(const NodeIdentity& node, const std::string& root = {}) const {
    return keep_node_identity(*coffer_, node, root, open_provider);
  }
  // A root of this machine alone, which has no slot.
  void configure_root(const std::string& name, const std::string& uri) {
    ASSERT_OK(coffer_->edit_config([&](std::string_view yaml) {
      return with_root(yaml, name, {.uri = *parse_provider_uri(uri), .fingerprint = {}}, "coffer.yaml");
    }));
  }
};

TEST_F(NodeKeyTest, ANodeIsWhoItWasAfterEveryRotation) {
  EXPECT_EQ(opened().code(), Code::kNotFound);
  const NodeIdentity node = make("n1");
  ASSERT_OK(keep(node));
  EXPECT_EQ(std::filesystem::status(key_path()).permissions(), std::filesystem::perms(0600));
  ASSERT_OK(coffer_->live_keyring().rotate_root("", ""));
  ASSERT_OK(coffer_->live_keyring().update([](Keyring& keyring) { return keyring.rotate_domain("system", 5); }));
  coffer_ = open_coffer();
  const auto again = opened();
  ASSERT_OK(again);
  EXPECT_EQ(again->node(), node.node());
  EXPECT_TRUE(check_node_signature(node.node(), "t", as_bytes("m"), *again->sign("t", as_bytes("m"))).is_ok());
  EXPECT_EQ(keep(make("n2")).code(), Code::kAlreadyExists);
  EXPECT_EQ(*root_of_node_key(*coffer_), "");
}

TEST_F(NodeKeyTest, ARootOfItsOwnIsNeededToOpenItAndNoOther) {
  configure_root("node", key_uri("other.key"));
  ASSERT_OK(keep(make("n1"), "node"));
  EXPECT_EQ(*root_of_node_key(*coffer_), "node");
  ASSERT_OK(opened());
  write_key_file("other.key", 'x');
  EXPECT_EQ(opened().code(), Code::kWrongKey);
  std::filesystem::remove(root_ + "/other.key");
  EXPECT_EQ(opened().code(), Code::kKeyUnavailable);
  EXPECT_EQ(keep_next_node_identity(*coffer_, make("n1"), "none", open_provider).code(), Code::kKeyUnavailable);
}

TEST_F(NodeKeyTest, WhatWasAlteredOrIsAnothersIsRefused) {
  ASSERT_OK(keep(make("n1")));
  const std::string text = read(key_path());
  for (size_t at = 0; at < text.size(); ++at) {
    std::string altered = text;
    altered[at] = altered[at] == 'x' ? 'y' : 'x';
    write(key_path(), altered);
    EXPECT_FALSE(opened().is_ok()) << at;
    if (at % 8 != 0 || at + 4 > text.size()) continue;
    write(key_path(), text.substr(0, at));
    EXPECT_FALSE(opened().is_ok()) << at;
  }
  // The keys of one node under the name of another.
  ASSERT_OK(keep_next_node_identity(*coffer_, make("n1"), "", open_provider));
  ASSERT_OK(take_next_node_identity(*coffer_));
  const std::string other = read(key_path());
  write(key_path(), text.substr(0, text.find('\n')) + other.substr(other.find('\n')));
  EXPECT_EQ(opened().code(), Code::kTampered);
}

TEST_F(NodeKeyTest, ACloneIsAnotherCofferWithNodesOfItsOwn) {
  ASSERT_OK(keep(make("n1")));
  ASSERT_OK(coffer_->clone_to(root_ + "/clone", open_provider));
  const auto clone = Coffer::open(disk(), root_ + "/clone", {}, open_provider);
  ASSERT_OK(clone);
  EXPECT_EQ(open_node_identity(**clone, open_provider).code(), Code::kNotFound);
  std::filesystem::copy(key_path(), root_ + "/clone/node.key");
  EXPECT_EQ(open_node_identity(**clone, open_provider).code(), Code::kForeign);
}

}  // namespace
}  // namespace coffer
