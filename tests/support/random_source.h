// A generator for randomised tests, from the first of their seeds (seed.h). A test that uses it names the seed when it
// fails: SCOPED_TRACE(source.trace()).
#pragma once

#include <random>
#include <string>

#include "coffer/base/bytes.h"
#include "support/seed.h"

namespace coffer {

class RandomSource {
 public:
  RandomSource() : RandomSource(seeds(1).front()) {}
  explicit RandomSource(uint64_t seed) : seed_(seed), engine_(seed) {}

  uint64_t seed() const { return seed_; }
  std::string trace() const { return "COFFER_SEED=" + std::to_string(seed_); }
  uint64_t next() { return engine_(); }
  uint64_t below(uint64_t end) { return engine_() % end; }
  Bytes bytes(size_t size) {
    Bytes out(size);
    for (uint8_t& byte : out) byte = static_cast<uint8_t>(engine_());
    return out;
  }

 private:
  uint64_t seed_;
  std::mt19937_64 engine_;
};

}  // namespace coffer
