// What stands at a file's head is told apart by its bytes alone, and what a file is to its engine decides the rest.
#include "coffer/files/file_head.h"

#include "coffer/files/engine_role.h"
#include "store/coffer_fixture.h"

namespace coffer {
namespace {

using What = FileHead::What;

class FileHeadTest : public CofferFixture {
 protected:
  void SetUp() override {
    CofferFixture::SetUp();
    auto file = coffer_->new_file({.kind = Kind::kLog});
    ASSERT_OK(file);
    envelope_.assign(file->envelope.begin(), file->envelope.end());
  }
  static What what(ByteView start) { return look_at_head(start, "f").what; }

  Bytes envelope_;
};

TEST_F(FileHeadTest, NothingIsZerosOrTheBeginningOfAHeaderOnly) {
  for (size_t size : {0u, 1u, 7u, 8u, 9u, 512u, 4096u, 4100u, 8191u}) {
    EXPECT_EQ(what(ByteView(envelope_).first(size)), What::kNothing) << size;
    EXPECT_EQ(what(Bytes(size)), What::kNothing) << size;
  }
  EXPECT_EQ(what(Bytes(kEnvelopeSize)), What::kNothing);
  // A crash may leave sectors in any order.
  Bytes hole(envelope_.begin(), envelope_.begin() + 5000);
  std::fill_n(hole.begin(), kSlotSize, uint8_t{0});
  EXPECT_EQ(what(hole), What::kNothing);
}

TEST_F(FileHeadTest, OtherBytesArePlaintextHoweverManyThereAre) {
  for (const std::string& bytes :
       {std::string("MANIFEST-000004\n"), std::string("C0"), std::string(4097, 'x'), std::string(20000, 'x')}) {
    const FileHead head = look_at_head(as_bytes(bytes).first(std::min(bytes.size(), kEnvelopeSize)), "the/file");
    EXPECT_EQ(head.what, What::kPlaintext);
    EXPECT_EQ(head.refusal.code(), Code::kPlaintext);
    EXPECT_THAT(head.refusal.to_string(), ::testing::HasSubstr("the/file"));
  }
}

TEST_F(FileHeadTest, AHeaderIsReadableDamagedOrOfANewerCoffer) {
  const FileHead good = look_at_head(envelope_, "f");
  EXPECT_EQ(good.what, What::kCoffer);
  ASSERT_OK(good.refusal);
  EXPECT_EQ(good.scan.fields.kind, Kind::kLog);
  Bytes damaged = envelope_;
  damaged[20] ^= 1;
  EXPECT_EQ(what(damaged), What::kCoffer) << "the other slot stands";
  damaged[kSlotSize + 20] ^= 1;
  EXPECT_EQ(what(damaged), What::kUnreadable);
  EXPECT_EQ(look_at_head(damaged, "f").refusal.code(), Code::kDamaged);
}

TEST(EngineRole, OnlyWhatACrashCannotTearMustEndCleanlyAndOnlyLogsAndNotesMayBeEmpty) {
  for (EngineRole role : {EngineRole::kWhole, EngineRole::kTemporary}) {
    EXPECT_TRUE(ends_cleanly(role));
    EXPECT_FALSE(may_be_empty(role));
  }
  for (EngineRole role : {EngineRole::kLog, EngineRole::kMetadata, EngineRole::kTrash, EngineRole::kOther}) {
    EXPECT_FALSE(ends_cleanly(role));
    EXPECT_TRUE(may_be_empty(role));
  }
  EXPECT_FALSE(ends_cleanly(EngineRole::kData));
  EXPECT_FALSE(may_be_empty(EngineRole::kData));
}

TEST(EngineRole, MetadataIsAlwaysOfTheKindThatTellsATornEndFromDamage) {
  Config config;
  config.data_kind = config.log_kind = Kind::kCtr;
  for (EngineRole role : {EngineRole::kMetadata, EngineRole::kWhole, EngineRole::kTemporary}) {
    EXPECT_EQ(kind_of(role, config), Kind::kLog);
  }
  for (EngineRole role : {EngineRole::kData, EngineRole::kLog, EngineRole::kOther}) {
    EXPECT_EQ(kind_of(role, config), Kind::kCtr);
  }
}

}  // namespace
}  // namespace coffer
