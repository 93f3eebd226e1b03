// What nodes say of themselves, and where that is kept beside a keyring in a file.
#include "coffer/keys/node_report.h"

#include <gmock/gmock.h>

#include "coffer/keys/report_files.h"
#include "keys/fixtures.h"
#include "support/memory_disk.h"

namespace coffer {
namespace {

class NodeReportTest : public ::testing::Test {
 protected:
  static NodeIdentity make(std::string_view name) { return std::move(*NodeIdentity::create(name, id_of(0xc0))); }
  static EnrolledNode listed(const NodeIdentity& node) {
    return {node.node().name, node.node().agreement, node.node().signing, 1};
  }
  Status opened(const std::string& text, const NodeIdentity& node, const Id& coffer = id_of(0xc0)) const {
    return open_node_report(as_bytes(text), listed(node), coffer).status();
  }

  const NodeIdentity a_ = make("a");
  const NodeReport report_{1'700'000'000, 12, "kProviderUnavailable: \"etcd\" is away\n\xff"};
};

TEST_F(NodeReportTest, ItIsOfTheNodeThatSignedItAndOfNoOther) {
  const std::string text = *sign_node_report(a_, report_);
  const auto read = open_node_report(as_bytes(text), listed(a_), id_of(0xc0));
  ASSERT_TRUE(read.is_ok()) << read.status().to_string();
  EXPECT_EQ(read->time, report_.time);
  EXPECT_EQ(read->keyring_version, 12u);
  EXPECT_THAT(read->error, ::testing::HasSubstr("\"etcd\" is away"));
  EXPECT_FALSE(read->ended);
  NodeReport last = report_;
  last.ended = true;
  EXPECT_FALSE(last.says_the_same_as(report_));
  EXPECT_TRUE(open_node_report(as_bytes(*sign_node_report(a_, last)), listed(a_), id_of(0xc0))->ended);
  EXPECT_EQ(opened(text, make("a")).code(), Code::kTampered) << "other keys under the same name";
  EXPECT_EQ(opened(text, make("b")).code(), Code::kTampered);
  EXPECT_EQ(opened(text, a_, id_of(0xc1)).code(), Code::kTampered) << "of another coffer";
}

TEST_F(NodeReportTest, ItMayBeAlteredNowhere) {
  const std::string text = *sign_node_report(a_, report_);
  for (size_t at = 0; at + 1 < text.size(); ++at) {
    std::string altered = text;
    altered[at] = altered[at] == '1' ? '2' : '1';
    EXPECT_FALSE(opened(altered, a_).is_ok()) << at;
    EXPECT_EQ(opened(text.substr(0, at), a_).code(), Code::kDamaged) << at;
  }
  for (const char* other : {"", "[]", "{}", "{\"report\":{},\"signature\":\"\"}", "{\"report\":1,\"signature\":2}"}) {
    EXPECT_EQ(opened(other, a_).code(), Code::kDamaged) << other;
  }
  EXPECT_EQ(opened(std::string(kNodeReportSizeMax + 1, ' '), a_).code(), Code::kDamaged);
}

TEST_F(NodeReportTest, TheLongestErrorLeavesItWithinItsBound) {
  const std::string text = *sign_node_report(a_, {1, 2, std::string(100'000, '"')});
  EXPECT_LE(text.size(), kNodeReportSizeMax);
  EXPECT_TRUE(opened(text, a_).is_ok());
}

TEST_F(NodeReportTest, OneFileForEachNodeWhateverItIsCalled) {
  MemoryDisk disk;
  ASSERT_TRUE(disk.make_directory("/c", 0700).is_ok());
  EXPECT_TRUE(load_report_files(disk, "/c")->empty());
  EXPECT_TRUE(remove_report_file(disk, "/c", "a").is_ok());
  for (const char* name : {"a", ".", "..", "x.json"}) {
    ASSERT_TRUE(save_report_file(disk, "/c", name, as_bytes(std::string("of ") + name)).is_ok()) << name;
  }
  ASSERT_TRUE(save_report_file(disk, "/c", "a", as_bytes("again")).is_ok());
  std::map<std::string, std::string> found;
  for (const auto all = *load_report_files(disk, "/c"); const NodeReportText& each : all) {
    found[each.node] = as_text(each.report);
  }
  EXPECT_THAT(found, ::testing::ElementsAre(std::pair(".", "of ."), std::pair("..", "of .."), std::pair("a", "again"),
                                            std::pair("x.json", "of x.json")));
  ASSERT_TRUE(remove_report_file(disk, "/c", "a").is_ok());
  EXPECT_EQ(load_report_files(disk, "/c")->size(), 3u);
}

}  // namespace
}  // namespace coffer
