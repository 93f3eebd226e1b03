// Nodes' key pairs, and the line of text that is shown of one.
#include "coffer/keys/node_identity.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <numeric>

#include "coffer/base/base64.h"
#include "coffer/crypto/random.h"

namespace coffer {
namespace {

class NodeIdentityTest : public ::testing::Test {
 protected:
  static NodeIdentity make(std::string_view name) { return std::move(*NodeIdentity::create(name, *random_id())); }
  // The text with some bytes of what is encoded in it replaced by those of another.
  static std::string with_part_of(const std::string& text, const std::string& other, size_t begin, size_t size) {
    const size_t at = text.rfind(':') + 1;
    auto bytes = decode_base64(as_bytes(std::string_view(text).substr(at)), Base64Alphabet::kUrl);
    auto others = decode_base64(as_bytes(std::string_view(other).substr(at)), Base64Alphabet::kUrl);
    std::copy_n(others->reveal().begin() + static_cast<std::ptrdiff_t>(begin), size,
                bytes->reveal_mutable().begin() + static_cast<std::ptrdiff_t>(begin));
    Bytes encoded(base64url_size(bytes->size()));
    encode_base64url(bytes->reveal(), encoded);
    return text.substr(0, at) + std::string(as_text(encoded));
  }

  const NodeIdentity a_ = make("n1");
  const NodeIdentity b_ = make("n2");
};

TEST_F(NodeIdentityTest, ItsTextReadsBackAsTheSameNode) {
  const std::string text = format_node_public(a_.node());
  EXPECT_THAT(text, ::testing::MatchesRegex("coffer-node:v1:n1:[A-Za-z0-9_-]+"));
  EXPECT_EQ(*parse_node_public(text), a_.node());
  EXPECT_EQ(*parse_node_public(" \t" + text + "\r\n"), a_.node());
  EXPECT_EQ(NodeIdentity::of_seed(a_.node(), *a_.seed())->node(), a_.node());
}

// docs/format.md, "Worked example: a node", which is computed from the page and not by this code.
TEST_F(NodeIdentityTest, TheExampleOfTheFormatIsReadAndOpens) {
  constexpr std::string_view kLine =
      "coffer-node:v1:db-1:QEFCQ0RFRkdISUpLTE1OT0BAghkg31c4fjdZsrFYUHS9fIeGVgQOYMTB14X7tvVRpiKWKcgj"
      "8qAYZtyH29N-adCFyKdgpkdsZLx5bmSSukle5ZWdwO9SaFUQO6DBnFbaIlR8NWa4P8E0FueZf1socR-Ov-U-J5yxkyJ2"
      "YFpez_DSJw39BEY3fTLAlHQC4kgE";
  Bytes seed(kNodeSeedSize);
  std::iota(seed.begin(), seed.end(), uint8_t{0});
  const auto node = parse_node_public(kLine);
  ASSERT_TRUE(node.is_ok()) << node.status().to_string();
  EXPECT_EQ(to_hex(node->agreement), "4040821920df57387e3759b2b1585074bd7c878656040e60c4c1d785fbb6f551");
  EXPECT_TRUE(NodeIdentity::of_seed(*node, NodeSeed::copy_of(seed)).is_ok());
  EXPECT_EQ(format_node_public(*node), kLine);
}

TEST_F(NodeIdentityTest, ASlipInTheTextIsNoticedWhereverItIs) {
  const std::string text = format_node_public(a_.node());
  for (size_t at = 0; at < text.size(); ++at) {
    std::string altered = text;
    altered[at] = altered[at] == 'x' ? 'y' : 'x';
    EXPECT_FALSE(parse_node_public(altered).is_ok()) << at;
    EXPECT_FALSE(parse_node_public(text.substr(0, at)).is_ok()) << at;
  }
  EXPECT_FALSE(parse_node_public(text + "AAAA").is_ok());
}

TEST_F(NodeIdentityTest, HalvesOfTwoNodesAreNoNode) {
  const std::string text = format_node_public(a_.node()), other = format_node_public(b_.node());
  ASSERT_EQ(with_part_of(text, other, 0, 144).substr(text.rfind(':')), other.substr(other.rfind(':')));
  const std::pair<size_t, size_t> parts[] = {{0, 16}, {16, 32}, {48, 32}, {48, 96}, {80, 64}, {0, 144}};
  for (const auto& [begin, size] : parts) {
    EXPECT_EQ(parse_node_public(with_part_of(text, other, begin, size)).code(), Code::kTampered) << begin;
  }
  EXPECT_EQ(NodeIdentity::of_seed(a_.node(), *b_.seed()).code(), Code::kTampered);
}

TEST_F(NodeIdentityTest, ASignatureIsOfOneNodeOnePurposeAndOneMessage) {
  const Signature by_a = *a_.sign("test", as_bytes("message"));
  EXPECT_TRUE(check_node_signature(a_.node(), "test", as_bytes("message"), by_a).is_ok());
  EXPECT_EQ(check_node_signature(b_.node(), "test", as_bytes("message"), by_a).code(), Code::kTampered);
  EXPECT_EQ(check_node_signature(a_.node(), "tes", as_bytes("message"), by_a).code(), Code::kTampered);
  EXPECT_EQ(check_node_signature(a_.node(), "test", as_bytes("massage"), by_a).code(), Code::kTampered);
}

TEST_F(NodeIdentityTest, WhatIsSealedForANodeOpensThereAsOfItsSenderOnly) {
  const auto sealed = a_.seal(b_.node(), "test", as_bytes("bound"), as_bytes("secret"));
  ASSERT_TRUE(sealed.is_ok());
  EXPECT_EQ(as_text(b_.open(a_.node(), "test", as_bytes("bound"), *sealed)->reveal()), "secret");
  EXPECT_EQ(b_.open(make("n1").node(), "test", as_bytes("bound"), *sealed).code(), Code::kWrongKey);
  EXPECT_EQ(make("n2").open(a_.node(), "test", as_bytes("bound"), *sealed).code(), Code::kWrongKey);
  EXPECT_EQ(b_.open(a_.node(), "other", as_bytes("bound"), *sealed).code(), Code::kWrongKey);
  EXPECT_EQ(b_.open(a_.node(), "test", as_bytes("else"), *sealed).code(), Code::kWrongKey);
}

TEST_F(NodeIdentityTest, ANameStandsInTextAndFileNamesAsItIs) {
  for (const char* name : {"", "a b", "a:b", "a/b", "n\n", "\xc3\xa4"}) {
    EXPECT_EQ(NodeIdentity::create(name, *random_id()).code(), Code::kInvalidArgument) << name;
  }
  EXPECT_EQ(NodeIdentity::create(std::string(65, 'n'), *random_id()).code(), Code::kInvalidArgument);
  EXPECT_TRUE(NodeIdentity::create(std::string(64, 'n'), *random_id()).is_ok());
}

}  // namespace
}  // namespace coffer
