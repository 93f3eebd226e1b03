#include "coffer/net/http/http.h"

#include <arpa/inet.h>
#include <curl/curl.h>

#include <algorithm>
#include <charconv>
#include <memory>
#include <thread>

#include "coffer/crypto/random.h"
#include "coffer/net/http/retry.h"
#include "coffer/net/http/transfer.h"

namespace coffer::http {
namespace {

struct UrlFree {
  void operator()(CURLU* url) const { curl_url_cleanup(url); }
};

std::string part_of(CURLU* url, CURLUPart part, unsigned flags = 0) {
  char* text = nullptr;
  if (curl_url_get(url, part, &text, flags) != CURLUE_OK) return {};
  std::string out(text);
  curl_free(text);
  return out;
}

struct UrlParts {
  std::string scheme;
  std::string host;
  std::string port;
};

Result<UrlParts> parts_of(const std::string& url) {
  const std::unique_ptr<CURLU, UrlFree> parsed(curl_url());
  if (parsed == nullptr) return {Code::kInternal, "no memory for a URL"};
  if (curl_url_set(parsed.get(), CURLUPART_URL, url.c_str(), CURLU_NO_AUTHORITY) != CURLUE_OK) {
    return {Code::kInvalidArgument, "\"" + url + "\" is not a URL; expected https://HOST[:PORT]"};
  }
  UrlParts out{part_of(parsed.get(), CURLUPART_SCHEME), part_of(parsed.get(), CURLUPART_HOST),
               part_of(parsed.get(), CURLUPART_PORT, CURLU_DEFAULT_PORT)};
  if ((out.scheme != "https" && out.scheme != "http") || out.host.empty()) {
    return {Code::kInvalidArgument, "\"" + url + "\" is not a web address; expected https://HOST[:PORT]"};
  }
  if (!part_of(parsed.get(), CURLUPART_USER).empty() || !part_of(parsed.get(), CURLUPART_PASSWORD).empty()) {
    return {Code::kInvalidArgument, "the address of " + out.host + " has a user or password in it; leave it out"};
  }
  return out;
}

// What Retry-After asks for: seconds, or a date.
milliseconds wanted_pause(const Response& response) {
  const std::string text(response.header("retry-after"));
  if (text.empty()) return milliseconds(0);
  constexpr int64_t kSecondsMax = 86400;
  int64_t seconds = 0;
  const auto [rest, error] = std::from_chars(text.data(), text.data() + text.size(), seconds);
  if (error != std::errc() || rest != text.data() + text.size()) {
    const time_t date = curl_getdate(text.c_str(), nullptr);
    if (date < 0) return milliseconds(0);
    seconds = static_cast<int64_t>(date) - static_cast<int64_t>(time(nullptr));
  }
  return std::chrono::seconds(std::clamp<int64_t>(seconds, 0, kSecondsMax));
}

}  // namespace

JsonView Response::json() const {
  const auto parsed = JsonView::parse(body.reveal());
  return parsed.is_ok() ? *parsed : JsonView();
}

std::string_view Response::header(std::string_view lower_case_name) const {
  const auto found = std::find_if(headers.begin(), headers.end(),
                                  [&](const Header& header) { return header.name == lower_case_name; });
  return found == headers.end() ? std::string_view() : std::string_view(found->value);
}

bool is_transient_status(const Response& response) {
  const int status = response.status;
  return status == 429 || status == 500 || status == 502 || status == 503 || status == 504;
}

Result<std::string> host_of_url(const std::string& url) {
  COFFER_ASSIGN(const UrlParts parts, parts_of(url));
  return parts.host + ":" + parts.port;
}

bool is_this_machine(const std::string& host) {
  in_addr address{};
  if (inet_pton(AF_INET, host.c_str(), &address) == 1) return ntohl(address.s_addr) >> 24 == 127;
  return host == "localhost" || host == "[::1]";
}

void append_encoded(ByteView text, SecretBuffer& out) {
  constexpr std::string_view kDigits = "0123456789ABCDEF";
  for (const uint8_t byte : text) {
    const char c = static_cast<char>(byte);
    const bool is_unreserved = is_alphanumeric(c) || c == '-' || c == '.' || c == '_' || c == '~';
    const char escaped[] = {'%', kDigits[byte >> 4], kDigits[byte & 15]};
    out.append(is_unreserved ? std::string_view(&c, 1) : std::string_view(escaped, sizeof escaped));
  }
}

std::string encode_url(std::string_view text) {
  SecretBuffer out;
  append_encoded(as_bytes(text), out);
  return std::string(as_text(out.view()));
}

std::string encode_url_path(std::string_view path) {
  std::string out;
  for (size_t start = 0; start <= path.size();) {
    const size_t end = std::min(path.find('/', start), path.size());
    out += encode_url(path.substr(start, end - start));
    if (end < path.size()) out += '/';
    start = end + 1;
  }
  return out;
}

Result<Aim> aim_at(const HttpSettings& settings, const std::string& url) {
  COFFER_ASSIGN(const UrlParts parts, parts_of(url));
  Aim out{parts.host + ":" + parts.port, settings};
  if (parts.scheme == "http" && !settings.allow_http && !is_this_machine(parts.host)) {
    return {Code::kInvalidArgument,
            out.host + ": http:// would send credentials in the clear; use https://, or allow_http=true if you mean "
                       "it"};
  }
  out.settings.use_proxy = settings.use_proxy && parts.scheme == "https" && !is_this_machine(parts.host);
  return out;
}

Result<Response> send_once(const HttpSettings& settings, const Request& request, Deadline deadline) {
  COFFER_ASSIGN(Aim aim, aim_at(settings, request.url));
  const milliseconds left = left_until(deadline);
  if (left <= milliseconds(0)) return {Code::kProviderUnavailable, aim.host + ": no time left to ask it"};
  aim.settings.try_timeout = std::min(left, settings.try_timeout);
  return transfer(aim.settings, request, aim.host).result;
}

Result<Response> send(const HttpSettings& settings, const Request& request, Deadline deadline) {
  COFFER_ASSIGN(Aim aim, aim_at(settings, request.url));
  const std::string& host = aim.host;
  HttpSettings& of_try = aim.settings;
  // What tells most: an answer, else a reason that is not just that time was short.
  std::optional<Result<Response>> latest;
  RetryPauses pauses(settings.pause_first, settings.pause_max);
  for (;;) {
    const milliseconds left = left_until(deadline);
    if (left <= milliseconds(0)) {
      if (latest.has_value()) return std::move(*latest);
      return {Code::kProviderUnavailable, host + ": no time left to ask it"};
    }
    of_try.try_timeout = std::min(left, settings.try_timeout);
    Try one = transfer(of_try, request, host);
    const bool answered = one.result.is_ok();
    const bool again = answered ? request.is_transient(*one.result) : one.may_repeat;
    if (!again) return std::move(one.result);
    const milliseconds wanted = answered ? wanted_pause(*one.result) : milliseconds(0);
    const bool cut_short = left < settings.try_timeout;
    if (answered || !latest.has_value() || (!latest->is_ok() && !cut_short)) latest.emplace(std::move(one.result));
    const auto pause = pauses.next(wanted, left_until(deadline), random_number());
    if (!pause.has_value()) return std::move(*latest);
    std::this_thread::sleep_for(*pause);
  }
}

}  // namespace coffer::http
