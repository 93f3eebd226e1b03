#include "coffer/base/text.h"

#include <gtest/gtest.h>

#include "coffer/base/path.h"

namespace coffer {
namespace {

TEST(TextTest, WhatATerminalWouldInterpretIsReplaced) {
  EXPECT_EQ(printable("a\x1b[2J\n\x7f"), "a\\x1b[2J\\x0a\\x7f");
  EXPECT_EQ(excerpt("a\x1b[2Jb\n\tc"), "a\\x1b[2Jb  c");
  EXPECT_EQ(printable("größe"), "größe");
  EXPECT_TRUE(has_control(std::string_view("a\0b", 3)));
  EXPECT_FALSE(has_control("a b"));
}

TEST(TextTest, ExcerptsEndBehindAWholeCharacter) {
  EXPECT_EQ(excerpt("No such key. "), "No such key");
  EXPECT_EQ(excerpt("abcdef", 3), "abc…");
  EXPECT_EQ(excerpt("abc", 3), "abc");
  EXPECT_EQ(excerpt("aöö", 2), "aö…");
  EXPECT_EQ(excerpt("Schl\xfcssel"), "Schl…");
  EXPECT_EQ(excerpt(""), "");
}

TEST(TextTest, BlanksGoAtBothEnds) {
  EXPECT_EQ(trimmed("\t a b\r\n"), "a b");
  EXPECT_EQ(trimmed("\na ", " "), "\na");
  EXPECT_EQ(trimmed(" \n"), "");
}

TEST(TextTest, CharactersComeBackAsTheyWereWritten) {
  for (const uint32_t point : {0u, 0x7fu, 0x80u, 0x7ffu, 0x800u, 0xd7ffu, 0xe000u, 0xffffu, 0x10000u, 0x10ffffu}) {
    uint8_t bytes[4];
    const size_t size = put_character(point, bytes);
    std::string_view text(reinterpret_cast<const char*>(bytes), size);
    EXPECT_EQ(take_character(text), point);
    EXPECT_TRUE(text.empty());
  }
}

TEST(TextTest, WhatIsNoUtf8IsRefused) {
  for (const char* text : {"\x80", "\xc0\x80", "\xc3", "\xe0\x80\x80", "\xed\xa0\x80", "\xf0\x8f\xbf\xbf",
                           "\xf4\x90\x80\x80", "\xf8\x88\x80\x80\x80", "\xe2\x82", "\xe2\x28\xa1"}) {
    EXPECT_FALSE(is_utf8(text));
  }
}

TEST(PathTest, APathHasAParentAndAName) {
  EXPECT_TRUE(is_within("/a/b", "/a"));
  EXPECT_TRUE(is_within("/a", "/a"));
  EXPECT_TRUE(is_within("/a", "/"));
  EXPECT_FALSE(is_within("/ab", "/a"));
  EXPECT_FALSE(is_within("/", "/a"));
  EXPECT_EQ(parent_of("/a/b"), "/a");
  EXPECT_EQ(parent_of("/a"), "/");
  EXPECT_EQ(parent_of("a"), ".");
  EXPECT_EQ(base_name("/a/b"), "b");
  EXPECT_EQ(base_name("b"), "b");
}

TEST(PathTest, AbsolutePathsHaveNoSlashTooMany) {
  EXPECT_EQ(absolute_path("/a//"), "/a");
  EXPECT_EQ(absolute_path("/"), "/");
  EXPECT_EQ(absolute_path("/a/../b"), "/a/../b");
  EXPECT_EQ(absolute_path("././a"), absolute_path("a"));
  EXPECT_TRUE(absolute_path("a").starts_with("/"));
  EXPECT_TRUE(absolute_path("a").ends_with("/a"));
}

}  // namespace
}  // namespace coffer
