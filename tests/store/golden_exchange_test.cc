// A stream and a backup as version 1 of their formats was written, opened by another coffer with keys that everybody
// knows: tests/golden/v1-exchange.
#include "coffer/ops/backup_restore.h"
#include "coffer/ops/json.h"
#include "coffer/ops/stream_nodes.h"
#include "coffer_test_paths.h"
#include "store/stream_fixture.h"

namespace coffer {
namespace {

class GoldenExchange : public StreamFixture {
 protected:
  void SetUp() override {
    StreamFixture::SetUp();
    about_ = Json::parse(read(golden("about.json")));
  }

  static std::string golden(const std::string& name) { return COFFER_SOURCE_DIR "/tests/golden/v1-exchange/" + name; }
  Bytes bytes_of(const char* member) const { return from_hex(about_.at(member).get<std::string>()).value(); }

  // Of a directory, as engines of this coffer read it.
  void expect_golden(const std::string& directory) {
    ASSERT_GE(about_.at("files").size(), 4u);
    for (const auto& [name, said] : about_.at("files").items()) {
      const std::string text = plaintext(*coffer_, directory + "/" + name);
      EXPECT_EQ(text.size(), said.at("size").get<size_t>()) << name;
      EXPECT_EQ(to_hex(*sha256(as_bytes(text))), said.at("sha256").get<std::string>()) << name << ": " << text;
    }
    EXPECT_TRUE(std::filesystem::is_empty(directory + "/" + about_.at("empty").get<std::string>()));
  }

  Json about_;
};

TEST_F(GoldenExchange, TheStreamIsReceivedForEver) {
  const auto sender = parse_node_public(about_.at("sender").get<std::string>());
  const auto receiver = parse_node_public(about_.at("receiver").get<std::string>());
  ASSERT_OK(sender);
  ASSERT_OK(receiver);
  auto identity = NodeIdentity::of_seed(*receiver, NodeSeed::copy_of(bytes_of("receiver_seed")));
  ASSERT_OK(identity);
  const auto trust_sender = [&](const FileStreamHead& head) -> Status {
    if (head.sender == sender->agreement && head.signer == sender->signing) return Status::ok();
    return {Code::kPermissionDenied, "a stranger"};
  };
  const std::string stream = read(golden("stream"));
  ByteView rest = as_bytes(stream);
  const auto next = [&](MutableBytes out) -> Result<size_t> {
    const size_t count = std::min(out.size(), rest.size());
    std::ranges::copy(rest.first(count), out.begin());
    rest = rest.subspan(count);
    return count;
  };
  ASSERT_OK(receive_files(*coffer_, root_ + "/new", StreamingNode(std::move(*identity)), {.trusts = trust_sender},
                          next));
  expect_golden(root_ + "/new");
}

TEST_F(GoldenExchange, TheBackupIsRestoredForEver) {
  write(root_ + "/recipient.key", read(golden("root.key")));
  chmod((root_ + "/recipient.key").c_str(), 0600);
  const auto target = directory_target(disk(), golden("target"));
  const auto id = Id::parse(about_.at("backup").get<std::string>());
  ASSERT_OK(id);
  SignaturePublicKey signer{};
  std::ranges::copy(bytes_of("signed_by"), signer.begin());
  const RestoreOptions options{.open_with = key_uri("recipient.key"), .signed_by = signer};
  const auto done = restore_backup(*coffer_, open_provider, *target, *id, root_ + "/new", options);
  ASSERT_OK(done);
  EXPECT_THAT(done->domains, testing::UnorderedElementsAre("system", "tenant-7"));
  expect_golden(root_ + "/new");
}

}  // namespace
}  // namespace coffer
