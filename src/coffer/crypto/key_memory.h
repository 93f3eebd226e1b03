// What a process can say of the memory in which it has keys.
#pragma once

#include <string>

#include "coffer/base/secret.h"

namespace coffer {

struct KeyMemory {
  SecretMemoryStats secrets;
  // Keys whose expanded forms lie on OpenSSL's heap as long as a file is open: neither locked nor out of core dumps.
  size_t openssl_keys = 0;

  bool is_protected() const { return secrets.unlocked_bytes == 0 && openssl_keys == 0; }
};

// As it is now, in this process. Thread-safe.
KeyMemory key_memory();
// One line: "12288 bytes locked", and what is not.
std::string describe(const KeyMemory& memory);
// What key_memory() finds unprotected now, in one line; else empty.
std::string key_memory_warning();

}  // namespace coffer
