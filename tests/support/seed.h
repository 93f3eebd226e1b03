// Seeds of randomised tests: the same ones in every run, or the one that the environment variable COFFER_SEED names.
#pragma once

#include <cstdlib>
#include <string>
#include <vector>

namespace coffer {

// `count` seeds, or only the one asked for. A test names the seed it uses with SCOPED_TRACE.
inline std::vector<uint64_t> seeds(uint64_t count) {
  if (const char* asked = std::getenv("COFFER_SEED")) return {std::strtoull(asked, nullptr, 10)};
  std::vector<uint64_t> out(count);
  for (uint64_t i = 0; i < count; ++i) out[i] = i + 1;
  return out;
}

}  // namespace coffer
