#include "coffer/base/base32.h"

#include <gtest/gtest.h>

namespace coffer {
namespace {

// RFC 4648, section 10, in lower case and without padding.
TEST(Base32, GivesThePublishedAnswers) {
  const std::pair<std::string_view, std::string_view> answers[] = {
      {"", ""},         {"f", "my"},         {"fo", "mzxq"},      {"foo", "mzxw6"},
      {"foob", "mzxw6yq"}, {"fooba", "mzxw6ytb"}, {"foobar", "mzxw6ytboi"},
  };
  for (const auto& [bytes, text] : answers) {
    EXPECT_EQ(encode_base32(as_bytes(bytes)), text);
    const auto decoded = decode_base32(text);
    ASSERT_TRUE(decoded.has_value()) << text;
    EXPECT_EQ(as_text(*decoded), bytes);
    EXPECT_EQ(base32_size(bytes.size()), text.size());
  }
}

TEST(Base32, HasOneTextForEachBytes) {
  for (const std::string_view text : {"m", "mzx", "mzxw6y", "MY", "my======", "m1", "mz", "mzxr", "m-", "m "}) {
    EXPECT_FALSE(decode_base32(text).has_value()) << text;
  }
}

}  // namespace
}  // namespace coffer
