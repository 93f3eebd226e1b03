#include "coffer/base/byte_size.h"

#include <gtest/gtest.h>

namespace coffer {
namespace {

TEST(ByteSize, AreReadAndWrittenInTheLargestUnit) {
  for (const auto& [text, bytes] :
       {std::pair("0", uint64_t{0}), std::pair("1", uint64_t{1}), std::pair("1000", uint64_t{1000}),
        std::pair("64KiB", uint64_t{1} << 16), std::pair("3TiB", uint64_t{3} << 40),
        std::pair("16383PiB", uint64_t{16383} << 50)}) {
    EXPECT_EQ(parse_byte_size(text), bytes) << text;
    EXPECT_EQ(byte_size_text(bytes), text);
  }
  EXPECT_EQ(parse_byte_size("1024MiB"), uint64_t{1} << 30);
  EXPECT_EQ(byte_size_text(UINT64_MAX), "18446744073709551615");
}

TEST(ByteSize, WhatIsNoneIsNothing) {
  for (const char* text :
       {"", "KiB", "-1", "1.5GiB", "1 GiB", "1GB", "1kib", "0x10", "16384PiB", "18446744073709551616", "1KiBs"}) {
    EXPECT_EQ(parse_byte_size(text), std::nullopt) << text;
  }
}

}  // namespace
}  // namespace coffer
