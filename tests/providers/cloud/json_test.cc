// Reading and writing the JSON of key services.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "coffer/base/base64.h"
#include "coffer/net/http/json_body.h"
#include "coffer/net/http/json_view.h"

namespace coffer::http {
namespace {

JsonView parse(std::string_view text) {
  auto view = JsonView::parse(as_bytes(text));
  EXPECT_TRUE(view.is_ok()) << text << ": " << view.status().to_string();
  return view.is_ok() ? *view : JsonView();
}

TEST(Json, MembersAndElementsAreFound) {
  const JsonView view = parse(" { \"a\" : { \"b\" : [ 1 , \"two\" , {\"c\":true} , null ] } , \"d\":-7, \"e\":\"\" } ");
  EXPECT_EQ(view["a"]["b"].element_count(), 4u);
  EXPECT_EQ(view["a"]["b"].at(0).number(), 1);
  EXPECT_EQ(view["a"]["b"].at(1).text(10), "two");
  EXPECT_EQ(view["a"]["b"].at(2)["c"].boolean(), true);
  EXPECT_TRUE(view["a"]["b"].at(3).exists());
  EXPECT_FALSE(view["a"]["b"].at(4).exists());
  EXPECT_EQ(view["d"].number(), -7);
  EXPECT_EQ(view["e"].text(0), "");
  EXPECT_FALSE(view["x"]["y"].at(2)["z"].exists());
}

TEST(Json, AValueIsOnlyWhatItIs) {
  const JsonView view = parse("{\"n\":1.0,\"s\":\"12\",\"t\":true,\"o\":{},\"big\":99999999999999999999}");
  EXPECT_EQ(view["n"].number(), std::nullopt) << "not an integer";
  EXPECT_EQ(view["s"].number(), std::nullopt);
  EXPECT_EQ(view["t"].text(9), std::nullopt);
  EXPECT_EQ(view["o"].boolean(), std::nullopt);
  EXPECT_EQ(view["big"].number(), std::nullopt);
  EXPECT_EQ(JsonView().text(9), std::nullopt);
}

TEST(Json, OfSeveralMembersWithOneNameTheLastCounts) { EXPECT_EQ(parse("{\"a\":1,\"\\u0061\":2}")["a"].number(), 2); }

TEST(Json, EscapesAreUndone) {
  EXPECT_EQ(parse(R"("\"\\\/\b\f\n\r\t")").text(99), "\"\\/\b\f\n\r\t");
  EXPECT_EQ(parse(R"("\u0041\u00e9\u20ac\ud83d\ude00")").text(99), "A\u00e9\u20ac\U0001F600");
  EXPECT_EQ(parse(R"("\u0000")").text(99), std::string(1, '\0'));
}

TEST(Json, SizesAreBounded) {
  EXPECT_EQ(parse("\"abc\"").text(3), "abc");
  EXPECT_EQ(parse("\"abc\"").text(2), std::nullopt);
  EXPECT_EQ(parse("\"\\u0061bc\"").text(3), "abc") << "by what it says, not by how it is written";
  EXPECT_EQ(parse("\"abc\"").secret(3)->size(), 3u);
}

TEST(Json, NestingIsBounded) {
  const auto nested = [](size_t depth) { return std::string(depth, '[') + std::string(depth, ']'); };
  EXPECT_TRUE(JsonView::parse(as_bytes(nested(kJsonDepthMax + 1))).is_ok());
  EXPECT_EQ(JsonView::parse(as_bytes(nested(kJsonDepthMax + 2))).code(), Code::kTampered);
  EXPECT_EQ(JsonView::parse(as_bytes(std::string(size_t{1} << 20, '['))).code(), Code::kTampered);
}

TEST(Json, WhatIsNotJsonIsRefused) {
  for (const char* text : {"",
                           " ",
                           "{",
                           "}",
                           "{\"a\"}",
                           "{\"a\":}",
                           "{\"a\":1,}",
                           "[1,]",
                           "[1 2]",
                           "{a:1}",
                           "'a'",
                           "\"a",
                           "\"\\x\"",
                           "\"\\u12\"",
                           "\"\\ud800\"",
                           "\"\\ud800x\"",
                           "\"\\ud800\\u0041\"",
                           "\"\\udc00\"",
                           "\"\n\"",
                           "01",
                           "-",
                           "1.",
                           ".5",
                           "1e",
                           "+1",
                           "tru",
                           "nul",
                           "{} {}",
                           "NaN",
                           "\xef\xbb\xbf{}"}) {
    EXPECT_EQ(JsonView::parse(as_bytes(text)).code(), Code::kTampered) << text;
  }
}

TEST(Json, EveryCutAndEveryFlippedBitIsJsonOrRefused) {
  const std::string text = R"({"data":{"ciphertext":"vault:v1:\u00e9A==","n":[1,-2.5e3,null,true]}})";
  for (size_t size = 0; size < text.size(); ++size) {
    EXPECT_FALSE(JsonView::parse(as_bytes(text).first(size)).is_ok()) << size;
  }
  for (size_t bit = 0; bit < text.size() * 8; ++bit) {
    std::string flipped = text;
    flipped[bit / 8] = static_cast<char>(flipped[bit / 8] ^ (1 << bit % 8));
    auto view = JsonView::parse(as_bytes(flipped));
    if (view.is_ok()) (void)(*view)["data"]["ciphertext"].text(100);
  }
}

TEST(Json, ArraysOfServicesThatForgetAMemberAreNamedByIt) {
  const JsonView view = parse("{\"a\":\"b\",\"c\":\"AAEC\",\"d\":\"AAE\"}");
  EXPECT_EQ(json_text(view, "a", 1).value(), "b");
  EXPECT_THAT(std::string(json_text(view, "x", 1).status().message()), testing::HasSubstr("\"x\""));
  EXPECT_EQ(json_base64(view, "c", 3)->size(), 3u);
  EXPECT_EQ(json_base64(view, "c", 2).code(), Code::kTampered);
  EXPECT_EQ(json_base64(view, "a", 3).code(), Code::kTampered);
}

TEST(Json, WhatIsWrittenReadsBack) {
  const Bytes bytes = {0xfb, 0xff, 0x00};
  const SecretBytes body = JsonBody()
                               .text("quote\"", "line\n\x01\\")
                               .open("in")
                               .base64("b", bytes)
                               .base64url("u", ByteView(bytes).first(2))
                               .close()
                               .number("n", 42)
                               .take();
  EXPECT_EQ(as_text(body.reveal()), R"({"quote\"":"line\u000a\u0001\\","in":{"b":"+/8A","u":"-_8"},"n":42})");
  const JsonView view = parse(as_text(body.reveal()));
  EXPECT_EQ(view["quote\""].text(99), "line\n\x01\\");
  EXPECT_EQ(as_text(JsonBody().take().reveal()), "{}");
  EXPECT_EQ(as_text(JsonBody().open("a").close().take().reveal()), "{\"a\":{}}");
}

TEST(Json, TextGrowsInSecretMemory) {
  SecretText text;
  std::string expected;
  for (int i = 0; i < 2000; ++i) {
    text.append("piece ").append(std::to_string(i));
    expected += "piece " + std::to_string(i);
  }
  EXPECT_EQ(as_text(text.view()), expected);
  EXPECT_EQ(as_text(text.take().reveal()), expected);
  EXPECT_EQ(text.size(), 0u);
}

TEST(Base64, AsTheStandardHasIt) {
  const std::pair<std::string, std::string> kCases[] = {{"", ""},
                                                        {"f", "Zg=="},
                                                        {"fo", "Zm8="},
                                                        {"foo", "Zm9v"},
                                                        {"foob", "Zm9vYg=="},
                                                        {"fooba", "Zm9vYmE="},
                                                        {"foobar", "Zm9vYmFy"}};
  for (const auto& [bytes, text] : kCases) {
    std::string out(base64_size(bytes.size()), 0);
    encode_base64(as_bytes(bytes), MutableBytes(reinterpret_cast<uint8_t*>(out.data()), out.size()));
    EXPECT_EQ(out, text);
    EXPECT_EQ(as_text(decode_base64(as_bytes(text), Base64Alphabet::kStandard)->reveal()), bytes);
  }
}

}  // namespace
}  // namespace coffer::http
