#include "coffer/format/envelope.h"

#include "coffer/base/codec.h"
#include "coffer/base/crc32c.h"
#include "format/sample.h"

namespace coffer {
namespace {

constexpr size_t kSectorSize = 512;

std::span<uint8_t, kEnvelopeSize> whole(Bytes& bytes) { return std::span<uint8_t, kEnvelopeSize>(bytes); }

bool same_key(const FileKey& a, const FileKey& b) { return std::ranges::equal(a.reveal(), b.reveal()); }

Result<FileKey> open(const Bytes& bytes, const DomainKey& key) {
  COFFER_ASSIGN(EnvelopeScan scan, scan_envelope(bytes));
  return open_envelope(scan, key);
}

// Makes the checksum of a slot fit what was done to it, as someone does who knows the format but no key.
void fix_checksum(Bytes& bytes, size_t slot) {
  uint8_t* record = &bytes[slot * kSlotSize];
  store_le32(record + 508, crc32c({record, 508}));
}

constexpr KindAndSuite kCombinations[] = {{Kind::kBlocks, Suite::kAes128Gcm}, {Kind::kBlocks, Suite::kAes192Gcm},
                                          {Kind::kBlocks, Suite::kAes256Gcm}, {Kind::kBlocks, Suite::kChaCha20Poly1305},
                                          {Kind::kLog, Suite::kAes128Gcm},    {Kind::kLog, Suite::kAes192Gcm},
                                          {Kind::kLog, Suite::kAes256Gcm},    {Kind::kLog, Suite::kChaCha20Poly1305},
                                          {Kind::kCtr, Suite::kAes128Ctr},    {Kind::kCtr, Suite::kAes192Ctr},
                                          {Kind::kCtr, Suite::kAes256Ctr},    {Kind::kPages, Suite::kXaes256Gcm}};

class EveryEnvelope : public testing::TestWithParam<KindAndSuite> {};
INSTANTIATE_TEST_SUITE_P(All, EveryEnvelope, testing::ValuesIn(kCombinations));

TEST_P(EveryEnvelope, OpensToTheSameKeyAndFields) {
  Sample sample(GetParam().kind, GetParam().suite);
  Bytes bytes = sample.envelope();
  EnvelopeScan scan = scan_envelope(bytes).value();
  EXPECT_EQ(scan.current, 1);
  EnvelopeFields expected = sample.fields;
  expected.sequence = 2;
  EXPECT_EQ(scan.fields, expected);
  EXPECT_TRUE(same_key(open_envelope(scan, sample.domain_key).value(), sample.file_key));
}

TEST_P(EveryEnvelope, OneFlippedBitAnywhereIsHealedByTheOtherSlot) {
  Sample sample(GetParam().kind, GetParam().suite);
  Bytes bytes = sample.envelope();
  // Of the zeros behind the record, one bit in each byte.
  for (size_t bit = 0; bit < bytes.size() * 8; bit += bit % (kSlotSize * 8) < kSlotRecordSize * 8 ? 1 : 9) {
    bytes[bit / 8] ^= static_cast<uint8_t>(1 << bit % 8);
    Result<EnvelopeScan> scan = scan_envelope(bytes);
    ASSERT_TRUE(scan.is_ok()) << "bit " << bit;
    size_t hit = bit / 8 / kSlotSize;
    ASSERT_EQ(scan->slots[hit], SlotState::kDamaged) << "bit " << bit;
    ASSERT_EQ(scan->current, hit == 0 ? 1 : 0) << "bit " << bit;
    bytes[bit / 8] ^= static_cast<uint8_t>(1 << bit % 8);
  }
  bytes[0] ^= 1;
  EXPECT_TRUE(same_key(open(bytes, sample.domain_key).value(), sample.file_key));
}

TEST(Envelope, BothSlotsDamagedIsAnErrorWhereverTheyAre) {
  Sample sample;
  const Bytes original = sample.envelope();
  for (size_t byte = 0; byte < kSlotSize; ++byte) {
    Bytes bytes = original;
    bytes[byte] ^= 0x10;
    bytes[kSlotSize + byte] ^= 0x10;
    Code code = scan_envelope(bytes).code();
    ASSERT_EQ(code, byte < 8 ? Code::kPlaintext : Code::kDamaged) << "byte " << byte;
  }
}

TEST(Envelope, WhoeverFixesTheChecksumIsCaughtByTheMacOrByTheRules) {
  Sample sample;
  const Bytes original = sample.envelope();
  EnvelopeScan good = scan_envelope(original).value();
  for (size_t bit = 0; bit < 508 * 8; ++bit) {
    Bytes bytes = original;
    bytes[kSlotSize + bit / 8] ^= static_cast<uint8_t>(1 << bit % 8);
    fix_checksum(bytes, 1);
    Result<EnvelopeScan> scan = scan_envelope(bytes);
    if (!scan.is_ok()) {
      ASSERT_EQ(scan.code(), Code::kUnsupported) << "bit " << bit;
      continue;
    }
    Result<FileKey> key = open_envelope(*scan, sample.domain_key);
    if (!key.is_ok()) {
      ASSERT_TRUE(key.code() == Code::kTampered || key.code() == Code::kWrongKey) << "bit " << bit;
      continue;
    }
    // The altered slot broke a rule: the other one stands, as it was written.
    ASSERT_EQ(scan->current, 0) << "bit " << bit;
    good.fields.sequence = 1;
    ASSERT_EQ(scan->fields, good.fields) << "bit " << bit;
  }
}

TEST(Envelope, UnknownNumbersAreUnsupportedAndSaySo) {
  Sample sample;
  struct {
    size_t offset;
    uint8_t value;
    const char* word;
  } cases[] = {{8, 2, "version 2"}, {9, 1, "version 257"},       {10, 0, "suite 0"},
               {10, 6, "suite 6"},  {10, 19, "suite 19"},        {11, 0, "kind 0"},
               {11, 9, "kind 9"},   {13, 0, "wrap algorithm 0"}, {13, 2, "wrap algorithm 2"}};
  for (const auto& c : cases) {
    Bytes bytes = sample.envelope();
    bytes[c.offset] = c.value;
    EXPECT_EQ(scan_envelope(bytes)->current, 1) << "a bad checksum is damage, whatever the numbers";
    fix_checksum(bytes, 0);
    Result<EnvelopeScan> scan = scan_envelope(bytes);
    EXPECT_EQ(scan.code(), Code::kUnsupported);
    EXPECT_NE(scan.status().message().find(c.word), std::string_view::npos) << scan.status().message();
  }
}

TEST(Envelope, FieldsThatBreakARuleAreDamage) {
  struct {
    size_t offset;
    uint8_t value;
  } cases[] = {{10, 18},  {12, 9},   {12, 21}, {12, 0},  {14, 1},  {14, 2},  {14, 0x80},
               {15, 1},   {76, 2},   {77, 1},  {88, 1},  {96, 1},  {111, 1}, {112, 39},
               {112, 41}, {112, 24}, {113, 1}, {114, 1}, {119, 1}, {160, 1}, {475, 1}};
  Sample sample;
  for (const auto& c : cases) {
    Bytes bytes = sample.envelope();
    bytes[c.offset] = c.value;
    fix_checksum(bytes, 0);
    EXPECT_EQ(scan_envelope(bytes)->slots[0], SlotState::kDamaged) << "offset " << c.offset;
  }
  for (size_t offset : {16u, 72u, 76u, 78u}) {  // sequence 0, domain key version 0, oldest and newest key version 0
    Bytes bytes = sample.envelope();
    bytes[offset] = 0;
    fix_checksum(bytes, 0);
    EXPECT_EQ(scan_envelope(bytes)->slots[0], SlotState::kDamaged) << "offset " << offset;
  }
}

TEST(Envelope, PagesHaveTheirOwnSizesAndSuite) {
  struct {
    size_t offset;
    uint8_t value;
  } cases[] = {{10, 3}, {10, 18}, {11, 1}, {11, 3}, {12, 9}, {12, 17}, {12, 0}, {14, 1}, {160, 1}};
  Sample sample(Kind::kPages, Suite::kXaes256Gcm);
  for (const auto& c : cases) {
    Bytes bytes = sample.envelope();
    bytes[c.offset] = c.value;
    fix_checksum(bytes, 0);
    EXPECT_EQ(scan_envelope(bytes)->slots[0], SlotState::kDamaged) << "offset " << c.offset;
  }
}

TEST(Envelope, ShortKeysArePaddedWithZerosOnly) {
  Sample sample(Kind::kLog, Suite::kAes128Gcm);
  Bytes bytes = sample.envelope();
  for (size_t offset = 120 + 24; offset < 160; ++offset) {
    bytes[offset] = 1;
    fix_checksum(bytes, 0);
    EXPECT_EQ(scan_envelope(bytes)->slots[0], SlotState::kDamaged);
    bytes[offset] = 0;
  }
}

TEST(EnvelopeDeathTest, WithoutAReadableSlotThereIsNothingToOpenOrUpdate) {
  const Sample sample;
  const EnvelopeScan scan = scan_envelope(Bytes(kEnvelopeSize)).value();
  EXPECT_DEATH((void)open_envelope(scan, sample.domain_key), "required: an envelope is opened by a readable slot");
  EXPECT_DEATH((void)seal_slot_update(scan, scan.fields, sample.domain_key, sample.file_key),
               "required: an envelope is updated beside a readable slot");
}

TEST(Envelope, SaysWhatOtherBytesAre) {
  Bytes zeros(kEnvelopeSize);
  EnvelopeScan scan = scan_envelope(zeros).value();
  EXPECT_EQ(scan.current, -1);
  EXPECT_EQ(scan.slots[0], SlotState::kEmpty);
  EXPECT_EQ(scan_envelope(pattern(kEnvelopeSize, 1)).code(), Code::kPlaintext);
  Bytes almost(kEnvelopeSize);
  almost.back() = 1;
  EXPECT_EQ(scan_envelope(almost).code(), Code::kPlaintext);
  EXPECT_EQ(scan_envelope({}).code(), Code::kTruncated);
  Bytes bytes = Sample().envelope();
  for (size_t size = 0; size < kEnvelopeSize; ++size) {
    ASSERT_EQ(scan_envelope(ByteView(bytes).first(size)).code(), Code::kTruncated);
  }
}

TEST(Envelope, AnotherDomainKeyIsAWrongKey) {
  Sample sample, other;
  EXPECT_EQ(open(sample.envelope(), other.domain_key).code(), Code::kWrongKey);
}

// E3
TEST(Envelope, AWrappedKeyDoesNotUnwrapInAnotherFileOrStore) {
  Sample sample, other;
  other.domain_key = sample.domain_key.clone();
  for (size_t field : {24u, 40u}) {  // file id, store id
    Bytes bytes = sample.envelope();
    Bytes foreign = other.envelope();
    std::copy_n(foreign.begin() + static_cast<ptrdiff_t>(kSlotSize + field), 16,
                bytes.begin() + static_cast<ptrdiff_t>(kSlotSize + field));
    fix_checksum(bytes, 1);
    EXPECT_EQ(open(bytes, sample.domain_key).code(), Code::kWrongKey);
  }
}

// E2
TEST(Envelope, WhatCannotBeReadIsNotWritten) {
  Bytes bytes(kEnvelopeSize);
  auto refused = [&](auto change) {
    Sample sample;
    change(sample);
    return seal_envelope(sample.fields, sample.domain_key, sample.file_key, whole(bytes)).code();
  };
  EXPECT_EQ(refused([](Sample& s) { s.fields.suite = Suite::kAes256Ctr; }), Code::kInvalidArgument);
  EXPECT_EQ(refused([](Sample& s) { s.fields.suite = static_cast<Suite>(99); }), Code::kInvalidArgument);
  EXPECT_EQ(refused([](Sample& s) { s.fields.kind = Kind::kLog; }), Code::kInvalidArgument);
  EXPECT_EQ(refused([](Sample& s) { s.fields.chunk_log2 = 21; }), Code::kInvalidArgument);
  EXPECT_EQ(refused([](Sample& s) { s.fields.domain_key_version = 0; }), Code::kInvalidArgument);
  EXPECT_EQ(refused([](Sample& s) { s.fields.oldest_key_version = 0; }), Code::kInvalidArgument);
  EXPECT_EQ(refused([](Sample& s) { s.fields.oldest_key_version = 2; }), Code::kInvalidArgument);
  EXPECT_EQ(refused([](Sample& s) { s.fields.body_sealed = true; }), Code::kInvalidArgument);
  EXPECT_EQ(refused([](Sample& s) { s.fields.body_size = 1; }), Code::kInvalidArgument);
  EXPECT_EQ(refused([](Sample& s) { s.file_key = random_key<FileRole>(16).value(); }), Code::kInvalidArgument);
}

class EnvelopeUpdate : public testing::Test {
 protected:
  // What rewrap does: the same file key under a new domain key.
  SlotUpdate update(const Bytes& bytes) {
    EnvelopeScan scan = scan_envelope(bytes).value();
    next_key_ = random_key<DomainRole>(32).value();
    EnvelopeFields fields = scan.fields;
    fields.domain_key_id = random_id().value();
    fields.domain_key_version += 1;
    return seal_slot_update(scan, fields, next_key_, sample_.file_key).value();
  }
  static void apply(Bytes& bytes, const SlotUpdate& update) {
    std::ranges::copy(update.bytes, bytes.begin() + static_cast<ptrdiff_t>(update.offset));
  }

