#include "coffer/providers/tpm/pcrs.h"

#include <algorithm>
#include <charconv>

namespace coffer::tpm {
namespace {

struct Bank {
  std::string_view name;
  uint16_t algorithm;
  size_t digest_size;
};
// Not SHA-1: other register contents of the same value can be made for it.
constexpr Bank kBanks[] = {{"sha256", 0x000b, 32}, {"sha384", 0x000c, 48}, {"sha512", 0x000d, 64}};

Status malformed(std::string_view text) {
  return {Code::kInvalidArgument, "PCRs \"" + std::string(text) +
                                      "\": expected BANK:NUMBER,NUMBER, as in sha256:0,2,7, with sha256, sha384 or "
                                      "sha512 and numbers from 0 to 23"};
}

}  // namespace

Result<PcrSelection> parse_pcrs(std::string_view text) {
  const size_t colon = text.find(':');
  PcrSelection out;
  for (const Bank& bank : kBanks) {
    if (text.substr(0, colon) == bank.name) out.bank = bank.algorithm;
  }
  if (colon == std::string_view::npos || out.bank == 0) return malformed(text);
  std::string_view rest = text.substr(colon + 1);
  while (true) {
    uint32_t index = kPcrCount;
    const size_t end = std::min(rest.find(','), rest.size());
    const auto [stop, failed] = std::from_chars(rest.data(), rest.data() + end, index);
    if (failed != std::errc() || stop != rest.data() + end || index >= kPcrCount || out.has(index)) {
      return malformed(text);
    }
    out.mask |= 1u << index;
    if (end == rest.size()) return out;
    rest.remove_prefix(end + 1);
  }
}

std::string format_pcrs(const PcrSelection& pcrs) {
  if (pcrs.empty()) return "none";
  std::string out;
  for (const Bank& bank : kBanks) {
    if (bank.algorithm == pcrs.bank) out = bank.name;
  }
  char separator = ':';
  for (uint32_t index = 0; index < kPcrCount; ++index) {
    if (!pcrs.has(index)) continue;
    out += separator + std::to_string(index);
    separator = ',';
  }
  return out;
}

size_t digest_size_of(uint16_t bank) {
  for (const Bank& known : kBanks) {
    if (known.algorithm == bank) return known.digest_size;
  }
  return 0;
}

}  // namespace coffer::tpm
