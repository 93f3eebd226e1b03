// A generator for randomised tests. The seed differs in every run, is printed when a test fails (put
// SCOPED_TRACE(source.trace()) in it), and comes from COFFER_TEST_SEED to repeat a run.
#pragma once

#include <cstdlib>
#include <random>
#include <string>

#include "coffer/base/bytes.h"

namespace coffer {

class RandomSource {
 public:
  RandomSource() : RandomSource(seed_from_environment()) {}
  explicit RandomSource(uint64_t seed) : seed_(seed), engine_(seed) {}

  uint64_t seed() const { return seed_; }
  std::string trace() const { return "COFFER_TEST_SEED=" + std::to_string(seed_); }
  uint64_t next() { return engine_(); }
  uint64_t below(uint64_t end) { return engine_() % end; }
  Bytes bytes(size_t size) {
    Bytes out(size);
    for (uint8_t& byte : out) byte = static_cast<uint8_t>(engine_());
    return out;
  }

 private:
  static uint64_t seed_from_environment() {
    const char* wish = std::getenv("COFFER_TEST_SEED");
    return wish != nullptr ? std::strtoull(wish, nullptr, 10) : std::random_device()();
  }

  uint64_t seed_;
  std::mt19937_64 engine_;
};

}  // namespace coffer
