// KMIP messages as XML and JSON, to compare the binary form with published messages: the encodings of KMIP Profiles 1.4
// section 5.4 and 5.5 (2.1: 6.4 and 6.5). Coffer itself speaks only the binary form.
#pragma once

#include "coffer/net/kmip/ttlv.h"

namespace coffer::kmip {

// Fields that hold keys, data or passwords are written without a value, only with their size, unless told to reveal
// them.
enum class Secrets : uint8_t { kHide, kReveal };

std::string to_xml(const Item& item, Secrets secrets = Secrets::kHide);
std::string to_json(const Item& item, Secrets secrets = Secrets::kHide);

// The binary form of one item; kInvalidArgument says what is wrong and where. What was written with hidden secrets is
// refused. The same limits as for binary messages hold.
Result<SecretBuffer> from_xml(std::string_view text, const TtlvLimits& limits = {});
Result<SecretBuffer> from_json(std::string_view text, const TtlvLimits& limits = {});

}  // namespace coffer::kmip
