// What a client says to a server of ours: whatever it is, it is answered, refused or waited for, by nothing else than
// its own bytes; more of it never changes what was decided.
#include <cstdlib>

#include "coffer/net/serve/request.h"

namespace {

using namespace coffer;
using namespace coffer::serve;

void require(bool holds) {
  if (!holds) std::abort();
}

void require_within(std::string_view part, std::string_view whole) {
  require(part.data() == nullptr ||
          (part.data() >= whole.data() && part.data() + part.size() <= whole.data() + whole.size()));
}

bool is_same(const ParsedRequest& a, const ParsedRequest& b) {
  if (a.refusal.has_value() != b.refusal.has_value() || a.request.has_value() != b.request.has_value()) return false;
  if (a.refusal) return a.refusal->status == b.refusal->status;
  return !a.request || (a.request->path == b.request->path && a.request->host == b.request->host &&
                        a.request->authorization == b.request->authorization);
}

void check_request(std::string_view text) {
  const ParsedRequest parsed = parse_request(text);
  require(!parsed.request || !parsed.refusal);
  require(parsed.request || parsed.refusal || text.size() < kRequestSizeMax);
  const bool is_decided = parsed.request || parsed.refusal;
  if (is_decided && text.size() < kRequestSizeMax) require(is_same(parsed, parse_request(std::string(text) + "more")));
  if (!parsed.request) return;
  require(parsed.request->path.starts_with('/') && parsed.request->path.find('?') == std::string_view::npos);
  for (const std::string_view part : {parsed.request->path, parsed.request->host, parsed.request->authorization}) {
    require_within(part, text);
    require(part.find_first_of(std::string_view("\r\n\0", 3)) == std::string_view::npos);
  }
  const Credentials given = credentials_of(parsed.request->authorization);
  require_within(given.text, text);
  constexpr std::string_view kToken = "token-token-token";
  const bool is_let_in = has_token(given, SecretBytes::copy_of(as_bytes(kToken)));
  if (given.scheme == Credentials::Scheme::kBearer) require(is_let_in == (given.text == kToken));
  if (given.scheme == Credentials::Scheme::kNone) require(!is_let_in);
}

void check_host(std::string_view text) {
  if (!names_loopback(text)) return;
  require(text.find_first_not_of("0123456789.:[]localhstLOCALHST") == std::string_view::npos);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text = as_text(ByteView(data, size));
  check_request(text);
  check_host(text);
  return 0;
}
