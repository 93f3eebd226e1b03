#include "coffer/crypto/key_memory.h"

#include "coffer/crypto/foreign_keys.h"

namespace coffer {

KeyMemory key_memory() { return {secret_memory_stats(), foreign_key_count()}; }

std::string describe(const KeyMemory& memory) {
  std::string out = std::to_string(memory.secrets.locked_bytes) + " bytes locked";
  if (memory.secrets.unlocked_bytes > 0) {
    out += ", " + std::to_string(memory.secrets.unlocked_bytes) + " bytes with keys could not be";
  }
  if (memory.openssl_keys > 0) {
    out += ", OpenSSL has " + std::to_string(memory.openssl_keys) + " keys on its heap, which is not";
  }
  return out;
}

std::string key_memory_warning() {
  const KeyMemory now = key_memory();
  return now.is_protected() ? "" : "key memory: " + describe(now);
}

}  // namespace coffer