  Sample sample_;
  DomainKey next_key_;
};

TEST_F(EnvelopeUpdate, WritesTheSlotThatIsNotCurrentWithTheNextSequence) {
  Bytes bytes = sample_.envelope();
  uint64_t expected_offset[] = {0, kSlotSize, 0, kSlotSize};
  for (uint64_t i = 0; i < 4; ++i) {
    SlotUpdate slot = update(bytes);
    EXPECT_EQ(slot.offset, expected_offset[i]);
    apply(bytes, slot);
    EnvelopeScan scan = scan_envelope(bytes).value();
    EXPECT_EQ(scan.fields.sequence, 3 + i);
    EXPECT_EQ(scan.fields.domain_key_version, 2 + i);
    EXPECT_EQ(scan.fields.oldest_key_version, 1u);
    EXPECT_EQ(scan.fields.newest_key_version, 2 + i);
    EXPECT_TRUE(same_key(open_envelope(scan, next_key_).value(), sample_.file_key));
    EXPECT_EQ(open_envelope(scan, sample_.domain_key).code(), Code::kWrongKey);
  }
}

// E4
TEST_F(EnvelopeUpdate, EveryMixtureOfOldAndNewSectorsOpens) {
  Bytes old_bytes = sample_.envelope();
  const DomainKey* old_key = &sample_.domain_key;
  DomainKey kept;
  for (int generation = 0; generation < 3; ++generation) {
    SlotUpdate slot = update(old_bytes);
    for (unsigned mask = 0; mask < 1u << kSlotSize / kSectorSize; ++mask) {
      Bytes bytes = old_bytes;
      for (size_t sector = 0; sector < kSlotSize / kSectorSize; ++sector) {
        if ((mask >> sector & 1) == 0) continue;
        std::copy_n(slot.bytes.begin() + static_cast<ptrdiff_t>(sector * kSectorSize), kSectorSize,
                    bytes.begin() + static_cast<ptrdiff_t>(slot.offset + sector * kSectorSize));
      }
      bool is_new = (mask & 1) != 0;
      Result<FileKey> key = open(bytes, is_new ? next_key_ : *old_key);
      ASSERT_TRUE(key.is_ok()) << "sectors " << mask << ": " << key.status().to_string();
      ASSERT_TRUE(same_key(*key, sample_.file_key));
    }
    apply(old_bytes, slot);
    kept = std::move(next_key_);
    old_key = &kept;
  }
}

TEST_F(EnvelopeUpdate, EveryStateOfACrashedCreationIsNewOrNeverWritten) {
  Bytes bytes = sample_.envelope();
  for (unsigned mask = 0; mask < 1u << 16; mask += mask < 64 ? 1 : 257) {
    Bytes crashed(kEnvelopeSize);
    for (size_t sector = 0; sector < 16; ++sector) {
      if (mask >> sector & 1) {
        std::copy_n(bytes.begin() + static_cast<ptrdiff_t>(sector * kSectorSize), kSectorSize,
                    crashed.begin() + static_cast<ptrdiff_t>(sector * kSectorSize));
      }
    }
    EnvelopeScan scan = scan_envelope(crashed).value();
    if (scan.current < 0) {
      EXPECT_EQ(mask & 0x101, 0u);
      continue;
    }
    EXPECT_TRUE(same_key(open_envelope(scan, sample_.domain_key).value(), sample_.file_key));
  }
}

TEST_F(EnvelopeUpdate, HealsADamagedSlot) {
  for (size_t broken : {0u, 1u}) {
    Bytes bytes = sample_.envelope();
    bytes[broken * kSlotSize + 200] ^= 1;
    SlotUpdate slot = update(bytes);
    EXPECT_EQ(slot.offset, broken * kSlotSize);
    apply(bytes, slot);
    EnvelopeScan scan = scan_envelope(bytes).value();
    EXPECT_EQ(scan.slots[0], SlotState::kReadable);
    EXPECT_EQ(scan.slots[1], SlotState::kReadable);
    EXPECT_TRUE(same_key(open_envelope(scan, next_key_).value(), sample_.file_key));
  }
}

// E5
TEST_F(EnvelopeUpdate, NeverChangesWhatBindsTheBody) {
  EnvelopeScan scan = scan_envelope(sample_.envelope()).value();
  auto refused = [&](auto change) {
    EnvelopeFields fields = scan.fields;
    change(fields);
    return seal_slot_update(scan, fields, sample_.domain_key, sample_.file_key).code();
  };
  EXPECT_EQ(refused([](EnvelopeFields& f) { f.file_id.bytes[0] ^= 1; }), Code::kInvalidArgument);
  EXPECT_EQ(refused([](EnvelopeFields& f) { f.store_id.bytes[0] ^= 1; }), Code::kInvalidArgument);
  EXPECT_EQ(refused([](EnvelopeFields& f) { f.chunk_log2 += 1; }), Code::kInvalidArgument);
  EXPECT_EQ(refused([](EnvelopeFields& f) { f.suite = Suite::kChaCha20Poly1305; }), Code::kInvalidArgument);
  EXPECT_EQ(refused([](EnvelopeFields& f) { f.kind = Kind::kLog, f.chunk_log2 = 0; }), Code::kInvalidArgument);
}

TEST_F(EnvelopeUpdate, ASlotIsRepeatedByWhoHasTheFileKeyAlone) {
  Bytes bytes = sample_.envelope();
  apply(bytes, update(bytes));
  const EnvelopeScan before = scan_envelope(bytes).value();
  apply(bytes, repeat_slot(before, sample_.file_key).value());
  const EnvelopeScan after = scan_envelope(bytes).value();
  EXPECT_NE(after.current, before.current);
  EXPECT_EQ(after.other, before.fields);
  EnvelopeFields expected = before.fields;
  ++expected.sequence;
  EXPECT_EQ(after.fields, expected);
  EXPECT_TRUE(same_key(open_envelope(after, next_key_).value(), sample_.file_key));

  EXPECT_EQ(repeat_slot(after, random_key<FileRole>(32).value()).code(), Code::kTampered);
  EXPECT_EQ(repeat_slot(after, random_key<FileRole>(16).value()).code(), Code::kTampered);
  EnvelopeScan forged = after;
  forged.record[40] ^= 1;
  EXPECT_EQ(repeat_slot(forged, sample_.file_key).code(), Code::kTampered);
}

TEST_F(EnvelopeUpdate, StopsAtTheLastSequence) {
  EnvelopeScan scan = scan_envelope(sample_.envelope()).value();
  scan.fields.sequence = UINT64_MAX;
  EXPECT_EQ(repeat_slot(scan, sample_.file_key).code(), Code::kLimitExceeded);
  EXPECT_EQ(seal_slot_update(scan, scan.fields, sample_.domain_key, sample_.file_key).code(), Code::kLimitExceeded);
}

TEST(Envelope, EqualSequencesMeanSlotA) {
  Bytes bytes = Sample().envelope();
  std::copy_n(bytes.begin(), kSlotSize, bytes.begin() + kSlotSize);
  EXPECT_EQ(scan_envelope(bytes)->current, 0);
}

}  // namespace
}  // namespace coffer
