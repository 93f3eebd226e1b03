#include "coffer/format/blocks.h"

#include <algorithm>
#include <thread>

#include "format/sample.h"
#include "support/allocations.h"

namespace coffer {
namespace {

constexpr size_t kBody = kEnvelopeSize + kBlocksPrefixSize;

std::vector<size_t> boundary_sizes(size_t chunk) {
  return {0,
          1,
          15,
          16,
          17,
          chunk - 17,
          chunk - 16,
          chunk - 1,
          chunk,
          chunk + 1,
          2 * chunk - 1,
          2 * chunk,
          2 * chunk + 1,
          5 * chunk + 7};
}

TEST(BlocksLayout, HasTheSizesOfTheSpecification) {
  BlocksLayout layout = BlocksLayout::create(10).value();
  struct {
    uint64_t logical, physical;
  } cases[] = {{0, 8264},    {1, 8265},     {1023, 9287},  {1024, 9304},
               {1025, 9305}, {2047, 10327}, {2048, 10344}, {uint64_t{1} << 40, 8248 + (uint64_t{1} << 30) * 1040 + 16}};
  for (const auto& c : cases) {
    EXPECT_EQ(layout.physical_size(c.logical), c.physical);
    EXPECT_EQ(layout.logical_size(c.physical).value(), c.logical);
  }
  EXPECT_EQ(layout.logical_size((uint64_t{1} << 40) / 1024 * 1040 + 8248 + 17).code(), Code::kLimitExceeded);
  EXPECT_EQ(layout.logical_size(UINT64_MAX).code(), Code::kLimitExceeded);
}

TEST(BlocksLayout, HasTheSizesOfC2sp) {
  BlocksLayout layout = BlocksLayout::create(14).value();
  struct {
    uint64_t logical, physical;
  } cases[] = {{0, 8264}, {1024, 9288}, {16383, 24647}, {16384, 24664}, {16385, 24665}};
  for (const auto& c : cases) {
    EXPECT_EQ(layout.physical_size(c.logical), c.physical);
    EXPECT_EQ(layout.logical_size(c.physical).value(), c.logical);
  }
}

// B5
TEST(BlocksLayout, EverySizeIsOfOneMessageOrOfNone) {
  for (int log2 : {10, 11}) {
    BlocksLayout layout = BlocksLayout::create(log2).value();
    uint64_t logical = 0;
    for (uint64_t physical = 0; physical < kBody + 5 * (layout.chunk_size() + kTagSize); ++physical) {
      if (physical == layout.physical_size(logical)) {
        ASSERT_EQ(layout.logical_size(physical).value(), logical);
        ++logical;
      } else {
        ASSERT_EQ(layout.logical_size(physical).code(), Code::kTruncated) << physical;
      }
    }
  }
}

TEST(BlocksLayout, RefusesOtherChunkSizes) {
  for (int log2 : {-1, 0, 9, 21, 64}) EXPECT_EQ(BlocksLayout::create(log2).code(), Code::kInvalidArgument);
}

class EverySuite : public testing::TestWithParam<Suite> {};
INSTANTIATE_TEST_SUITE_P(Blocks, EverySuite, testing::ValuesIn(kAeadSuites));

TEST_P(EverySuite, WhatIsSealedOpensHoweverItWasAppended) {
  for (int log2 : {10, 12, 14, 20}) {
    Sample sample(Kind::kBlocks, GetParam(), log2);
    BlocksLayout layout = BlocksLayout::create(log2).value();
    for (size_t size : boundary_sizes(layout.chunk_size())) {
      Bytes plaintext = pattern(size, size);
      for (size_t step : {size_t{1000}, static_cast<size_t>(layout.chunk_size()), SIZE_MAX}) {
        Bytes file = sample.blocks_file(plaintext, step);
        ASSERT_EQ(file.size(), layout.physical_size(size));
        Result<Bytes> back = read_blocks_body(sample.file_key, sample.blocks_params(), file);
        ASSERT_TRUE(back.is_ok()) << back.status().to_string();
        ASSERT_EQ(*back, plaintext);
      }
    }
  }
}

TEST(Blocks, ByteByByteIsTheSameAsWhole) {
  Sample sample;
  Bytes plaintext = pattern(2500, 1);
  EXPECT_EQ(read_blocks_body(sample.file_key, sample.blocks_params(), sample.blocks_file(plaintext, 1)).value(),
            plaintext);
}

TEST(Blocks, AnyRangeOpens) {
  Sample sample;
  Bytes plaintext = pattern(3 * 1024 + 100, 2);
  const Bytes file = sample.blocks_file(plaintext);
  BlocksOpener opener =
      BlocksOpener::create(sample.file_key, sample.blocks_params(), slice(file, kEnvelopeSize, 56), file.size())
          .value();
  std::vector<size_t> edges{
      0, 1, 1023, 1024, 1025, 2047, 2048, 3071, 3072, 3073, plaintext.size() - 1, plaintext.size()};
  for (size_t from : edges) {
    for (size_t to : edges) {
      if (to < from) continue;
      auto range = opener.range(from, to - from);
      Bytes sealed(file.begin() + static_cast<ptrdiff_t>(range.offset),
                   file.begin() + static_cast<ptrdiff_t>(range.offset + range.size));
      Bytes out(to - from + 1, 0xcc);
      ASSERT_TRUE(opener.open(from, to - from, sealed, out.data())) << from << " to " << to;
      ASSERT_TRUE(std::equal(out.begin(), out.end() - 1, plaintext.begin() + static_cast<ptrdiff_t>(from)));
      ASSERT_EQ(out.back(), 0xcc) << "wrote past the range";
    }
  }
  Bytes none;
  uint8_t out = 0;
  EXPECT_EQ(opener.open(plaintext.size(), 1, none, &out).code(), Code::kInternal);
  EXPECT_EQ(opener.open(UINT64_MAX, 2, none, &out).code(), Code::kInternal);
  EXPECT_EQ(opener.open(0, 1, none, &out).code(), Code::kInternal);
}

// B4: of a range that fails nothing is released, wherever in it the damage is.
TEST(Blocks, AFailedRangeIsAllZeros) {
  Sample sample;
  Bytes plaintext = pattern(4 * 1024 + 100, 2);
  const Bytes file = sample.blocks_file(plaintext);
  BlocksOpener opener =
      BlocksOpener::create(sample.file_key, sample.blocks_params(), slice(file, kEnvelopeSize, 56), file.size())
          .value();
  for (size_t chunk = 0; chunk < 5; ++chunk) {
    Bytes broken = file;
    broken[kBody + chunk * 1040 + 5] ^= 1;
    for (size_t from : {0u, 10u}) {
      Bytes out(plaintext.size() - from, 0xcc);
      auto range = opener.range(from, out.size());
      Status status = opener.open(from, out.size(), MutableBytes(broken).subspan(range.offset, range.size), out.data());
      EXPECT_EQ(status.code(), Code::kTampered);
      EXPECT_NE(status.message().find("chunk " + std::to_string(chunk)), std::string_view::npos) << status.message();
      EXPECT_EQ(out, Bytes(out.size()));
      broken = file;
      broken[kBody + chunk * 1040 + 5] ^= 1;
    }
  }
}

TEST(Blocks, EveryFlippedBitIsDetected) {
  for (Suite suite : {Suite::kAes256Gcm, Suite::kChaCha20Poly1305}) {
    Sample sample(Kind::kBlocks, suite);
    Bytes file = sample.blocks_file(pattern(1024 + 100, 3));
    for (size_t bit = kEnvelopeSize * 8; bit < file.size() * 8; ++bit) {
      file[bit / 8] ^= static_cast<uint8_t>(1 << bit % 8);
      ASSERT_EQ(read_blocks_body(sample.file_key, sample.blocks_params(), file).code(), Code::kTampered)
          << "bit " << bit;
      file[bit / 8] ^= static_cast<uint8_t>(1 << bit % 8);
    }
  }
}

TEST(Blocks, EveryCutAndEveryExtensionIsDetected) {
  Sample sample;
  for (size_t size : {0u, 100u, 1024u, 2048u + 30u}) {
    const Bytes file = sample.blocks_file(pattern(size, 4));
    for (size_t cut = kEnvelopeSize; cut < file.size(); ++cut) {
      Bytes shorter(file.begin(), file.begin() + static_cast<ptrdiff_t>(cut));
      Code code = read_blocks_body(sample.file_key, sample.blocks_params(), shorter).code();
      ASSERT_TRUE(code == Code::kTruncated || code == Code::kTampered) << "cut at " << cut;
    }
    Bytes longer = file;
    for (size_t extra = 1; extra < 1100; ++extra) {
      longer.push_back(static_cast<uint8_t>(extra));
      Code code = read_blocks_body(sample.file_key, sample.blocks_params(), longer).code();
      ASSERT_TRUE(code == Code::kTruncated || code == Code::kTampered) << "longer by " << extra;
    }
  }
}

class MovedChunks : public testing::Test {
 protected:
  static constexpr size_t kChunk = 1024 + kTagSize;
  static ptrdiff_t at(size_t chunk) { return static_cast<ptrdiff_t>(kBody + chunk * kChunk); }
  Code read(const Bytes& file) { return read_blocks_body(sample_.file_key, sample_.blocks_params(), file).code(); }

