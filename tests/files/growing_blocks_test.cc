// A `blocks` file while it is written: what was appended reads back, at every size around a chunk and however it came.
#include "coffer/files/growing_blocks.h"

#include "coffer/files/disk_append_file.h"
#include "store/coffer_fixture.h"

namespace coffer {
namespace {

using ::testing::HasSubstr;

class GrowingBlocksTest : public CofferFixture {
 protected:
  static constexpr size_t kChunk = 1024;

  void SetUp() override {
    CofferFixture::SetUp();
    auto file = disk().create(path_ = db("file"), 0600);
    ASSERT_OK(file);
    lent_ = std::make_unique<DiskAppendFile>(disk(), path_, std::move(*file));
    auto header = coffer_->new_file({.kind = Kind::kBlocks, .chunk_log2 = 10});
    ASSERT_OK(header);
    std::shared_ptr<const ReadableFile> reading = *disk().open_read(path_);
    auto made = GrowingBlocks::create(coffer_, std::move(*header), reading);
    ASSERT_OK(made);
    blocks_ = std::move(*made);
  }

  void append(size_t count) {
    std::string piece(count, '\0');
    for (char& c : piece) c = static_cast<char>('a' + text_.size() % 23 + (&c - piece.data()) % 3);
    ASSERT_OK(blocks_->append(as_bytes(piece), *lent_));
    text_ += piece;
  }
  std::string read(uint64_t offset, size_t count) {
    std::string out(count, '\xee');
    const auto found = blocks_->read(offset, MutableBytes(reinterpret_cast<uint8_t*>(out.data()), out.size()));
    EXPECT_TRUE(found.is_ok()) << status_text(found);
    out.resize(found.is_ok() ? *found : 0);
    return out;
  }
  void expect_all() {
    ASSERT_EQ(blocks_->logical_size(), text_.size());
    for (const size_t offset : {size_t{0}, size_t{1}, kChunk - 1, kChunk, kChunk + 1, 2 * kChunk, text_.size()}) {
      for (const size_t count : {size_t{1}, kChunk, 5 * kChunk}) {
        ASSERT_EQ(read(offset, count), offset < text_.size() ? text_.substr(offset, count) : "") << offset;
      }
    }
  }

  std::string path_, text_;
  std::unique_ptr<DiskAppendFile> lent_;
  std::unique_ptr<GrowingBlocks> blocks_;
};

TEST_F(GrowingBlocksTest, WhatWasAppendedReadsBackAtOnce) {
  for (const size_t count : {size_t{1}, kChunk - 2, size_t{1}, size_t{1}, kChunk - 1, kChunk, kChunk + 1, 3 * kChunk,
                             size_t{700}, size_t{700}}) {
    append(count);
    ASSERT_NO_FATAL_FAILURE(expect_all());
  }
  ASSERT_OK(blocks_->sync(true, *lent_));
  expect_all();
  ASSERT_OK(blocks_->close(*lent_));
  expect_all();
}

TEST_F(GrowingBlocksTest, ASyncCompletesIt) {
  append(kChunk);
  ASSERT_OK(blocks_->sync(false, *lent_));
  const Status refused = blocks_->append(as_bytes("more"), *lent_);
  EXPECT_EQ(refused.code(), Code::kUnsupported);
  EXPECT_THAT(refused.to_string(), HasSubstr("complete"));
  ASSERT_OK(blocks_->sync(false, *lent_));
  ASSERT_OK(blocks_->close(*lent_));
  EXPECT_EQ(read(0, 2 * kChunk), text_);
}

TEST_F(GrowingBlocksTest, NothingAppendedLeavesAnEmptyFile) {
  ASSERT_OK(blocks_->sync(true, *lent_));
  EXPECT_EQ(read(0, 10), "");
  append(5);  // a sync of nothing completes nothing
  EXPECT_EQ(read(0, 10), text_);
  ASSERT_OK(blocks_->close(*lent_));
  EXPECT_GT(std::filesystem::file_size(path_), kEnvelopeSize);
}

TEST_F(GrowingBlocksTest, ClosedWithoutAByteItHasNoHeader) {
  ASSERT_OK(blocks_->close(*lent_));
  EXPECT_EQ(std::filesystem::file_size(path_), 0u);
}

TEST_F(GrowingBlocksTest, DamageInTheFileIsNoticedWhileItIsWritten) {
  append(3 * kChunk + 10);
  auto file = disk().open_write(path_);
  ASSERT_OK(file);
  ASSERT_OK((*file)->write_at(kEnvelopeSize + kBlocksPrefixSize + kChunk + 100, as_bytes("x")));
  std::string out(kChunk, '\xee');
  const MutableBytes bytes(reinterpret_cast<uint8_t*>(out.data()), out.size());
  EXPECT_EQ(blocks_->read(kChunk, bytes).code(), Code::kTampered);
  EXPECT_EQ(read(2 * kChunk, 2 * kChunk), text_.substr(2 * kChunk));
}

}  // namespace
}  // namespace coffer
