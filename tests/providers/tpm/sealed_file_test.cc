// The file of a sealed root key, without a TPM.
#include "coffer/providers/tpm/sealed_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "coffer/base/codec.h"
#include "coffer/base/crc32c.h"

namespace coffer::tpm {
namespace {

using testing::AnyOf;

SealedFile example() {
  SealedFile out;
  out.has_auth = true;
  out.pcrs = parse_pcrs("sha256:0,7").value();
  out.pcr_values = {Bytes(32, 1), Bytes(32, 2)};
  out.fingerprint.fill(3);
  out.primary_name = Bytes(34, 4);
  out.public_area = Bytes(78, 5);
  out.private_area = Bytes(160, 6);
  return out;
}

TEST(SealedFile, ComesBackAsItWas) {
  const Bytes bytes = encode(example()).value();
  auto file = decode(bytes);
  ASSERT_TRUE(file.is_ok()) << file.status().to_string();
  EXPECT_TRUE(file->has_auth);
  EXPECT_EQ(file->pcrs, example().pcrs);
  EXPECT_EQ(file->pcr_values, example().pcr_values);
  EXPECT_EQ(file->fingerprint, example().fingerprint);
  EXPECT_EQ(file->primary_name, example().primary_name);
  EXPECT_EQ(file->public_area, example().public_area);
  EXPECT_EQ(file->private_area, example().private_area);
  SealedFile plain = example();
  plain.has_auth = false;
  plain.pcrs = {};
  plain.pcr_values.clear();
  EXPECT_EQ(decode(encode(plain).value())->pcrs, PcrSelection{});
}

TEST(SealedFile, EveryFlippedBitIsDamageOrNoSealedKeyAtAll) {
  const Bytes bytes = encode(example()).value();
  for (size_t bit = 0; bit < bytes.size() * 8; ++bit) {
    Bytes flipped = bytes;
    flipped[bit / 8] ^= static_cast<uint8_t>(1 << bit % 8);
    EXPECT_THAT(decode(flipped).code(), AnyOf(Code::kDamaged, Code::kTruncated, Code::kInvalidArgument)) << bit;
  }
}

TEST(SealedFile, EveryCutIsNoticed) {
  const Bytes bytes = encode(example()).value();
  EXPECT_EQ(decode({}).code(), Code::kInvalidArgument);
  for (size_t size = 1; size < bytes.size(); ++size) {
    EXPECT_THAT(decode(ByteView(bytes).first(size)).code(), AnyOf(Code::kTruncated, Code::kDamaged)) << size;
  }
}

TEST(SealedFile, AFileOfAnotherVersionOrWithWhatCannotBeIsRefused) {
  const auto with = [](size_t offset, uint8_t value) {
    Bytes bytes = encode(example()).value();
    bytes[offset] = value;
    store_le32(bytes.data() + bytes.size() - 4, crc32c(ByteView(bytes).first(bytes.size() - 4)));
    return decode(bytes).code();
  };
  EXPECT_EQ(with(8, 2), Code::kUnsupported);
  EXPECT_EQ(with(10, 2), Code::kDamaged) << "an unknown flag";
  EXPECT_EQ(with(11, 4), Code::kDamaged) << "an unknown bank";
  EXPECT_EQ(with(16, 1), Code::kDamaged) << "PCR 24";
  EXPECT_EQ(with(13, 0xff), Code::kDamaged) << "more PCRs than values";
  EXPECT_EQ(with(0, 'x'), Code::kInvalidArgument);
}

TEST(SealedFile, WhatIsTooLargeIsNotWritten) {
  SealedFile large = example();
  large.pcr_values = std::vector<Bytes>(24, Bytes(64, 0));
  large.public_area = large.private_area = Bytes(1024, 0);
  EXPECT_TRUE(encode(large).is_ok());
  large.private_area = Bytes(2048, 0);
  EXPECT_EQ(encode(large).code(), Code::kLimitExceeded);
  EXPECT_EQ(decode(Bytes(kSealedFileSizeMax + 1, 'C')).code(), Code::kInvalidArgument);
}

}  // namespace
}  // namespace coffer::tpm
