// What is said between Coffer and a command, without a command.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "coffer/providers/exec/message.h"

namespace coffer::exec {
namespace {

using testing::HasSubstr;

const std::string kAnswer = R"({"version":1,"ciphertext":"AAEC","note":{"a":[1,true,null,"\u00e9"]}})";

TEST(ExecMessage, AnAnswerIsReadWhateverElseItHolds) {
  auto answer = decode_answer(as_bytes(kAnswer), "wrap");
  ASSERT_TRUE(answer.is_ok()) << answer.status().to_string();
  EXPECT_EQ(to_hex(answer->ciphertext.reveal()), "000102");
  EXPECT_EQ(decode_answer(as_bytes(kAnswer), "unwrap").code(), Code::kInvalidArgument);
}

TEST(ExecMessage, ACutAnswerIsNone) {
  for (size_t size = 0; size < kAnswer.size(); ++size) {
    EXPECT_EQ(decode_answer(as_bytes(kAnswer).first(size), "wrap").code(), Code::kInvalidArgument) << size;
  }
}

TEST(ExecMessage, AlteredAnswersAreReadOrRefusedButNeverFollowed) {
  for (size_t at = 0; at < kAnswer.size(); ++at) {
    for (int value = 0; value < 256; ++value) {
      std::string altered = kAnswer;
      altered[at] = static_cast<char>(value);
      auto answer = decode_answer(as_bytes(altered), "wrap");
      if (answer.is_ok() && !answer->error.has_value()) {
        EXPECT_LE(answer->ciphertext.size(), 3u);
      }
    }
  }
}

TEST(ExecMessage, Base64MayBeWrittenWithEscapes) {
  auto answer = decode_answer(as_bytes(R"({"version":1,"ciphertext":"\/\/\u002f\/"})"), "wrap");
  ASSERT_TRUE(answer.is_ok()) << answer.status().to_string();
  EXPECT_EQ(to_hex(answer->ciphertext.reveal()), "ffffff");
  EXPECT_EQ(decode_answer(as_bytes(R"({"version":1,"ciphertext":"__-_"})"), "wrap").code(), Code::kInvalidArgument);
  EXPECT_EQ(decode_answer(as_bytes(R"({"version":1,"ciphertext":""})"), "wrap").code(), Code::kInvalidArgument);
}

TEST(ExecMessage, AnErrorCountsWhateverStandsBesideIt) {
  auto answer = decode_answer(
      as_bytes(R"({"version":1,"ciphertext":"AAEC","error":{"code":"wrong_key","message":"a\nb"}})"), "wrap");
  ASSERT_TRUE(answer.is_ok()) << answer.status().to_string();
  EXPECT_EQ(answer->error.value().code, "wrong_key");
  EXPECT_EQ(answer->error.value().message, "a?b");
}

TEST(ExecMessage, TheLargestRequestFitsIntoAPipe) {
  CommandRequest request;
  request.operation = "unwrap";
  request.key = std::string(kKeyNameSizeMax, '"');  // two characters each
  request.handle = std::string(kHandleTextSizeMax, '\\');
  request.context = WrapContext{};
  const Bytes ciphertext(1024);
  request.ciphertext = ciphertext;
  EXPECT_LE(encode_request(request).size(), 4096u);
}

TEST(ExecMessage, TextForALogIsPrintableShortAndHoldsNoKey) {
  const std::string digits(64, 'a');
  EXPECT_EQ(fit_for_log(as_bytes("plain text, 1.5 %")), "plain text, 1.5 %");
  EXPECT_EQ(fit_for_log(as_bytes("a\x1b[31m\xc3\xa9")), "a?[31m??");
  EXPECT_EQ(fit_for_log(as_bytes("key=" + digits + ".")), "(68 characters left out).");
  EXPECT_EQ(fit_for_log(as_bytes(digits.substr(0, 42))), digits.substr(0, 42));
  EXPECT_EQ(fit_for_log(as_bytes(digits.substr(0, 43))), "(43 characters left out)");
  std::string words;
  for (int i = 0; i < 100; ++i) words += "word ";
  EXPECT_EQ(fit_for_log(as_bytes(words)).size(), 200u);
}

TEST(ExecMessage, TheLastLineIsTheLastThatSaysSomething) {
  EXPECT_EQ(last_line_for_log(as_bytes(""), 64), "");
  EXPECT_EQ(last_line_for_log(as_bytes("\n\r\n"), 64), "");
  EXPECT_EQ(last_line_for_log(as_bytes("one"), 64), "one");
  EXPECT_EQ(last_line_for_log(as_bytes("one\ntwo\r\n\n"), 64), "two");
  EXPECT_THAT(last_line_for_log(as_bytes(std::string(32, 'x')), 64), HasSubstr("too long"));
  EXPECT_EQ(last_line_for_log(as_bytes(std::string(32, 'x') + "\nend"), 64), "end");
}

}  // namespace
}  // namespace coffer::exec
