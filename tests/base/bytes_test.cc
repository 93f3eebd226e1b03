#include "coffer/base/bytes.h"

#include <gtest/gtest.h>

#include "coffer/base/codec.h"
#include "coffer/base/crc32c.h"
#include "coffer/base/secret.h"

namespace coffer {
namespace {

TEST(Crc32c, MatchesThePublishedCheckValue) { EXPECT_EQ(crc32c(as_bytes("123456789")), 0xE3069283u); }

TEST(Crc32c, ChainingEqualsOneCall) {
  EXPECT_EQ(crc32c_extend(crc32c(as_bytes("12345")), as_bytes("6789")), crc32c(as_bytes("123456789")));
}

TEST(AllZero, IsWhatHasNoOtherByteAnywhere) {
  for (const size_t size : {0, 1, 2, 7, 8, 9, 512, 7000}) {
    Bytes bytes(size);
    EXPECT_TRUE(is_all_zero(bytes)) << size;
    for (size_t at = 0; at < size; ++at) {
      bytes[at] = 1;
      EXPECT_FALSE(is_all_zero(bytes)) << size << " " << at;
      bytes[at] = 0;
    }
  }
}

TEST(Hex, RefusesWhatIsNotHexadecimal) {
  EXPECT_EQ(from_hex("0g").code(), Code::kInvalidArgument);
  EXPECT_EQ(from_hex("abc").code(), Code::kInvalidArgument);
  EXPECT_EQ(to_hex(from_hex("00FFab").value()), "00ffab");
}

TEST(Reader, NeverReadsPastTheEndAndStaysFailed) {
  Bytes bytes{1, 2, 3};
  Reader reader(bytes);
  EXPECT_EQ(reader.u16(), 0x0201);
  EXPECT_EQ(reader.u32(), 0u);
  EXPECT_FALSE(reader.ok());
  EXPECT_EQ(reader.u8(), 0u);
}

TEST(Writer, RefusesToOverflow) {
  Bytes bytes(3);
  Writer writer(bytes);
  writer.u16(7);
  writer.u16(8);
  EXPECT_FALSE(writer.ok());
  EXPECT_EQ(writer.written(), 2u);
}

TEST(Buffer, KeepsContentsWhileGrowing) {
  Buffer buffer;
  for (int i = 0; i < 1000; ++i) *buffer.extend(1) = static_cast<uint8_t>(i);
  ASSERT_EQ(buffer.size(), 1000u);
  for (int i = 0; i < 1000; ++i) ASSERT_EQ(buffer.data()[i], static_cast<uint8_t>(i));
  buffer.drop_front(999);
  EXPECT_EQ(buffer.data()[0], static_cast<uint8_t>(999));
}

TEST(SecretBytes, AreZeroAtFirstAndAgainWhenReused) {
  for (size_t size : {1u, 32u, 64u, 65u, 4096u, 8192u, 8193u, 100000u}) {
    SecretBytes secret(size);
    for (uint8_t byte : secret.reveal()) ASSERT_EQ(byte, 0);
    std::fill(secret.reveal_mutable().begin(), secret.reveal_mutable().end(), uint8_t{0xaa});
    secret = SecretBytes(size);
    for (uint8_t byte : secret.reveal()) ASSERT_EQ(byte, 0);
  }
}

TEST(Status, ContextGoesInFrontAndKeepsTheCode) {
  Status status = Status(Code::kDamaged, "checksum differs").with_context("/db/1.sst");
  EXPECT_EQ(status.to_string(), "damaged: /db/1.sst: checksum differs");
  EXPECT_TRUE(Status::ok().with_context("x").is_ok());
}

}  // namespace
}  // namespace coffer
