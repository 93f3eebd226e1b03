// Contracts are checked in every build: whoever breaks one ends the process, which says which.
#include "coffer/base/check.h"

#include <gtest/gtest.h>

#include "coffer/base/base64.h"
#include "coffer/base/bytes.h"
#include "coffer/base/secret_buffer.h"
#include "coffer/base/text.h"

namespace coffer {
namespace {

Result<std::string> failed() { return {Code::kKeyUnavailable, "domain key 4711 is suspended"}; }

TEST(Check, ABrokenContractEndsTheProcessWithItsSentenceAndPlace) {
  COFFER_REQUIRE(1 + 1 == 2, "sums are right");
  EXPECT_DEATH(COFFER_REQUIRE(1 + 1 == 3, "sums are right"),
               "^coffer: check_test\\.cc:[0-9]+: required: sums are right\n$");
}

TEST(Check, TheConditionIsEvaluatedOnce) {
  int count = 0;
  COFFER_REQUIRE(++count == 1, "counts");
  EXPECT_EQ(count, 1);
}

TEST(Check, AFailedResultHasNoValue) {
  const std::string sentence = "only if it has one; this one failed with key_unavailable: domain key 4711 is suspended";
  Result<std::string> result = failed();
  const Result<std::string> constant = failed();
  EXPECT_DEATH(result.value().clear(), sentence);
  EXPECT_DEATH((void)constant.value(), sentence);
  EXPECT_DEATH((void)failed().value(), sentence);
  EXPECT_DEATH((*result).clear(), sentence);
  EXPECT_DEATH((void)*constant, sentence);
  EXPECT_DEATH((void)*failed(), sentence);
  EXPECT_DEATH(result->clear(), sentence);
  EXPECT_DEATH((void)constant->size(), sentence);
}

TEST(Check, NothingIsTakenOfWhatIsNotThere) {
  std::string_view none;
  EXPECT_DEATH((void)take_character(none), "required: a character is taken off text that has one");
  SecretBuffer buffer;
  buffer.append("ab");
  EXPECT_DEATH(buffer.truncate(3), "required: a secret is cut to less than it was");
}

TEST(Check, ALongMessageIsCut) {
  Result<int> result{Code::kIo, std::string(100'000, 'x')};
  EXPECT_DEATH((void)result.value(), "io: x{100,500}\n$");
}

TEST(Check, BuffersGiveOnlyWhatTheyHave) {
  Buffer buffer;
  buffer.append(as_bytes("abc"));
  EXPECT_DEATH(buffer.truncate(4), "no more bytes than it has");
  EXPECT_DEATH(buffer.drop_front(4), "no more bytes than it has");
  buffer.drop_front(3);
  EXPECT_TRUE(buffer.empty());
}

TEST(Check, Base64FillsItsOutputExactly) {
  Bytes out(5);
  EXPECT_DEATH(encode_base64(as_bytes("abc"), out), "exactly the size");
  EXPECT_DEATH(encode_base64url(as_bytes("abc"), out), "exactly the size");
}

}  // namespace
}  // namespace coffer
