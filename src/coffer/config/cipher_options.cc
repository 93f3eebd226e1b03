#include "coffer/config/cipher_options.h"

#include <bit>
#include <charconv>

namespace coffer {

Result<Suite> read_cipher(const YamlReader& reader, const YAML::Node& value, const std::string& what,
                          bool authenticated) {
  const SuiteInfo* info = find_suite(value.IsScalar() ? value.Scalar() : "");
  if (info != nullptr && info->mode == (authenticated ? CipherMode::kAead : CipherMode::kCounter)) return info->suite;
  return reader.error(value, what + (authenticated ? ": expected aes-128-gcm, aes-192-gcm, aes-256-gcm or "
                                                     "chacha20-poly1305"
                                                   : ": expected aes-128-ctr, aes-192-ctr or aes-256-ctr"));
}

Result<int> read_chunk_size(const YamlReader& reader, const YAML::Node& value, const std::string& what,
                            int log2_max) {
  const std::string text = value.IsScalar() ? value.Scalar() : "";
  uint64_t size = 0;
  const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), size);
  if (failed != std::errc() || end != text.data() + text.size()) size = 0;
  if (size < 1024 || size > uint64_t{1} << log2_max || !std::has_single_bit(size)) {
    return reader.error(
        value, what + ": expected a power of two from 1024 to " + std::to_string(1 << log2_max) + ", in bytes");
  }
  return std::countr_zero(size);
}

}  // namespace coffer
