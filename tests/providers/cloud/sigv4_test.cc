// AWS Signature Version 4, which libcurl makes, against AWS's published vectors.
#include <gtest/gtest.h>

#include "coffer/net/http/http.h"
#include "providers/cloud/raw_server.h"
#include "support/vectors.h"

namespace coffer::http {
namespace {

std::string unescaped(std::string text) {
  for (size_t at = 0; (at = text.find("\\n", at)) != std::string::npos; ++at) text.replace(at, 2, "\n");
  return text;
}

SecretBytes secret_of(const std::string& text) { return SecretBytes::copy_of(as_bytes(text)); }

// The header "Authorization" of what arrives.
std::string authorization_of(const Request& request, const RawServer& server) {
  const HttpSettings settings;
  EXPECT_TRUE(send(settings, request, deadline_from_now(settings)).is_ok());
  constexpr std::string_view kName = "Authorization: ";
  const std::string sent = server.requests().back();
  const size_t start = sent.find(kName);
  if (start == std::string::npos) return "none in " + sent;
  return sent.substr(start + kName.size(), sent.find("\r\n", start) - start - kName.size());
}

TEST(SigV4, RequestsAreSignedAsPublished) {
  const RawServer server({{http_answer(200, "")}});
  for_each_vector("sigv4.txt", [&](VectorRecord& record) {
    SCOPED_TRACE(record.text("case"));
    const std::string url = record.text("url");
    const size_t host = url.find("//") + 2;
    const size_t path = url.find('/', host);
    Request request;
    request.method = record.text("method");
    request.url = server.url(url.substr(path));
    request.headers = {{"Host", url.substr(host, path - host)}, {"X-Amz-Date", record.text("date")}};
    const std::string lines = unescaped(record.text("headers"));
    for (size_t start = 0; start < lines.size();) {
      const size_t end = std::min(lines.find('\n', start), lines.size());
      const size_t colon = lines.find(':', start);
      request.headers.push_back({lines.substr(start, colon - start), lines.substr(colon + 1, end - colon - 1)});
      start = end + 1;
    }
    const std::string token = record.text("session_token");
    if (!token.empty()) request.secret_headers.push_back({"X-Amz-Security-Token", secret_of(token)});
    request.body = secret_of(record.text("body"));
    request.aws_signature = {record.text("region"), record.text("service"), record.text("access_key_id"),
                             secret_of(record.text("secret_access_key"))};
    EXPECT_EQ(authorization_of(request, server), record.text("authorization"));
  });
}

TEST(SigV4, EveryPartOfTheRequestCounts) {
  const RawServer server({{http_answer(200, "")}});
  const auto signature_of = [&](const std::function<void(Request&)>& change) {
    Request request;
    request.method = "POST";
    request.url = server.url("/path?a=b");
    request.headers = {{"X-Amz-Target", "TrentService.Decrypt"},
                       {"Content-Type", "application/x-amz-json-1.1"},
                       {"Host", "host"},
                       {"X-Amz-Date", "20150830T123600Z"}};
    request.body = secret_of("body");
    request.aws_signature = {"r", "kms", "AKIDEXAMPLE", secret_of("secret")};
    change(request);
    const std::string authorization = authorization_of(request, server);
    return authorization.substr(authorization.find("Signature="));
  };
  const std::string usual = signature_of([](Request&) {});
  EXPECT_EQ(signature_of([](Request&) {}), usual);
  EXPECT_NE(signature_of([](Request& request) { request.aws_signature->region = "other"; }), usual);
  EXPECT_NE(signature_of([](Request& request) { request.method = "PUT"; }), usual);
  EXPECT_NE(signature_of([](Request& request) { request.headers[2].value = "host2"; }), usual);
  EXPECT_NE(signature_of([&](Request& request) { request.url = server.url("/Path?a=b"); }), usual);
  EXPECT_NE(signature_of([&](Request& request) { request.url = server.url("/path?a=c"); }), usual);
  EXPECT_NE(signature_of([](Request& request) { request.body = secret_of("bodY"); }), usual);
  EXPECT_NE(signature_of([](Request& request) { request.headers[0].value = "TrentService.Encrypt"; }), usual);
  EXPECT_NE(signature_of([](Request& request) {
              request.secret_headers.push_back({"X-Amz-Security-Token", secret_of("t")});
            }),
            usual);
}

}  // namespace
}  // namespace coffer::http
