#include "coffer/net/serve/request.h"

#include <algorithm>

#include "coffer/base/base64.h"
#include "coffer/base/text.h"
#include "coffer/crypto/kdf.h"

namespace coffer::serve {
namespace {

// Up to `end`, which is taken off as well; all of it where there is none.
std::string_view take_until(std::string_view& text, std::string_view end) {
  const size_t at = text.find(end);
  const std::string_view out = text.substr(0, at);
  text.remove_prefix(at == std::string_view::npos ? text.size() : at + end.size());
  return out;
}

bool is_same_name(std::string_view a, std::string_view b) {
  return a.size() == b.size() && lower_case(a) == lower_case(b);
}

// Takes digits and what separates them: no name is one of these.
bool is_loopback_address(std::string_view host) {
  return host.starts_with("127.") &&
         std::ranges::all_of(host, [](char c) { return (c >= '0' && c <= '9') || c == '.'; });
}

}  // namespace

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