  Sample sample_;
  Bytes plaintext_ = pattern(4 * 1024 + 100, 5);
  Bytes file_ = sample_.blocks_file(plaintext_);
};

TEST_F(MovedChunks, SwappedChunksAreDetected) {
  for (size_t i = 0; i < 4; ++i) {
    for (size_t j = i + 1; j < 4; ++j) {
      Bytes file = file_;
      std::swap_ranges(file.begin() + at(i), file.begin() + at(i + 1), file.begin() + at(j));
      EXPECT_EQ(read(file), Code::kTampered);
    }
  }
}

TEST_F(MovedChunks, DuplicatedAndDroppedChunksAreDetected) {
  for (size_t i = 0; i < 4; ++i) {
    Bytes doubled = file_;
    doubled.insert(doubled.begin() + at(i), file_.begin() + at(i), file_.begin() + at(i + 1));
    EXPECT_EQ(read(doubled), Code::kTampered);
    Bytes dropped = file_;
    dropped.erase(dropped.begin() + at(i), dropped.begin() + at(i + 1));
    EXPECT_EQ(read(dropped), Code::kTampered);
  }
  Bytes without_last(file_.begin(), file_.begin() + at(4));
  EXPECT_EQ(read(without_last), Code::kTruncated);
}

TEST_F(MovedChunks, ChunksOfAnotherFileAreDetected) {
  Sample other;
  Bytes foreign = other.blocks_file(plaintext_);
  Bytes sibling = sample_.blocks_file(plaintext_);  // the same key: another message under another salt
  for (const Bytes& from : {foreign, sibling}) {
    for (size_t i = 0; i < 4; ++i) {
      Bytes file = file_;
      std::copy(from.begin() + at(i), from.begin() + at(i + 1), file.begin() + at(i));
      EXPECT_EQ(read(file), Code::kTampered);
    }
    Bytes file = file_;
    std::copy_n(from.begin() + kEnvelopeSize, kBlocksPrefixSize, file.begin() + kEnvelopeSize);
    EXPECT_EQ(read(file), Code::kTampered);
  }
}

TEST_F(MovedChunks, ABodyUnderAnotherHeaderIsDetected) {
  Sample other;
  EXPECT_EQ(read_blocks_body(other.file_key, other.blocks_params(), file_).code(), Code::kTampered);
  BlocksParams params = sample_.blocks_params();
  params.file_id.bytes[3] ^= 1;
  EXPECT_EQ(read_blocks_body(sample_.file_key, params, file_).code(), Code::kTampered);
  params = sample_.blocks_params();
  params.chunk_log2 = 11;
  EXPECT_TRUE(is_integrity_error(read_blocks_body(sample_.file_key, params, file_).code()));
  params = sample_.blocks_params();
  params.suite = Suite::kChaCha20Poly1305;
  EXPECT_EQ(read_blocks_body(sample_.file_key, params, file_).code(), Code::kTampered);
}

TEST(Blocks, AFinishedMessageIsNeverContinued) {
  Sample sample;
  BlocksSealer sealer = BlocksSealer::create(sample.file_key, sample.blocks_params()).value();
  Buffer out;
  ASSERT_TRUE(sealer.append(pattern(10, 1), out));
  ASSERT_TRUE(sealer.finish(out));
  EXPECT_TRUE(sealer.finished());
  size_t size = out.size();
  EXPECT_EQ(sealer.append(pattern(1, 1), out).code(), Code::kUnsupported);
  EXPECT_EQ(sealer.append({}, out).code(), Code::kUnsupported);
  EXPECT_EQ(sealer.finish(out).code(), Code::kUnsupported);
  EXPECT_EQ(out.size(), size);
}

TEST(Blocks, RefusesMoreThanTheLimitBeforeProducingAnything) {
  Sample sample;
  BlocksSealer sealer = BlocksSealer::create(sample.file_key, sample.blocks_params()).value();
  Buffer out;
  uint8_t byte = 0;  // never read: the size alone is refused
  EXPECT_EQ(sealer.append({&byte, kBlocksSizeMax + 1}, out).code(), Code::kLimitExceeded);
  EXPECT_EQ(out.size(), 0u);
  EXPECT_EQ(sealer.logical_size(), 0u);
}

TEST(Blocks, EveryMessageHasItsOwnSalt) {
  Sample sample;
  std::vector<Bytes> salts;
  for (int i = 0; i < 50; ++i) {
    Bytes file = sample.blocks_file({});
    salts.emplace_back(file.begin() + kEnvelopeSize, file.begin() + kEnvelopeSize + 24);
  }
  std::ranges::sort(salts);
  EXPECT_EQ(std::ranges::adjacent_find(salts), salts.end());
}

TEST(Blocks, RefusesKeysAndSuitesThatDoNotFit) {
  Sample sample;
  EXPECT_EQ(BlocksSealer::create(sample.file_key, {Suite::kAes128Gcm, 10, {}}).code(), Code::kInvalidArgument);
  EXPECT_EQ(BlocksSealer::create(sample.file_key, {Suite::kAes256Ctr, 10, {}}).code(), Code::kInvalidArgument);
  EXPECT_EQ(BlocksSealer::create(sample.file_key, {Suite::kAes256Gcm, 9, {}}).code(), Code::kInvalidArgument);
  EXPECT_EQ(BlocksOpener::create(sample.file_key, sample.blocks_params(), Bytes(55), 9000).code(), Code::kTruncated);
}

TEST(Blocks, HotPathsAllocateNothing) {
  Sample sample(Kind::kBlocks, Suite::kAes256Gcm, 12);
  Bytes plaintext = pattern(100000, 6), out(plaintext.size());
  BlocksSealer sealer = BlocksSealer::create(sample.file_key, sample.blocks_params()).value();
  Buffer buffer(200000);
  buffer.extend(kEnvelopeSize);
  ASSERT_TRUE(sealer.append(slice(plaintext, 0, 5000), buffer));
  {
    AllocationCounter counter;
    ASSERT_TRUE(sealer.append(slice(plaintext, 5000, 95000), buffer));
    EXPECT_EQ(counter.count(), 0u);
  }
  ASSERT_TRUE(sealer.finish(buffer));
  BlocksOpener opener = BlocksOpener::create(sample.file_key, sample.blocks_params(),
                                             buffer.view().subspan(kEnvelopeSize, 56), buffer.size())
                            .value();
  Bytes file(buffer.view().begin(), buffer.view().end());
  auto range = opener.range(0, 1);
  ASSERT_TRUE(opener.open(0, 1, MutableBytes(file).subspan(range.offset, range.size), out.data()));
  range = opener.range(10, 99980);
  file.assign(buffer.view().begin(), buffer.view().end());
  AllocationCounter counter;
  ASSERT_TRUE(opener.open(10, 99980, MutableBytes(file).subspan(range.offset, range.size), out.data()));
  EXPECT_EQ(counter.count(), 0u);
}

TEST(Blocks, ManyThreadsMayReadAtOnce) {
  Sample sample;
  const Bytes plaintext = pattern(20000, 8);
  const Bytes file = sample.blocks_file(plaintext);
  const BlocksOpener opener =
      BlocksOpener::create(sample.file_key, sample.blocks_params(), slice(file, kEnvelopeSize, 56), file.size())
          .value();
  std::atomic<int> failures{0};
  std::vector<std::thread> threads;
  for (size_t t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      for (size_t i = 0; i < 200; ++i) {
        size_t from = (i * 97 + t * 31) % 19000;
        auto range = opener.range(from, 1000);
        Bytes sealed(file.begin() + static_cast<ptrdiff_t>(range.offset),
                     file.begin() + static_cast<ptrdiff_t>(range.offset + range.size));
        Bytes out(1000);
        if (!opener.open(from, 1000, sealed, out.data()) || !std::ranges::equal(out, slice(plaintext, from, 1000)))
          ++failures;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(failures, 0);
}

}  // namespace
}  // namespace coffer
