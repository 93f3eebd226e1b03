#include "coffer/net/oauth/token.h"

#include <algorithm>
#include <charconv>

#include "coffer/net/http/json_view.h"

namespace coffer::oauth {
namespace {

using http::JsonView;

constexpr size_t kTokenSizeMax = size_t{16} << 10;
constexpr size_t kWordsMax = 600;  // a resource name of 480, and what is the matter with it
constexpr size_t kServiceTextMax = 4096;
constexpr int64_t kLifetimeUnknownSeconds = 300;
constexpr int64_t kLifetimeMaxSeconds = 86400;

// A number, which some services write as text.
int64_t lifetime_of(const JsonView& answer) {
  const JsonView member = answer["expires_in"];
  int64_t seconds = member.number().value_or(kLifetimeUnknownSeconds);
  if (const auto text = member.text(20)) {
    const auto [end, error] = std::from_chars(text->data(), text->data() + text->size(), seconds);
    if (error != std::errc() || end != text->data() + text->size()) seconds = kLifetimeUnknownSeconds;
  }
  return std::clamp<int64_t>(seconds, 0, kLifetimeMaxSeconds);
}

Status refusal(const std::string& host, const http::Response& response) {
  std::string said = "it answers with status " + std::to_string(response.status);
  const auto answer = JsonView::parse(response.body.reveal());
  const bool refuses = response.status == 400 || response.status == 401 || response.status == 403;
  if (answer.is_ok() && (*answer)["error"].is_string()) {
    for (const char* name : {"error", "error_description"}) {
      if (const auto text = (*answer)[name].secret(kServiceTextMax)) said += ": " + words_of(text->reveal());
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
  if (!response.is_success()) return refusal(host, response);
  const auto answer = JsonView::parse(response.body.reveal());
  if (!answer.is_ok()) return answer.status().with_context(host + ": its answer to a request for a token");
  auto token = http::json_secret(*answer, "access_token", kTokenSizeMax);
  if (!token.is_ok()) return token.status().with_context(host);
  if (token->empty() || lower_case((*answer)["token_type"].text(64).value_or("Bearer")) != "bearer") {
    return {Code::kTampered, host + ": its answer to a request for a token is no bearer token"};
  }
  TokenCache::Fetched out;
  out.credential = std::move(*token);
  out.expires = std::chrono::system_clock::now() + std::chrono::seconds(lifetime_of(*answer));
  return out;
}

Result<http::Response> send_with_token(const http::HttpSettings& settings, http::Request& request,
                                       http::Deadline deadline, TokenCache& tokens, const FetchToken& fetch) {
  for (bool again = true;; again = false) {
    COFFER_ASSIGN(const TokenCache::Pointer token, tokens.get(deadline, [&] { return fetch(deadline); }));
    request.secret_headers.clear();
    request.secret_headers.push_back(
        {"Authorization", http::SecretText().append("Bearer ").append(token->reveal()).take()});
    auto response = http::send(settings, request, deadline);
    if (!response.is_ok() || response->status != 401) return response;
    tokens.drop(token);
    if (!again) return response;
  }
}

std::string words_of(ByteView text) {
  std::string out;
  for (const uint8_t c : text) {
    if (c == '\r' || c == '\n' || out.size() == kWordsMax) break;
    out += c >= 0x20 && c < 0x7f ? static_cast<char>(c) : '?';
  }
  return out;
}

}  // namespace coffer::oauth
