// What counts as evidence behind a bad place (L7), and what looking for it costs.
#include <gtest/gtest.h>

#include "coffer/base/codec.h"
#include "coffer/base/crc32c.h"
#include "format/log_sample.h"

namespace coffer {
namespace {

using Verdict = LogTailSearch::Verdict;

class TailSearch : public testing::Test {
 protected:
  static constexpr size_t kPlace = kEnvelopeSize + 1000;  // the bad place

  // A frame that only its checksum vouches for.
  void put_frame(size_t at, uint32_t word, uint64_t durable) {
    store_le32(&bytes_[at], word);
    store_le64(&bytes_[at + 8], durable);
    uint8_t place[8];
    store_le64(place, at);
    uint32_t crc = crc32c_extend(crc32c(file_id_.bytes), place);
    crc = crc32c_extend(crc, {&bytes_[at], 4});
    store_le32(&bytes_[at + 4], crc32c_extend(crc, {&bytes_[at + 8], (word & 0x1fffff) + 24}));
  }
  void put_session(size_t at, uint64_t number, uint64_t offset) {
    store_le32(&bytes_[at], 0x534c4643);
    store_le64(&bytes_[at + 8], number);
    store_le64(&bytes_[at + 16], offset);
    store_le32(&bytes_[at + 4], crc32c_extend(crc32c(file_id_.bytes), {&bytes_[at + 8], 88}));
  }

  // Windows as small as is allowed.
  Verdict search() {
    LogTailSearch search(file_id_, kPlace, bytes_.size());
    windows_ = 0;
    for (;;) {
      size_t from = std::min<size_t>(search.offset(), bytes_.size());
      size_t size = std::min(LogTailSearch::kWindowSizeMin, bytes_.size() - from);
      ++windows_;
      Verdict verdict = search.step(ByteView(bytes_).subspan(from, size), from + size == bytes_.size());
      if (verdict == Verdict::kDamaged) message_ = search.damage().message();
      if (verdict != Verdict::kMore) return verdict;
      EXPECT_GT(search.offset(), from) << "no progress";
    }
  }

