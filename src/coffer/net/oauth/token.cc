#include "coffer/net/oauth/token.h"

#include <algorithm>

#include "coffer/net/http/json_view.h"

namespace coffer::oauth {
namespace {

using http::JsonView;

constexpr size_t kTokenSizeMax = size_t{16} << 10;
constexpr size_t kWordsMax = 600;  // a resource name of 480, and what is the matter with it
constexpr size_t kServiceTextMax = 4096;
constexpr int64_t kLifetimeUnknownSeconds = 300;
constexpr int64_t kLifetimeMaxSeconds = 86400;

Status no_token(const std::string& host, const http::Response& response) {
  std::string said = "it answers with status " + std::to_string(response.status);
  const bool refuses = response.status == 400 || response.status == 401 || response.status == 403;
  const JsonView answer = response.json();
  if (answer["error"].is_string()) {
    for (const char* name : {"error", "error_description"}) {
      if (answer[name].is_string()) said += ": " + words_of(answer[name]);
    }
  }
  return {refuses ? Code::kPermissionDenied : Code::kProviderUnavailable, host + " gives no token: " + said};
}

}  // namespace

Form& Form::add(std::string_view name, ByteView value) {
  out_.append(out_.empty() ? "" : "&").append(name).append("=");
  http::append_encoded(value, out_);
  return *this;
}

http::Request token_request(const std::string& url, SecretBytes form) {
  http::Request request;
  request.method = "POST";
  request.url = url;
  request.headers = {{"Content-Type", "application/x-www-form-urlencoded"}, {"Accept", "application/json"}};
  request.body = std::move(form);
  return request;
}

Result<TokenCache::Fetched> fetch_token(const http::HttpSettings& settings, const http::Request& request,
                                        http::Deadline deadline) {
  COFFER_ASSIGN(const std::string host, http::host_of_url(request.url));
  COFFER_ASSIGN(const http::Response response, http::send(settings, request, deadline));
  if (!response.is_success()) return no_token(host, response);
  const std::string what = host + ": its answer to a request for a token";
  COFFER_ASSIGN(const JsonView answer, JsonView::parse(response.body.reveal()).with_context(what));
  COFFER_ASSIGN(SecretBytes token, http::json_secret(answer, "access_token", kTokenSizeMax).with_context(host));
  if (token.empty() || lower_case(answer["token_type"].text(64).value_or("Bearer")) != "bearer") {
    return {Code::kTampered, what + " is no bearer token"};
  }
  const int64_t seconds = answer["expires_in"].number_or_text().value_or(kLifetimeUnknownSeconds);
  return TokenCache::Fetched{
      std::move(token),
      std::chrono::system_clock::now() + std::chrono::seconds(std::clamp<int64_t>(seconds, 0, kLifetimeMaxSeconds))};
}

Result<http::Response> send_with_token(const http::HttpSettings& settings, http::Request request,
                                       http::Deadline deadline, TokenCache& tokens, const FetchToken& fetch,
                                       const char* code, const Refusal& refusal) {
  COFFER_ASSIGN(const std::string host, http::host_of_url(request.url));
  const auto send = [&](const SecretBytes& token) {
    request.secret_headers.clear();
    request.secret_headers.push_back(
        {"Authorization", http::SecretText().append("Bearer ").append(token.reveal()).take()});
    return http::send(settings, request, deadline);
  };
  COFFER_ASSIGN(http::Response response, tokens.ask(
                                             deadline, [&] { return fetch(deadline); }, send,
                                             [](const http::Response& answer) { return answer.status == 401; }));
  if (response.is_success()) return response;
  const JsonView error = response.json()["error"];
  const std::string words = words_of(error["message"]);
  if (error[code].is_string() && !http::is_transient_status(response)) return refusal(response, error, words);
  return {Code::kProviderUnavailable,
          host + " answers with status " + std::to_string(response.status) + (words.empty() ? "" : ": " + words)};
}

std::string words_of(ByteView text) {
  std::string out;
  for (const uint8_t c : text) {
    if (c == '\r' || c == '\n' || out.size() == kWordsMax) break;
    // Behind a semicolon, an error says what to do next: those words are ours.
    out += c == ';' ? ',' : c >= 0x20 && c < 0x7f ? static_cast<char>(c) : '?';
  }
  return out;
}

std::string words_of(const JsonView& text) {
  const auto said = text.secret(kServiceTextMax);
  return said.has_value() ? words_of(said->reveal()) : std::string();
}

}  // namespace coffer::oauth
