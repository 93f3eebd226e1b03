// One slot's record, for those who read and who write it. docs/format.md, "Envelope".
#pragma once

#include "coffer/format/envelope.h"

namespace coffer {

struct SlotRecord {
  static constexpr uint16_t kVersion = 1;
  static constexpr uint8_t kWrapKwp = 1;
  static constexpr uint8_t kFlagBodySealed = 1;
  static constexpr size_t kWrappedFieldSize = 40;
  static constexpr size_t kWrappedOffset = 120;
  static constexpr size_t kEarlierBodyOffset = kWrappedOffset + kWrappedFieldSize;
  static constexpr size_t kReservedSize = 284;
  static constexpr size_t kMacOffset = 476;
  static constexpr size_t kCrcOffset = 508;
};

// The rule that concerns fields together and that these break. Empty when all hold (E2).
std::string_view broken_rule(const EnvelopeFields& fields);

}  // namespace coffer