  Id file_id_ = random_id().value();
  Bytes bytes_ = Bytes(kEnvelopeSize + 4096);
  std::string message_;
  size_t windows_ = 0;
};

TEST_F(TailSearch, AFrameTestifiesOnlyForWhatItSaysWasDurable) {
  struct {
    size_t at;
    uint64_t durable;
    Verdict verdict;
  } cases[] = {{kPlace + 100, kPlace, Verdict::kTorn},
               {kPlace + 100, kPlace + 1, Verdict::kDamaged},
               {kPlace + 100, kPlace + 100, Verdict::kDamaged},
               {kPlace + 100, kPlace + 101, Verdict::kTorn},
               {kPlace + 1, kPlace + 1, Verdict::kDamaged},
               {kPlace, kPlace, Verdict::kTorn},
               {kPlace + 100, 0, Verdict::kTorn},
               {kPlace + 100, UINT64_MAX, Verdict::kTorn}};
  for (const auto& c : cases) {
    bytes_.assign(bytes_.size(), 0);
    put_frame(c.at, 10, c.durable);
    EXPECT_EQ(search(), c.verdict) << c.at << " " << c.durable;
  }
}

TEST_F(TailSearch, FramesOfEverySizeTestify) {
  bytes_.resize(kEnvelopeSize + kLogFrameSizeMax + 4096);
  for (uint32_t word : {1u, 2u, 4096u, 1u << 20, 1u << 31}) {
    bytes_.assign(bytes_.size(), 0);
    put_frame(kPlace + 77, word, kPlace + 1);
    EXPECT_EQ(search(), Verdict::kDamaged) << word;
  }
}

TEST_F(TailSearch, WordsThatNoFrameHasDoNot) {
  bytes_.resize(kEnvelopeSize + 4 * kLogFrameSizeMax);
  for (uint32_t word : {0u, (1u << 20) + 1, (1u << 21) - 1, 1u << 21, 1u << 30, 1u << 31 | 1}) {
    bytes_.assign(bytes_.size(), 0);
    put_frame(kPlace + 77, word, kPlace + 1);
    EXPECT_EQ(search(), Verdict::kTorn) << word;
  }
}

TEST_F(TailSearch, AFrameThatReachesBeyondTheFileDoesNot) {
  put_frame(bytes_.size() - 42, 10, kPlace + 1);
  EXPECT_EQ(search(), Verdict::kDamaged);
  bytes_.pop_back();
  EXPECT_EQ(search(), Verdict::kTorn);
}

TEST_F(TailSearch, ASessionHeaderTestifiesForAllBeforeIt) {
  struct {
    size_t at;
    uint64_t number, offset;
    Verdict verdict;
  } cases[] = {{kPlace + 50, 1, kPlace + 50, Verdict::kDamaged},
               {kPlace + 1, 7, kPlace + 1, Verdict::kDamaged},
               {kPlace + 50, 0, kPlace + 50, Verdict::kTorn},
               {kPlace + 50, 1, kPlace + 51, Verdict::kTorn},
               {kPlace, 1, kPlace, Verdict::kTorn}};
  for (const auto& c : cases) {
    bytes_.assign(bytes_.size(), 0);
    put_session(c.at, c.number, c.offset);
    EXPECT_EQ(search(), c.verdict) << c.at << " " << c.number << " " << c.offset;
  }
  bytes_.assign(bytes_.size(), 0);
  put_session(bytes_.size() - 96, 1, bytes_.size() - 96);
  EXPECT_EQ(search(), Verdict::kDamaged);
  bytes_.pop_back();
  EXPECT_EQ(search(), Verdict::kTorn);
}

TEST_F(TailSearch, AnotherFilesFramesAndHeadersDoNot) {
  put_frame(kPlace + 100, 10, kPlace + 1);
  put_session(kPlace + 300, 1, kPlace + 300);
  file_id_.bytes[5] ^= 1;
  EXPECT_EQ(search(), Verdict::kTorn);
}

TEST_F(TailSearch, EvidenceIsFoundAcrossTheEdgesOfWindows) {
  constexpr size_t kWindow = LogTailSearch::kWindowSizeMin;
  const Bytes noise = pattern(kEnvelopeSize + 3 * kWindow, 1);
  for (size_t edge : {kPlace + 1 + kWindow, kPlace + 1 + kWindow - kLogFrameSizeMax}) {
    for (ptrdiff_t shift : {-100, -33, -32, -31, -16, -1, 0, 1, 15}) {
      bytes_ = noise;
      put_frame(edge + static_cast<size_t>(shift), 200, kPlace + 1);
      ASSERT_EQ(search(), Verdict::kDamaged) << edge << " " << shift;
    }
  }
}

TEST_F(TailSearch, IsLinearInWindows) {
  for (uint64_t seed : {0, 1}) {
    bytes_ = seed == 0 ? Bytes(20 << 20) : pattern(20 << 20, seed);
    EXPECT_EQ(search(), Verdict::kTorn);
    EXPECT_LE(windows_, 20u);
  }
}

// Every 16 bytes begin what looks like a frame of 1 MiB: checksumming them all would take forever.
TEST_F(TailSearch, GivesUpOnFloodsOfCandidates) {
  bytes_.resize(8 << 20);
  for (size_t at = kPlace + 16; at + 16 <= bytes_.size(); at += 16) {
    store_le32(&bytes_[at], 1 << 20);
    store_le64(&bytes_[at + 8], kPlace + 1);
  }
  EXPECT_EQ(search(), Verdict::kDamaged);
  EXPECT_NE(message_.find("too much"), std::string::npos) << message_;
}

// A large log that was synced all the time, recycled for a small one: its frames all look like evidence, and none is.
TEST_F(TailSearch, AnEarlierLifeDoesNotExhaustIt) {
  LogFile old;
  for (int i = 0; i < 5000; ++i) {
    old.append(150);
    old.sync();
  }
  LogFile fresh;
  fresh.append(10);
  Bytes bytes = old.bytes;
  std::copy(fresh.bytes.begin(), fresh.bytes.end(), bytes.begin());
  LogContents contents = read_log(fresh.sample, bytes).value();
  EXPECT_EQ(contents.plaintext, fresh.plaintext);
  EXPECT_EQ(contents.end.torn_bytes, old.bytes.size() - fresh.bytes.size());
  EXPECT_EQ(read_log(old.sample, old.bytes)->plaintext, old.plaintext);
}

}  // namespace
}  // namespace coffer
