#include "coffer/base/crc32c.h"

#include <isa-l/crc.h>

#include <algorithm>
#include <climits>

namespace coffer {

uint32_t crc32c_extend(uint32_t crc, ByteView bytes) {
  // ISA-L leaves the customary inversion at both ends to its caller, and takes an int length and a non-const pointer
  // it only reads from.
  uint32_t state = ~crc;
  while (!bytes.empty()) {
    size_t count = std::min<size_t>(bytes.size(), INT_MAX);
    state = crc32_iscsi(const_cast<unsigned char*>(bytes.data()), static_cast<int>(count), state);
    bytes = bytes.subspan(count);
  }
  return ~state;
}

}  // namespace coffer
