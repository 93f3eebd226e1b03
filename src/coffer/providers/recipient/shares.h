// A share of a recipient's private key, as a line that people can print, read out and type:
//
//   coffer-share-1-THRESHOLD-INDEX-SET-DATA-CHECK
//
// in hexadecimal but for the first two numbers: SET (4 bytes) tells sets apart, DATA (32 bytes) stands in eight groups,
// CHECK is the CRC-32C of all before it. docs/providers/recipient.md.
#pragma once

#include "coffer/crypto/x25519.h"

namespace coffer::recipient {

inline constexpr size_t kShareSizeMax = 256;

using ShareSetId = std::array<uint8_t, 4>;
// Of the shares of this recipient's private key.
Result<ShareSetId> share_set_id(const X25519Public& recipient);

struct Share {
  int threshold = 0;  // so many of the set give the key
  int index = 0;      // from 1
  ShareSetId set{};
  SecretBytes data;  // 32 bytes
};

Result<SecretBytes> format_share(const Share& share);
// Upper and lower case and blanks do not matter. kInvalidArgument for what is no share, or a mistyped one: says which
// group, where that shows.
Result<Share> parse_share(ByteView line);

}  // namespace coffer::recipient
