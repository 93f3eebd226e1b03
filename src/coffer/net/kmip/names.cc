#include "coffer/net/kmip/names.h"

namespace coffer::kmip {

std::string hex_number(uint32_t value, int digits) {
  std::string out = "0x";
  for (int shift = (digits - 1) * 4; shift >= 0; shift -= 4) out += "0123456789ABCDEF"[value >> shift & 15];
  return out;
}

std::string describe(std::string_view members, uint32_t number, int digits) {
  const std::string_view name = name_in(members, number);
  return name.empty() ? hex_number(number, digits) : std::string(name);
}

}  // namespace coffer::kmip
