#include "coffer/providers/keystore/der.h"

#include <gtest/gtest.h>

namespace coffer::keystore {
namespace {

TEST(Der, WhatIsWrittenIsReadAgain) {
  for (size_t size : {0u, 1u, 127u, 128u, 255u, 256u, 65535u, 65536u}) {
    const Bytes contents(size, 0x5a);
    const Bytes written = der(Tag::kOctetString, contents);
    DerReader reader(written);
    const ByteView read = reader.take(Tag::kOctetString);
    EXPECT_TRUE(reader.finished()) << size;
    EXPECT_TRUE(std::ranges::equal(read, contents)) << size;
  }
  for (uint32_t value : {0u, 1u, 127u, 128u, 255u, 256u, 32767u, 32768u, 100000u, 0x7fffffffu}) {
    const Bytes written = der_number(value);
    DerReader reader(written);
    EXPECT_EQ(reader.number(), value);
    EXPECT_TRUE(reader.finished()) << value;
  }
}

TEST(Der, OtherFormsOfLengthsAreRefused) {
  const Bytes indefinite = {0x30, 0x80, 0x00, 0x00};
  const Bytes longer_than_needed = {0x04, 0x81, 0x01, 0x00};
  const Bytes leading_zero = {0x04, 0x82, 0x00, 0x80};
  const Bytes five_bytes = {0x04, 0x85, 0x01, 0x00, 0x00, 0x00, 0x00};
  const Bytes high_tag = {0x1f, 0x01, 0x00};
  const Bytes past_the_end = {0x04, 0x02, 0x00};
  const Bytes no_length = {0x04};
  for (const Bytes& bytes :
       {indefinite, longer_than_needed, leading_zero, five_bytes, high_tag, past_the_end, no_length, Bytes()}) {
    DerReader reader(bytes);
    EXPECT_TRUE(reader.take_element().empty());
    EXPECT_FALSE(reader.ok()) << to_hex(bytes);
  }
}

TEST(Der, NumbersAreNeitherNegativeNorPaddedNorTooLarge) {
  for (const Bytes& bytes : {Bytes{0x02, 0x00}, Bytes{0x02, 0x01, 0x80}, Bytes{0x02, 0x02, 0x00, 0x7f},
                             Bytes{0x02, 0x05, 0x01, 0x00, 0x00, 0x00, 0x00}, Bytes{0x02, 0x04, 0xff, 0, 0, 0}}) {
    DerReader reader(bytes);
    EXPECT_EQ(reader.number(), 0u);
    EXPECT_FALSE(reader.ok()) << to_hex(bytes);
  }
}

TEST(Der, AfterOneThatFailedNothingIsRead) {
  const Bytes two = der(Tag::kSequence, {der_number(7), der_number(8)});
  DerReader outer(two);
  DerReader reader = outer.enter(Tag::kSequence);
  EXPECT_TRUE(reader.take(Tag::kOctetString).empty());
  EXPECT_EQ(reader.number(), 0u);
  EXPECT_FALSE(reader.finished());
  EXPECT_FALSE(reader.enter(Tag::kSequence).ok());
}

}  // namespace
}  // namespace coffer::keystore
