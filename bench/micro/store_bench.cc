// What a file's header costs: sealing a new one, and opening one down to the file key, without I/O on the file; and a
// look at the head of one that goes, for the counts of files.
#include "bench_coffer.h"
#include "coffer/files/counted_file.h"
#include "coffer/ops/inventory.h"

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

void count_a_file_that_goes(benchmark::State& state) {
  BenchCoffer coffer("/dev/shm");
  if (state.range(0) != 0) expect(expect(take_inventory(*coffer, {}, FileCounts::Keep::kAlways)).kept);
  const std::string path = coffer.files() + "/file";
  const NewFile file = coffer.new_blocks_file();
  expect(create_file(Disk::posix(), path, file.envelope, 0600));
  for (auto _ : state) coffer->file_counts().changed(counted_at(*coffer, path), std::nullopt);
}
BENCHMARK(count_a_file_that_goes)->ArgName("kept")->Arg(0)->Arg(1);

}  // namespace
}  // namespace coffer::bench
