#include "coffer/net/serve/request.h"

#include <algorithm>

#include "coffer/base/base64.h"
#include "coffer/base/text.h"
#include "coffer/crypto/kdf.h"

namespace coffer::serve {
namespace {

ParsedRequest refused(int status) { return {.request = std::nullopt, .refusal = Refusal{status}}; }

// Up to `end`, which is taken off as well; all of it where there is none.
std::string_view take_until(std::string_view& text, std::string_view end) {
  const size_t at = text.find(end);
  const std::string_view out = text.substr(0, at);
  text.remove_prefix(at == std::string_view::npos ? text.size() : at + end.size());
  return out;
}

bool is_token(std::string_view name) {
  return !name.empty() && std::ranges::all_of(name, [](char c) {
    return is_alphanumeric(c) || std::string_view("!#$%&'*+-.^_`|~").find(c) != std::string_view::npos;
  });
}

bool is_visible(std::string_view text) {
  return std::ranges::all_of(text, [](char c) { return c > 0x20 && c < 0x7f; });
}

bool is_same_name(std::string_view a, std::string_view b) {
  return a.size() == b.size() && lower_case(a) == lower_case(b);
}

// 0, or with what the line is refused.
int take_request_line(std::string_view line, Request& out) {
  const std::string_view method = take_until(line, " ");
  const std::string_view target = take_until(line, " ");
  if (!is_token(method) || !is_visible(target) || !target.starts_with("/")) return 400;
  if (line != "HTTP/1.1" && line != "HTTP/1.0") return line.starts_with("HTTP/") ? 505 : 400;
  if (method != "GET" && method != "HEAD") return 405;
  out.head_only = method == "HEAD";
  out.path = target.substr(0, target.find('?'));
  return 0;
}

int take_header(std::string_view line, Request& out) {
  const size_t colon = line.find(':');
  if (colon == std::string_view::npos || !is_token(line.substr(0, colon))) return 400;
  const std::string_view name = line.substr(0, colon);
  const std::string_view value = trimmed(line.substr(colon + 1), " \t");
  if (has_control(value)) return 400;
  if (is_same_name(name, "transfer-encoding")) return 413;
  if (is_same_name(name, "content-length")) return value == "0" ? 0 : 413;
  std::string_view* const wanted = is_same_name(name, "host")            ? &out.host
                                   : is_same_name(name, "authorization") ? &out.authorization
                                                                         : nullptr;
  if (wanted == nullptr) return 0;
  if (wanted->data() != nullptr) return 400;
  *wanted = value;
  return 0;
}

// Takes digits and what separates them: no name is one of these.
bool is_loopback_address(std::string_view host) {
  return host.starts_with("127.") &&
         std::ranges::all_of(host, [](char c) { return (c >= '0' && c <= '9') || c == '.'; });
}

}  // namespace

ParsedRequest parse_request(std::string_view received) {
  const size_t end = received.find("\r\n\r\n");
  if (end == std::string_view::npos) return received.size() >= kRequestSizeMax ? refused(431) : ParsedRequest();
  std::string_view left = received.substr(0, end);
  Request out;
  if (const int status = take_request_line(take_until(left, "\r\n"), out); status != 0) return refused(status);
  for (size_t count = 0; !left.empty(); ++count) {
    if (count == kRequestHeadersMax) return refused(431);
    if (const int status = take_header(take_until(left, "\r\n"), out); status != 0) return refused(status);
  }
  return {.request = out, .refusal = std::nullopt};
}

bool names_loopback(std::string_view host) {
  const size_t bracket = host.find(']');
  const size_t colon = host.find(':', bracket == std::string_view::npos ? 0 : bracket);
  if (colon != std::string_view::npos) {
    const std::string_view port = host.substr(colon + 1);
    if (!std::ranges::all_of(port, [](char c) { return c >= '0' && c <= '9'; })) return false;
    host = host.substr(0, colon);
  }
  return is_same_name(host, "localhost") || host == "[::1]" || is_loopback_address(host);
}

Credentials credentials_of(std::string_view authorization) {
  const std::string_view scheme = take_until(authorization, " ");
  const std::string_view text = trimmed(authorization, " ");
  if (is_same_name(scheme, "bearer")) return {Credentials::Scheme::kBearer, text};
  if (is_same_name(scheme, "basic")) return {Credentials::Scheme::kBasic, text};
  return {};
}

bool has_token(const Credentials& given, const SecretBytes& token) {
  if (given.scheme == Credentials::Scheme::kBearer) return equal_constant_time(as_bytes(given.text), token.reveal());
  if (given.scheme != Credentials::Scheme::kBasic) return false;
  const auto decoded = decode_base64(as_bytes(given.text), Base64Alphabet::kStandard);
  if (!decoded.is_ok()) return false;
  const std::string_view pair = as_text(decoded->reveal());
  const size_t colon = pair.find(':');
  return colon != std::string_view::npos && equal_constant_time(as_bytes(pair.substr(colon + 1)), token.reveal());
}

}  // namespace coffer::serve
