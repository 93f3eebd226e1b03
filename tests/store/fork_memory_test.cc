// A coffer whose process forks.
#include "store/coffer_fixture.h"
#include "support/forked_child.h"

namespace coffer {
namespace {

class ForkedCofferMemory : public CofferFixture {};

TEST_F(ForkedCofferMemory, AChildCanDoNothingWithItsParentsCofferAndOpensItAnew) {
  const std::string sealed = sealed_file(Kind::kBlocks, "text");
  const ByteView envelope = as_bytes(sealed).first(kEnvelopeSize);
  in_child([&] {
    const auto made = coffer_->new_file({.kind = Kind::kLog});
    EXPECT_EQ(made.code(), Code::kKeyUnavailable);
    EXPECT_THAT(std::string(made.status().message()), testing::HasSubstr("open the coffer and its files anew"));
    EXPECT_EQ(coffer_->unlock(envelope, db("file")).code(), Code::kKeyUnavailable);
    EXPECT_EQ(coffer_->live_keyring().refresh().code(), Code::kKeyUnavailable);
    EXPECT_EQ(coffer_->live_keyring().rotate_root({}).code(), Code::kKeyUnavailable);
    EXPECT_EQ(coffer_->live_keyring().update([](Keyring&) { return Status::ok(); }).code(), Code::kKeyUnavailable);
    const auto own = open_coffer();
    ASSERT_NE(own, nullptr);
    ASSERT_OK(own->unlock(envelope, db("file")));
    ASSERT_OK(own->new_file({.kind = Kind::kLog}));
  });
  ASSERT_OK(coffer_->unlock(envelope, db("file")));
  ASSERT_OK(coffer_->new_file({.kind = Kind::kLog}));
}

// A thread of the parent may have held any lock when it forked.
TEST_F(ForkedCofferMemory, AChildDoesNotWaitForThreadsThatItDoesNotHave) {
  std::atomic<bool> stop{false};
  std::thread other([&] {
    while (!stop) {
      ASSERT_OK(coffer_->live_keyring().refresh());
      ASSERT_OK(coffer_->new_file({.kind = Kind::kLog}));
    }
  });
  for (int i = 0; i < 50; ++i) {
    in_child([&] {
      alarm(30);
      EXPECT_EQ(coffer_->new_file({.kind = Kind::kLog}).code(), Code::kKeyUnavailable);
      EXPECT_EQ(coffer_->live_keyring().refresh().code(), Code::kKeyUnavailable);
    });
  }
  stop = true;
  other.join();
}

TEST_F(ForkedCofferMemory, FilesThatWereOpenSayThatTheKeyStayedBehind) {
  auto file = coffer_->new_file({.kind = Kind::kLog}).value();
  auto sealer = LogSealer::create(file.file_key, {file.fields.suite, file.fields.file_id}, {0, kEnvelopeSize, 0});
  ASSERT_OK(sealer);
  Buffer out;
  ASSERT_OK(sealer->append(as_bytes("before"), 0, out));
  auto opener = LogOpener::create(file.file_key, {file.fields.suite, file.fields.file_id});
  ASSERT_OK(opener);
  auto blocks = coffer_->new_file({.kind = Kind::kBlocks, .chunk_log2 = 12}).value();
  Buffer whole;
  seal_blocks(blocks, "text", whole);
  const auto reader = BlocksOpener::create(blocks.file_key, {blocks.fields.suite, 12, blocks.fields.file_id},
                                           whole.view().first(kBlocksPrefixSize), kEnvelopeSize + whole.size());
  ASSERT_OK(reader);
  Bytes sealed(whole.view().begin() + kBlocksPrefixSize, whole.view().end());
  Bytes text(4);
  in_child([&] {
    Buffer more;
    EXPECT_EQ(sealer->append(as_bytes("after"), 0, more).code(), Code::kKeyUnavailable);
    EXPECT_EQ(opener->step(out.mutable_view(), true).status().code(), Code::kKeyUnavailable);
    EXPECT_EQ(reader->open(0, 4, sealed, text.data()).code(), Code::kKeyUnavailable);
    EXPECT_EQ(text, Bytes(4));
  });
  ASSERT_OK(sealer->append(as_bytes("after"), 0, out));
  ASSERT_OK(reader->open(0, 4, sealed, text.data()));
  EXPECT_EQ(as_text(text), "text");
}

}  // namespace
}  // namespace coffer
