#include "coffer/ops/import_hcd_cipher.h"

#include <algorithm>
#include <charconv>

namespace coffer {
namespace {

constexpr std::string_view kDefaultAlgorithm = "AES/CBC/PKCS5Padding";
constexpr uint64_t kDefaultStrength = 128;

struct LegacyCipher {
  std::string_view name;
  uint64_t smallest, largest, step;  // of its strength in bits
  uint64_t usual;
  std::string_view why;
};

constexpr LegacyCipher kLegacyCiphers[] = {
    {"DESede", 112, 168, 56, 112,
     "Triple DES has blocks of 64 bits, of which equal ones show after some 32 GiB (Sweet32), and NIST has disallowed "
     "it "
     "since 2024"},
    {"DES", 56, 56, 1, 56, "a DES key of 56 bits is found by trying all of them within days; NIST withdrew it in 2005"},
    {"Blowfish", 32, 448, 1, 128,
     "Blowfish has blocks of 64 bits, of which equal ones show after some 32 GiB (Sweet32), and keys from 32 bits on"},
    {"RC2", 40, 128, 1, 128,
     "RC2 has blocks of 64 bits and keys from 40 bits on, and falls to attacks with related keys"},
};

std::string strengths_of(const LegacyCipher& cipher) {
  if (cipher.smallest == cipher.largest) return std::to_string(cipher.smallest);
  return std::to_string(cipher.smallest) + (cipher.step == 1 ? " to " : " or ") + std::to_string(cipher.largest);
}

Result<HcdCipher> aes(HcdCipher out, uint64_t strength, std::string_view mode) {
  if (strength != 128 && strength != 192 && strength != 256) {
    return {Code::kInvalidArgument, "secret_key_strength: AES has 128, 192 or 256 bits"};
  }
  out.suite = strength == 128 ? Suite::kAes128Gcm : strength == 192 ? Suite::kAes192Gcm : Suite::kAes256Gcm;
  out.why = std::string(suite_info(out.suite).name) + " takes its place: the same key length, in a mode that notices " +
            "altered bytes, which " + std::string(mode) + " does not";
  return out;
}

}  // namespace

std::optional<uint64_t> parse_whole_number(const std::string& text) {
  constexpr size_t kDigitsMax = 9;
  uint64_t number = 0;
  const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (failed != std::errc() || end != text.data() + text.size() || text.size() > kDigitsMax) return std::nullopt;
  return number;
}

Result<HcdCipher> hcd_cipher(const std::string& algorithm, std::optional<uint64_t> strength) {
  const std::string full = algorithm.empty() ? std::string(kDefaultAlgorithm) : algorithm;
  const size_t slash = full.find('/');
  const std::string name = full.substr(0, slash);
  const std::string mode =
      slash == std::string::npos ? "its mode" : full.substr(slash + 1, full.find('/', slash + 1) - slash - 1);
  HcdCipher out;
  if (name == "AES") {
    const uint64_t bits = strength.value_or(kDefaultStrength);
    out.name = full + " " + std::to_string(bits);
    return aes(std::move(out), bits, mode);
  }
  for (const LegacyCipher& cipher : kLegacyCiphers) {
    if (name != cipher.name) continue;
    const uint64_t bits = strength.value_or(cipher.usual);
    if (bits < cipher.smallest || bits > cipher.largest || (bits - cipher.smallest) % cipher.step != 0) {
      return {Code::kInvalidArgument, "secret_key_strength: " + name + " has " + strengths_of(cipher) + " bits"};
    }
    out.name = full + " " + std::to_string(bits);
    out.why = "aes-256-gcm takes its place: " + std::string(cipher.why);
    return out;
  }
  return {Code::kInvalidArgument,
          "cipher_algorithm: expected AES, DES, DESede, Blowfish or RC2, with mode and padding, "
          "as AES/CBC/PKCS5Padding"};
}

}  // namespace coffer
