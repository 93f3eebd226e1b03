// The ciphers that HCD and DSE list, and what takes their place. No code of ours runs any of those but AES.
#pragma once

#include <optional>
#include <string>

#include "coffer/base/status.h"
#include "coffer/crypto/suite.h"

namespace coffer {

struct HcdCipher {
  std::string name;  // with its strength: "DESede/CBC/PKCS5Padding 168"
  Suite suite = Suite::kAes256Gcm;
  std::string why;
};

// By the names and strengths of HCD: "AES/CBC/PKCS5Padding", 256. Nothing: HCD's default. kInvalidArgument for others.
Result<HcdCipher> hcd_cipher(const std::string& algorithm, std::optional<uint64_t> strength);

// Nothing for what is none, or has more than 9 digits.
std::optional<uint64_t> parse_whole_number(const std::string& text);

}  // namespace coffer
