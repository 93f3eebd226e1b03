// Values and keys that a program seals by the C library: what one call costs, keys at hand as in a program that runs.
#include "bench_coffer.h"
#include "coffer/coffer_c.h"

namespace coffer::bench {
namespace {

void expect_c(coffer_code_t code) {
  if (code != COFFER_OK) expect(Status{Code::kInternal, coffer_code_name(code)});
}

// A coffer that is open by the C library, and a message.
class Sealing {
 public:
  explicit Sealing(int64_t size) : coffer_("/dev/shm"), message_(static_cast<size_t>(size), 'm') {
    expect_c(coffer_open(coffer_.place().c_str(), nullptr, &handle_, nullptr));
  }
  ~Sealing() { coffer_close(handle_); }
  Sealing(const Sealing&) = delete;
  Sealing& operator=(const Sealing&) = delete;

  void seal() {
    expect_c(coffer_seal(handle_, "system", kContext, sizeof kContext, message_.data(), message_.size(), blob_.data(),
                         blob_.size(), nullptr));
  }
  void unseal() {
    expect_c(coffer_unseal(handle_, kContext, sizeof kContext, blob_.data(), blob_.size(), message_.data(),
                           message_.size(), nullptr));
  }
  void wrap() {
    expect_c(coffer_wrap_key(handle_, "system", kContext, sizeof kContext, message_.data(), message_.size(),
                             blob_.data(), blob_.size(), nullptr));
  }
  void unwrap() {
    expect_c(coffer_unwrap_key(handle_, kContext, sizeof kContext, blob_.data(), blob_.size(), message_.data(),
                               message_.size(), nullptr));
  }

 private:
  static constexpr char kContext[] = "table 7, row 4711, column 3";

  BenchCoffer coffer_;
  coffer_t* handle_ = nullptr;
  Bytes message_;
  Bytes blob_ = Bytes(message_.size() + COFFER_BLOB_OVERHEAD);
};

void blob_seal(benchmark::State& state) {
  Sealing sealing(state.range(0));
  for (auto _ : state) sealing.seal();
  state.SetBytesProcessed(state.iterations() * state.range(0));
}
BENCHMARK(blob_seal)->ArgName("size")->Arg(100)->Arg(4096)->Arg(65536);

void blob_unseal(benchmark::State& state) {
  Sealing sealing(state.range(0));
  sealing.seal();
  for (auto _ : state) sealing.unseal();
  state.SetBytesProcessed(state.iterations() * state.range(0));
}
BENCHMARK(blob_unseal)->ArgName("size")->Arg(100)->Arg(4096)->Arg(65536);

void blob_wrap_key(benchmark::State& state) {
  Sealing sealing(32);
  for (auto _ : state) sealing.wrap();
}
BENCHMARK(blob_wrap_key);

void blob_unwrap_key(benchmark::State& state) {
  Sealing sealing(32);
  sealing.wrap();
  for (auto _ : state) sealing.unwrap();
}
BENCHMARK(blob_unwrap_key);

}  // namespace
}  // namespace coffer::bench
