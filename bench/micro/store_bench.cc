// What a file's header costs: sealing a new one, and opening one down to the file key. No I/O on the file.
#include "bench_coffer.h"

namespace coffer::bench {
namespace {

void new_file_header(benchmark::State& state) {
  BenchCoffer coffer("/dev/shm");
  for (auto _ : state) benchmark::DoNotOptimize(coffer.new_blocks_file());
}
BENCHMARK(new_file_header);

void open_file_header(benchmark::State& state) {
  BenchCoffer coffer("/dev/shm");
  const NewFile file = coffer.new_blocks_file();
  for (auto _ : state) benchmark::DoNotOptimize(expect(coffer->open_file(file.envelope, coffer.files() + "/bench")));
}
BENCHMARK(open_file_header);

}  // namespace
}  // namespace coffer::bench
