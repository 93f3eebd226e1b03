// Pages in buffers: roots, records, tag blocks and where everything lies. What whole files do is in tests/files.
#include "coffer/format/pages_layout.h"

#include "coffer/base/codec.h"
#include "coffer/format/pages_record.h"
#include "coffer/format/pages_root.h"
#include "coffer/format/pages_tags.h"
#include "format/sample.h"

namespace coffer {
namespace {

using What = PagesRecord::What;

class PagesFormat : public testing::Test {
 protected:
  PagesFormat() = default;

  Bytes root_bytes(const PagesRoot& root) const {
    XaesSealing sealing = cipher_.sealing().value();
    return root.seal(sealing).value();
  }
  std::optional<PagesRoot> open_root(ByteView bytes) const {
    XaesOpening opening = cipher_.opening();
    return PagesRoot::open(bytes, opening);
  }
  Bytes record_bytes(const PagesRecord& record) const {
    Bytes out(PagesRecord::kHeaderSize, 0xee);
    XaesSealing sealing = cipher_.sealing().value();
    EXPECT_TRUE(record.seal(sealing, out.data()));
    return out;
  }
  std::optional<PagesRecord> open_record(ByteView bytes) const {
    XaesOpening opening = cipher_.opening();
    return PagesRecord::open(bytes, opening);
  }
  // The same as what was sealed under the same key with other fields: `change` is made to the bytes before the seal.
  Bytes resealed(Bytes bytes, PagesSealed what, size_t clear, size_t at, uint64_t value) const {
    store_le64(&bytes[at], value);
    XaesSealing sealing = cipher_.sealing().value();
    XaesSeal seal;
    EXPECT_TRUE(PagesCipher::seal_clear(sealing, what, ByteView(bytes).first(clear), seal));
    std::memcpy(&bytes[clear], &seal, XaesSeal::kSize);
    return bytes;
  }

