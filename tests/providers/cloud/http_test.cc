// The HTTP client against answers of every kind: right, wrong, slow, cut, large, and none.
#include "coffer/net/http/http.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "coffer/io/disk.h"
#include "io/temporary_directory.h"
#include "providers/cloud/raw_server.h"

namespace coffer::http {
namespace {

using testing::HasSubstr;
using testing::Not;

// Quick where nothing is to be waited for.
HttpSettings impatient() {
  HttpSettings out;
  out.connect_timeout = milliseconds(2000);
  out.try_timeout = milliseconds(2000);
  out.total_timeout = milliseconds(4000);
  out.pause_first = milliseconds(1);
  out.pause_max = milliseconds(4);
  return out;
}

Result<Response> get(const HttpSettings& settings, const std::string& url) {
  Request request;
  request.url = url;
  return send(settings, request, deadline_from_now(settings));
}

std::string body_of(const Result<Response>& response) {
  return response.is_ok() ? std::string(as_text(response.value().body.reveal())) : response.status().to_string();
}

TEST(Http, AnAnswerHasItsStatusHeadersAndBody) {
  RawServer server({{http_answer(404, "gone", "X-Reason:  because \r\n")}});
  auto response = get(impatient(), server.url("/a/%2e%2e/b?c=d"));
  ASSERT_TRUE(response.is_ok()) << response.status().to_string();
  EXPECT_EQ(response->status, 404);
  EXPECT_FALSE(response->is_success());
  EXPECT_EQ(response->header("x-reason"), "because");
  EXPECT_EQ(response->header("x-other"), "");
  EXPECT_EQ(body_of(response), "gone");
  EXPECT_THAT(server.requests().at(0), HasSubstr("GET /a/%2e%2e/b?c=d HTTP/1.1\r\n")) << "sent to the letter";
}

TEST(Http, ARequestHasItsMethodHeadersAndBody) {
  RawServer server({{http_answer(200, "")}});
  Request request;
  request.method = "POST";
  request.url = server.url();
  request.headers = {{"Content-Type", "application/json"}, {"X-Empty", ""}};
  request.secret_headers.push_back({"X-Token", SecretBytes::copy_of(as_bytes("swordfish"))});
  request.body = SecretBytes::copy_of(as_bytes(std::string_view("a\0b", 3)));
  ASSERT_TRUE(send(impatient(), request, deadline_from_now(impatient())).is_ok());
  const std::string sent = server.requests().at(0);
  EXPECT_THAT(sent, HasSubstr("POST / HTTP/1.1\r\n"));
  EXPECT_THAT(sent, HasSubstr("\r\nContent-Type: application/json\r\n"));
  EXPECT_THAT(sent, HasSubstr("\r\nX-Empty:\r\n"));
  EXPECT_THAT(sent, HasSubstr("\r\nX-Token: swordfish\r\n"));
  EXPECT_THAT(sent, HasSubstr("\r\nContent-Length: 3\r\n"));
  EXPECT_THAT(sent, HasSubstr(std::string_view("\r\n\r\na\0b", 7)));
}

TEST(Http, AHeaderCannotSmuggleInAnother) {
  Request request;
  request.url = "http://127.0.0.1:1/";
  request.headers = {{"X-Name", "a\r\nX-Admin: true"}};
  EXPECT_EQ(send(impatient(), request, deadline_from_now(impatient())).code(), Code::kInvalidArgument);
}

TEST(Http, TransientAnswersAreAskedAgainAndOthersAreNot) {
  for (int status : {429, 500, 502, 503, 504}) {
    RawServer server({{http_answer(status, "")}, {http_answer(status, "")}, {http_answer(200, "at last")}});
    EXPECT_EQ(body_of(get(impatient(), server.url())), "at last") << status;
    EXPECT_EQ(server.requests().size(), 3u);
  }
  for (int status : {200, 204, 301, 307, 400, 401, 403, 404, 501}) {
    RawServer server({{http_answer(status, "")}});
    auto response = get(impatient(), server.url());
    ASSERT_TRUE(response.is_ok());
    EXPECT_EQ(response->status, status);
    EXPECT_EQ(server.requests().size(), 1u) << status;
  }
}

TEST(Http, TimeAndNotACountEndsTheTriesAndTheLastAnswerIsGiven) {
  RawServer server({{http_answer(503, "sealed")}});
  HttpSettings settings = impatient();
  settings.total_timeout = milliseconds(2000);
  settings.pause_max = milliseconds(20);
  EXPECT_EQ(body_of(get(settings, server.url())), "sealed");
  EXPECT_GT(server.requests().size(), 6u);
}

TEST(Http, RetryAfterIsHonouredWithinTheDeadlineAndNotBeyond) {
  RawServer soon({{http_answer(429, "", "Retry-After: 1\r\n")}, {http_answer(200, "yes")}});
  const auto begin = std::chrono::steady_clock::now();
  EXPECT_EQ(body_of(get(impatient(), soon.url())), "yes");
  EXPECT_GE(std::chrono::steady_clock::now() - begin, milliseconds(1000));
  for (const char* late : {"3600", "Fri, 31 Dec 2199 23:59:59 GMT"}) {
    RawServer server({{http_answer(429, "later", "Retry-After: " + std::string(late) + "\r\n")}});
    EXPECT_EQ(body_of(get(impatient(), server.url())), "later") << "said at once, instead of waiting in vain";
    EXPECT_EQ(server.requests().size(), 1u);
  }
}

TEST(Http, ConnectionsThatBreakAreTriedAgain) {
  RawServer server({{""}, {"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf"}, {http_answer(200, "whole")}});
  EXPECT_EQ(body_of(get(impatient(), server.url())), "whole");
  EXPECT_EQ(server.requests().size(), 3u);
}

TEST(Http, WhatIsNotHttpIsNoAnswer) {
  for (const char* bytes : {"", "\1\2\3\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nshort",
                            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"}) {
    RawServer server({{bytes}});
    HttpSettings settings = impatient();
    settings.total_timeout = milliseconds(300);
    auto response = get(settings, server.url());
    EXPECT_EQ(response.code(), Code::kProviderUnavailable) << bytes;
    EXPECT_THAT(std::string(response.status().message()), HasSubstr("127.0.0.1:" + std::to_string(server.port())));
  }
}

TEST(Http, AnAnswerLargerThanAllowedIsRefused) {
  HttpSettings settings = impatient();
  settings.response_size_max = 100;
  RawServer fits({{http_answer(200, std::string(100, 'x'))}});
  EXPECT_EQ(body_of(get(settings, fits.url())).size(), 100u);
  RawServer too_large({{http_answer(200, std::string(101, 'x'))}});
  EXPECT_EQ(get(settings, too_large.url()).code(), Code::kTampered);
  RawServer endless({{"HTTP/1.1 200 OK\r\n\r\n" + std::string(size_t{1} << 20, 'x')}});
  EXPECT_EQ(get(settings, endless.url()).code(), Code::kTampered);
  std::string headers;
  for (int i = 0; i < 2000; ++i) headers += "X-Header-" + std::to_string(i) + ": " + std::string(40, 'y') + "\r\n";
  RawServer many_headers({{http_answer(200, "", headers)}});
  EXPECT_EQ(get(settings, many_headers.url()).code(), Code::kTampered);
}

TEST(Http, ASlowServerIsWaitedForUntilTheDeadlineOnly) {
  HttpSettings settings = impatient();
  settings.try_timeout = milliseconds(100);
  settings.total_timeout = milliseconds(400);
  RawServer silent({{"", milliseconds(0), /*hang=*/true}});
  const auto begin = std::chrono::steady_clock::now();
  auto response = get(settings, silent.url());
  EXPECT_EQ(response.code(), Code::kProviderUnavailable);
  EXPECT_THAT(std::string(response.status().message()), HasSubstr("no answer within"));
  EXPECT_LT(std::chrono::steady_clock::now() - begin, milliseconds(3000));
  Request too_late;
  too_late.url = silent.url();
  EXPECT_EQ(send(settings, too_late, std::chrono::steady_clock::now()).code(), Code::kProviderUnavailable);
}

TEST(Http, NobodyListeningIsSaidWithHostPortAndReason) {
  const std::string host = "127.0.0.1:" + std::to_string(closed_port());
  auto response = get(impatient(), "http://" + host);
  EXPECT_EQ(response.code(), Code::kProviderUnavailable);
  EXPECT_THAT(std::string(response.status().message()), HasSubstr(host + ": cannot connect: Connection refused"));
}

TEST(Http, PlainHttpIsForThisMachineUnlessAskedFor) {
  for (const char* url : {"http://192.0.2.1/", "http://127.0.0.1.example/", "http://localhost.example:80/"}) {
    EXPECT_EQ(get(impatient(), url).code(), Code::kInvalidArgument) << url;
  }
  const std::string port = std::to_string(closed_port());
  for (const std::string& url : {"http://localhost:" + port, "http://127.3.2.1:" + port, "http://[::1]:" + port}) {
    EXPECT_EQ(get(impatient(), url).code(), Code::kProviderUnavailable) << url;
  }
}

TEST(Http, UrlsThatAreNoneAreRefused) {
  for (const char* url :
       {"", "ftp://host/", "file:///etc/passwd", "https://", "host/path", "https://host:0x/", "https://host:99999/"}) {
    EXPECT_EQ(get(impatient(), url).code(), Code::kInvalidArgument) << url;
  }
  auto named = get(impatient(), "https://me:swordfish@host/");
  EXPECT_EQ(named.code(), Code::kInvalidArgument);
  EXPECT_THAT(std::string(named.status().message()), Not(HasSubstr("swordfish")));
  EXPECT_EQ(host_of_url("https://host.example/x").value(), "host.example:443");
  EXPECT_EQ(host_of_url("http://[::1]:81").value(), "[::1]:81");
}

TEST(Http, RedirectionsAreAnswersAndNotFollowed) {
  RawServer elsewhere({{http_answer(200, "elsewhere")}});
  RawServer server({{http_answer(307, "", "Location: " + elsewhere.url() + "\r\n")}});
  auto response = get(impatient(), server.url());
  ASSERT_TRUE(response.is_ok());
  EXPECT_EQ(response->header("location"), elsewhere.url());
  EXPECT_TRUE(elsewhere.requests().empty());
}

TEST(Http, AProxyIsForOtherMachinesOnly) {
  RawServer proxy({{http_answer(403, "")}});
  setenv("HTTPS_PROXY", proxy.url("").c_str(), 1);
  unsetenv("NO_PROXY");
  unsetenv("no_proxy");
  EXPECT_EQ(get(impatient(), "https://127.0.0.1:" + std::to_string(closed_port())).code(), Code::kProviderUnavailable);
  EXPECT_TRUE(proxy.requests().empty());
  HttpSettings hasty = impatient();
  hasty.total_timeout = milliseconds(500);
  EXPECT_EQ(get(hasty, "https://kms.example/").code(), Code::kProviderUnavailable);
  EXPECT_THAT(proxy.requests().at(0), testing::StartsWith("CONNECT kms.example:443 "));
  RawServer unused({{http_answer(403, "")}});
  setenv("HTTPS_PROXY", unused.url("").c_str(), 1);
  HttpSettings direct = impatient();
  direct.use_proxy = false;
  direct.connect_timeout = milliseconds(50);
  direct.total_timeout = milliseconds(200);
  EXPECT_EQ(get(direct, "https://192.0.2.1/").code(), Code::kProviderUnavailable);
  EXPECT_TRUE(unused.requests().empty());
  unsetenv("HTTPS_PROXY");
}

TEST(Http, PartsOfUrlsAreEncoded) {
  EXPECT_EQ(encode_url("aZ09-._~"), "aZ09-._~");
  EXPECT_EQ(encode_url("a/b c?d=é"), "a%2Fb%20c%3Fd%3D%C3%A9");
  EXPECT_EQ(encode_url_path("/a b//c/"), "/a%20b//c/");
  EXPECT_EQ(encode_url_path(""), "");
}

TEST(HttpSettingsOptions, AreTakenFromAUriAndPutBack) {
  TemporaryDirectory directory;
  const std::string key = directory / "key.pem", ca = directory / "ca.pem";
  ASSERT_TRUE(create_file(Disk::posix(), key, as_bytes("key"), 0600).is_ok());
  ASSERT_TRUE(create_file(Disk::posix(), ca, as_bytes("ca"), 0644).is_ok());
  const std::string text = "x://h/p?timeout_millis=50&connect_timeout_millis=7&ca_file=" + ca +
                           "&client_cert_file=" + ca + "&client_key_file=" + key + "&allow_http=true";
  const ProviderUri uri = parse_provider_uri(text).value();
  UriOptions options(uri);
  auto settings = take_http_settings(options);
  ASSERT_TRUE(settings.is_ok()) << settings.status().to_string();
  EXPECT_TRUE(options.finish().is_ok());
  EXPECT_EQ(settings->connect_timeout, milliseconds(7));
  EXPECT_EQ(settings->total_timeout, milliseconds(50));
  EXPECT_LE(settings->try_timeout, settings->total_timeout);
  EXPECT_EQ(format_provider_uri(options.kept()), text);
}

TEST(HttpSettingsOptions, ThatCannotWorkAreRefusedAtOnce) {
  TemporaryDirectory directory;
  const std::string open = directory / "open.pem";
  ASSERT_TRUE(create_file(Disk::posix(), open, as_bytes("key"), 0644).is_ok());
  const std::pair<std::string, Code> kCases[] = {
      {"ca_file=/nowhere/ca.pem", Code::kNotFound},
      {"client_key_file=" + open, Code::kInvalidArgument},
      {"client_cert_file=" + open + "&client_key_file=" + open, Code::kPermissionDenied},
      {"client_cert_file=" + open, Code::kPermissionDenied},
      {"timeout_millis=0", Code::kInvalidArgument},
      {"timeout_millis=600001", Code::kInvalidArgument},
      {"allow_http=yes", Code::kInvalidArgument},
  };
  for (const auto& [text, code] : kCases) {
    const ProviderUri uri = parse_provider_uri("x://h/p?" + text).value();
    UriOptions options(uri);
    EXPECT_EQ(take_http_settings(options).code(), code) << text;
  }
}

}  // namespace
}  // namespace coffer::http
