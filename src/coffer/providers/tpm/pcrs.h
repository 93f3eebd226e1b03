// Platform configuration registers to seal to: "sha256:0,2,7".
#pragma once

#include <string>

#include "coffer/base/bytes.h"

namespace coffer::tpm {

inline constexpr uint32_t kPcrCount = 24;

struct PcrSelection {
  uint16_t bank = 0;  // TPM_ALG_ID of the hash; 0: none
  uint32_t mask = 0;  // bit n: register n
  bool operator==(const PcrSelection&) const = default;

  bool empty() const { return mask == 0; }
  bool has(uint32_t index) const { return (mask >> index & 1) != 0; }
};

// kInvalidArgument, with the forms there are.
Result<PcrSelection> parse_pcrs(std::string_view text);
// "none" for the empty selection.
std::string format_pcrs(const PcrSelection& pcrs);
// 0 for a bank that is not known.
size_t digest_size_of(uint16_t bank);

}  // namespace coffer::tpm
