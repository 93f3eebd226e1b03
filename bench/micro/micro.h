// What the micro-benchmarks share: a failure ends the program, because a benchmark of failures would look fast.
#pragma once

#include <benchmark/benchmark.h>

#include <cstdio>
#include <cstdlib>

#include "coffer/base/status.h"
#include "coffer/crypto/random.h"

namespace coffer::bench {

inline void expect(const Status& status) {
  if (status.is_ok()) return;
  std::fprintf(stderr, "coffer_micro: %s\n", status.to_string().c_str());
  std::exit(2);
}

template <class T>
T expect(Result<T> result) {
  expect(result.status());
  return std::move(*result);
}

}  // namespace coffer::bench
