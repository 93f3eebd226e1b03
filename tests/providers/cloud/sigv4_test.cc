// AWS Signature Version 4 against AWS's published vectors.
#include "coffer/providers/aws_kms/sigv4.h"

#include <gtest/gtest.h>

#include "support/vectors.h"

namespace coffer::aws_kms {
namespace {

std::string unescaped(std::string text) {
  for (size_t at = 0; (at = text.find("\\n", at)) != std::string::npos; ++at) text.replace(at, 2, "\n");
  return text;
}

time_t time_of(const std::string& amz) {
  tm parts{};
  EXPECT_NE(strptime(amz.c_str(), "%Y%m%dT%H%M%SZ", &parts), nullptr);
  return timegm(&parts);
}

std::vector<http::Header> headers_of(const std::string& lines) {
  std::vector<http::Header> out;
  for (size_t start = 0; start < lines.size();) {
    const size_t end = std::min(lines.find('\n', start), lines.size());
    const size_t colon = lines.find(':', start);
    out.push_back({lines.substr(start, colon - start), lines.substr(colon + 1, end - colon - 1)});
    start = end + 1;
  }
  return out;
}

SecretBytes secret_of(const std::string& text) { return SecretBytes::copy_of(as_bytes(text)); }

TEST(SigV4, SignsAsPublished) {
  for_each_vector("sigv4.txt", [](VectorRecord& record) {
    SCOPED_TRACE(record.text("case"));
    const Credentials credentials{record.text("access_key_id"), secret_of(record.text("secret_access_key")),
                                  secret_of(record.text("session_token")), ""};
    const SigningScope scope{record.text("region"), record.text("service"), time_of(record.text("date"))};
    http::Request request;
    request.method = record.text("method");
    request.url = record.text("url");
    request.headers = headers_of(unescaped(record.text("headers")));
    request.body = secret_of(record.text("body"));
    ASSERT_TRUE(sign(credentials, scope, request).is_ok());
    ASSERT_EQ(request.headers.back().name, "Authorization");
    EXPECT_EQ(request.headers.back().value, record.text("authorization"));
    request.headers.pop_back();
    EXPECT_EQ(as_text(canonical_request(request)->reveal()), unescaped(record.text("canonical_request")));
    EXPECT_EQ(string_to_sign(scope, request).value(), unescaped(record.text("string_to_sign")));
  });
}

TEST(SigV4, DatesAreUtcAndOfTwoDigits) {
  EXPECT_EQ(amz_date(0), "19700101T000000Z");
  EXPECT_EQ(amz_date(951782400), "20000229T000000Z");
  EXPECT_EQ(amz_date(1440938160), "20150830T123600Z");
}

TEST(SigV4, EveryPartOfTheRequestCounts) {
  const Credentials credentials{"AKIDEXAMPLE", secret_of("secret"), SecretBytes(), ""};
  const auto signature_of = [&](const std::function<void(http::Request&)>& change, const std::string& region = "r") {
    http::Request request;
    request.method = "POST";
    request.url = "https://host/path?a=b";
    request.headers = {{"X-Amz-Target", "TrentService.Decrypt"}};
    request.body = secret_of("body");
    change(request);
    EXPECT_TRUE(sign(credentials, {region, "kms", 0}, request).is_ok());
    return request.headers.back().value.substr(request.headers.back().value.find("Signature="));
  };
  const std::string usual = signature_of([](http::Request&) {});
  EXPECT_EQ(signature_of([](http::Request&) {}), usual);
  EXPECT_NE(signature_of([](http::Request&) {}, "other"), usual);
  EXPECT_NE(signature_of([](http::Request& request) { request.method = "PUT"; }), usual);
  EXPECT_NE(signature_of([](http::Request& request) { request.url = "https://host2/path?a=b"; }), usual);
  EXPECT_NE(signature_of([](http::Request& request) { request.url = "https://host/Path?a=b"; }), usual);
  EXPECT_NE(signature_of([](http::Request& request) { request.url = "https://host/path?a=c"; }), usual);
  EXPECT_NE(signature_of([](http::Request& request) { request.body = secret_of("bodY"); }), usual);
  EXPECT_NE(signature_of([](http::Request& request) { request.headers[0].value = "TrentService.Encrypt"; }), usual);
  EXPECT_NE(signature_of([](http::Request& request) {
              request.secret_headers.push_back({"X-Amz-Security-Token", secret_of("t")});
            }),
            usual);
}

}  // namespace
}  // namespace coffer::aws_kms