  const Sample sample_{Kind::kPages, Suite::kXaes256Gcm};
  const PagesCipher cipher_ = PagesCipher::create(sample_.file_key, sample_.fields.file_id, 10).value();
  const PagesRoot root_{.sequence = 7,
                        .size = 123456,
                        .proven = 100,
                        .epoch = 3,
                        .journal = 512 * 1000,
                        .records = 5,
                        .durable = 999,
                        .holes = {{1, 1}, {3, 4}, {9, 100}}};
  const PagesRecord record_{
      .what = What::kPage, .epoch = 3, .number = 9, .page = 12, .count = 0, .size = 77777, .durable = 1234};
};

TEST_F(PagesFormat, EverythingLiesBehindTheOtherAndNothingTwice) {
  for (int log2 = kPageLog2Min; log2 <= kPageLog2Max; ++log2) {
    const PagesLayout layout = PagesLayout::create(log2).value();
    uint64_t end = PagesLayout::kBodyOffset;
    EXPECT_EQ(layout.end_of(0), end);
    for (uint64_t page = 0; page < 3 * kPagesInGroup; ++page) {
      if (page % kPagesInGroup == 0) {
        EXPECT_EQ(layout.group_offset(page / kPagesInGroup), end);
        end += kTagBlockSize;
      }
      EXPECT_EQ(layout.page_offset(page), end);
      end += layout.page_size();
      EXPECT_EQ(layout.end_of(page + 1), end);
      EXPECT_EQ(layout.page_of(page << log2), page);
      EXPECT_EQ(layout.page_count((page << log2) + 1), page + 1);
    }
    // Not even the largest file comes near the end of what an offset can say.
    EXPECT_LT(layout.end_of(kPagesSizeMax), uint64_t{1} << 60);
  }
  for (int log2 : {-1, 0, 9, 17, 64}) EXPECT_EQ(PagesLayout::create(log2).code(), Code::kInvalidArgument);
}

TEST_F(PagesFormat, ARootReadsBackWithAndWithoutAKeyWhateverStandsBehindIt) {
  PagesRoot full = root_;
  full.holes.clear();
  for (uint64_t i = 0; i < PagesRoot::kRangesMax; ++i) full.holes.push_back({3 * i, 2});
  for (const PagesRoot& root : {root_, full, PagesRoot{.sequence = 1}}) {
    Bytes bytes = root_bytes(root);
    EXPECT_EQ(bytes.size() % 512, 0u);
    EXPECT_LE(bytes.size(), PagesRoot::kSlotSize);
    EXPECT_EQ(open_root(bytes), root);
    EXPECT_EQ(PagesRoot::look_at(bytes), root);
    bytes.resize(PagesRoot::kSlotSize, 0xee);
    EXPECT_EQ(open_root(bytes), root);
  }
  full.holes.push_back({9999, 1});
  XaesSealing sealing = cipher_.sealing().value();
  EXPECT_EQ(full.seal(sealing).code(), Code::kInternal);
}

TEST_F(PagesFormat, ARootThatIsCutOrOfWhichABitIsFlippedIsNone) {
  const Bytes good = root_bytes(root_);
  const size_t size = 64 + 16 * root_.holes.size() + XaesSeal::kSize;
  for (size_t cut = 0; cut < size; ++cut) EXPECT_FALSE(open_root(ByteView(good).first(cut))) << cut;
  EXPECT_TRUE(open_root(ByteView(good).first(size)));
  for (size_t bit = 0; bit < size * 8; ++bit) {
    Bytes bad = good;
    bad[bit / 8] ^= static_cast<uint8_t>(1 << bit % 8);
    EXPECT_FALSE(open_root(bad)) << "bit " << bit;
  }
}

// Sealed by somebody who has the key, so that nothing but the rules stands against it.
TEST_F(PagesFormat, ARootWhoseFieldsCannotBeIsNoneEvenUnderAGoodSeal) {
  const Bytes good = root_bytes(root_);
  const size_t clear = 64 + 16 * root_.holes.size();
  const auto opens = [&](size_t at, uint64_t value) {
    const Bytes bytes = resealed(good, PagesSealed::kRoot, clear, at, value);
    EXPECT_EQ(open_root(bytes).has_value(), PagesRoot::look_at(bytes).has_value());
    return open_root(bytes).has_value();
  };
  EXPECT_TRUE(opens(8, 8)) << "another sequence";
  EXPECT_TRUE(opens(16, kPagesSizeMax));
  EXPECT_FALSE(opens(16, kPagesSizeMax + 1));
  EXPECT_FALSE(opens(40, 512 * 1000 + 8)) << "a journal at no sector";
  EXPECT_FALSE(opens(40, 8192)) << "one over the roots";
  EXPECT_TRUE(opens(40, 16384));
  EXPECT_TRUE(opens(40, kPagesJournalMax));
  EXPECT_FALSE(opens(40, kPagesJournalMax + 512));
  EXPECT_FALSE(opens(40, ~uint64_t{511})) << "one whose end wraps around";
  EXPECT_FALSE(opens(72, 0)) << "an empty range of holes";
  EXPECT_FALSE(opens(72, 2)) << "one that touches the next";
  EXPECT_FALSE(opens(80, 1)) << "one before its predecessor's end";
  EXPECT_FALSE(opens(96, ~uint64_t{0})) << "behind every file";
  EXPECT_FALSE(opens(104, kPagesSizeMax + 1));
  EXPECT_FALSE(opens(104, ~uint64_t{0})) << "one that wraps around";
  EXPECT_FALSE(opens(0, uint64_t{PagesRoot::kRangesMax + 1} << 32 | load_le32(good.data()))) << "too many ranges";
  EXPECT_FALSE(opens(0, load_le64(good.data()) ^ 1)) << "another magic";
}

TEST_F(PagesFormat, ARecordReadsBackWithAndWithoutAKey) {
  PagesRecord holes = record_;
  holes.what = What::kHoles;
  holes.count = ~uint64_t{0};
  for (const PagesRecord& record : {record_, holes}) {
    const Bytes bytes = record_bytes(record);
    for (const auto& found : {open_record(bytes), PagesRecord::look_at(bytes)}) {
      ASSERT_TRUE(found);
      EXPECT_EQ(found->what, record.what);
      EXPECT_EQ(found->epoch, 3u);
      EXPECT_EQ(found->number, 9u);
      EXPECT_EQ(found->page, 12u);
      EXPECT_EQ(found->count, record.count);
      EXPECT_EQ(found->size, 77777u);
      EXPECT_EQ(found->durable, 1234u);
    }
  }
  EXPECT_EQ(record_.total_size(1024), 136u + 1024u);
  EXPECT_EQ(holes.total_size(1024), 136u);
}

TEST_F(PagesFormat, ARecordThatIsCutOrOfWhichABitIsFlippedIsNone) {
  const Bytes good = record_bytes(record_);
  for (size_t cut = 0; cut < good.size(); ++cut) EXPECT_FALSE(open_record(ByteView(good).first(cut))) << cut;
  for (size_t bit = 0; bit < good.size() * 8; ++bit) {
    Bytes bad = good;
    bad[bit / 8] ^= static_cast<uint8_t>(1 << bit % 8);
    EXPECT_FALSE(open_record(bad)) << "bit " << bit;
  }
}

TEST_F(PagesFormat, ARecordWhoseFieldsCannotBeIsNoneEvenUnderAGoodSeal) {
  const Bytes good = record_bytes(record_);
  const auto opens = [&](size_t at, uint64_t value) {
    const Bytes bytes = resealed(good, PagesSealed::kRecord, 96, at, value);
    EXPECT_EQ(open_record(bytes).has_value(), PagesRecord::look_at(bytes).has_value());
    return open_record(bytes).has_value();
  };
  const uint64_t start = load_le64(good.data());
  EXPECT_TRUE(opens(0, start));
  EXPECT_FALSE(opens(0, start ^ 1)) << "another magic";
  EXPECT_FALSE(opens(0, start & 0xffffffff)) << "what: 0";
  EXPECT_FALSE(opens(0, (start & 0xffffffff) | uint64_t{3} << 32)) << "what: 3";
  EXPECT_FALSE(opens(0, start | uint64_t{1} << 40)) << "a byte that must be zero";
  EXPECT_FALSE(opens(0, start | uint64_t{1} << 63)) << "another one";
  EXPECT_TRUE(opens(24, kPagesSizeMax));
  EXPECT_FALSE(opens(24, kPagesSizeMax + 1)) << "page";
  EXPECT_TRUE(opens(40, kPagesSizeMax));
  EXPECT_FALSE(opens(40, kPagesSizeMax + 1)) << "size";
}

TEST_F(PagesFormat, WhatIsSealedStandsInForNothingElse) {
  const Bytes record = record_bytes(record_);
  Bytes root = root_bytes({.sequence = 1});
  const auto fits = [&](PagesSealed what, const Bytes& bytes, size_t clear) {
    XaesSeal seal;
    std::memcpy(&seal, &bytes[clear], XaesSeal::kSize);
    XaesOpening opening = cipher_.opening();
    return PagesCipher::is_sealed(opening, what, ByteView(bytes).first(clear), seal);
  };
  EXPECT_TRUE(fits(PagesSealed::kRoot, root, 64));
  EXPECT_FALSE(fits(PagesSealed::kRecord, root, 64));
  EXPECT_TRUE(fits(PagesSealed::kRecord, record, 96));
  EXPECT_FALSE(fits(PagesSealed::kRoot, record, 96));

  XaesSealing sealing = cipher_.sealing().value();
  XaesSeal page, hole;
  Bytes text = pattern(1024, 1), ciphertext(1024), out(1024);
  ASSERT_TRUE(PagesCipher::seal_page(sealing, 5, text, ciphertext.data(), page));
  ASSERT_TRUE(PagesCipher::seal_hole(sealing, 5, hole));
  XaesOpening opening = cipher_.opening();
  EXPECT_TRUE(cipher_.open_page(opening, 5, ciphertext, page, out.data()));
  EXPECT_EQ(out, text);
  EXPECT_EQ(cipher_.open_page(opening, 6, ciphertext, page, out.data()).code(), Code::kTampered);
  EXPECT_EQ(out, Bytes(1024));
  EXPECT_EQ(cipher_.open_page(opening, 5, ciphertext, hole, out.data()).code(), Code::kTampered);
  EXPECT_TRUE(cipher_.check_hole(opening, 5, hole));
  EXPECT_EQ(cipher_.check_hole(opening, 6, hole).code(), Code::kTampered);
  EXPECT_EQ(cipher_.check_hole(opening, 5, page).code(), Code::kTampered);
}

// The key is that of one file with pages of one size.
TEST_F(PagesFormat, AnotherFileOrPageSizeHasAnotherKey) {
  const Bytes root = root_bytes(root_);
  Id other = sample_.fields.file_id;
  other.bytes[15] ^= 1;
  for (const auto& [id, log2] : {std::pair(other, 10), std::pair(sample_.fields.file_id, 12)}) {
    const PagesCipher cipher = PagesCipher::create(sample_.file_key, id, log2).value();
    XaesOpening opening = cipher.opening();
    EXPECT_FALSE(PagesRoot::open(root, opening));
  }
  EXPECT_EQ(PagesCipher::create(sample_.file_key, other, 17).code(), Code::kInvalidArgument);
}

TEST_F(PagesFormat, ATagBlockHoldsEverySealApartAndLeavesTheRestZero) {
  TagBlock block;
  XaesSealing sealing = cipher_.sealing().value();
  std::vector<XaesSeal> seals(kPagesInGroup);
  for (size_t i = 0; i < kPagesInGroup; ++i) {
    EXPECT_EQ(block.state(i), TagBlock::State::kNothing);
    ASSERT_TRUE(PagesCipher::seal_hole(sealing, i, seals[i]));
  }
  const auto state_of = [](size_t i) { return i % 3 == 0 ? TagBlock::State::kHole : TagBlock::State::kPage; };
  for (size_t i = 0; i < kPagesInGroup; ++i) block.set(i, state_of(i), seals[i]);
  for (size_t i = 0; i < kPagesInGroup; ++i) {
    EXPECT_EQ(block.state(i), state_of(i));
    EXPECT_EQ(block.seal(i).nonce, seals[i].nonce);
    EXPECT_EQ(block.seal(i).tag, seals[i].tag);
  }
  for (size_t sector = 0; sector < 8; ++sector) {
    const ByteView bytes = block.sectors(sector, 1);
    EXPECT_TRUE(std::ranges::all_of(bytes.subspan(482), [](uint8_t byte) { return byte == 0; }));
  }
  block.set(6, TagBlock::State::kPage, seals[6]);
  EXPECT_EQ(block.state(6), TagBlock::State::kPage) << "no hole any more";
  block.set(7, TagBlock::State::kNothing, XaesSeal{});
  EXPECT_EQ(block.state(7), TagBlock::State::kNothing);
  EXPECT_EQ(block.state(8), state_of(8));
}

}  // namespace
}  // namespace coffer
