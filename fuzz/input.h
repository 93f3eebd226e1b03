// What the structure-aware fuzzers share: numbers out of the fuzzer's bytes, damage to a valid file, and the check that
// stops the fuzzer.
#pragma once

#include <algorithm>
#include <cstdio>
#include <cstdlib>

#include "coffer/base/bytes.h"
#include "coffer/base/codec.h"
#include "coffer/base/secret.h"

namespace coffer {

inline void fuzz_check(bool good, const char* what) {
  if (good) return;
  std::fprintf(stderr, "violated: %s\n", what);
  std::abort();
}

// Zeros once the fuzzer's bytes are used up.
class FuzzInput {
 public:
  FuzzInput(const uint8_t* data, size_t size) : reader_({data, size}) {}

  uint64_t below(uint64_t limit) { return reader_.u16() % limit; }
  bool flag() { return (reader_.u8() & 1) != 0; }
  bool finished() const { return !reader_.ok() || reader_.remaining() == 0; }
  ByteView rest() { return reader_.bytes(reader_.remaining()); }

  // Does to bytes from `begin` on what media, crashes and people do.
  void damage(Bytes& bytes, size_t begin) {
    for (int count = 0; count < 16 && !finished() && bytes.size() > begin; ++count) {
      size_t size = bytes.size() - begin;
      size_t at = begin + below(size);
      switch (below(6)) {
        case 0: bytes[at] ^= static_cast<uint8_t>(1 << below(8)); break;
        case 1: bytes[at] = reader_.u8(); break;
        case 2: bytes.resize(at); break;
        case 3: bytes.resize(bytes.size() + below(600), static_cast<uint8_t>(below(2) * 0xff)); break;
        case 4: zero(bytes, at, below(600)); break;
        case 5: move(bytes, at, begin + below(size), below(600)); break;
      }
    }
  }

 private:
  static void zero(Bytes& bytes, size_t at, size_t count) {
    count = std::min(count, bytes.size() - at);
    std::fill_n(bytes.begin() + static_cast<ptrdiff_t>(at), count, uint8_t{0});
  }
  static void move(Bytes& bytes, size_t to, size_t from, size_t count) {
    count = std::min({count, bytes.size() - to, bytes.size() - from});
    std::memmove(&bytes[to], &bytes[from], count);
  }

  Reader reader_;
};

// Keys that are the same in every run, so that an input does the same in every run.
template <class AnyKey>
AnyKey fuzz_key(size_t size, uint8_t first) {
  SecretBytes bytes(size);
  for (uint8_t& byte : bytes.reveal_mutable()) byte = first++;
  return AnyKey(std::move(bytes));
}

}  // namespace coffer
