// Doubling in GF(2^128), the first bit being the highest, as in CMAC (SP 800-38B, section 6.1). Internal to crypto/.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace coffer {

inline void double_block(std::span<uint8_t, 16> block) {
  const uint8_t carry = block[0] >> 7;
  for (size_t i = 0; i + 1 < block.size(); ++i) block[i] = static_cast<uint8_t>(block[i] << 1 | block[i + 1] >> 7);
  block[15] = static_cast<uint8_t>(block[15] << 1 ^ (carry * 0x87));
}

}  // namespace coffer
