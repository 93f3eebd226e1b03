// Makes many small Coffer files, rotates their domain, and times rewrap: coffer_rewrap_bench [FILES [DIRECTORY]]
#include <chrono>
#include <cinttypes>
#include <ctime>

#include "bench_coffer.h"
#include "coffer/format/blocks.h"
#include "coffer/ops/rewrap.h"

namespace coffer::bench {
namespace {

constexpr uint64_t kFilesPerFolder = 1000;
constexpr size_t kPlaintextSize = 1000;

void write_file(BenchCoffer& coffer, const std::string& path) {
  const NewFile file = coffer.new_blocks_file();
  BlocksSealer sealer = expect(
      BlocksSealer::create(file.file_key, {.chunk_log2 = file.fields.chunk_log2, .file_id = file.fields.file_id}));
  Buffer bytes;
  bytes.append(file.envelope);
  expect(sealer.append(Bytes(kPlaintextSize, 'p'), bytes));
  expect(sealer.finish(bytes));
  auto out = expect(Disk::posix().create(path, 0600));
  expect(out->write_at(0, bytes.view()));
  expect(out->close());
}

void write_files(BenchCoffer& coffer, uint64_t count) {
  for (uint64_t i = 0; i < count; ++i) {
    const std::string folder = coffer.files() + "/" + std::to_string(i / kFilesPerFolder);
    if (i % kFilesPerFolder == 0) expect(Disk::posix().make_directory(folder, 0700));
    write_file(coffer, folder + "/" + std::to_string(i) + ".sst");
  }
  expect(Disk::posix().sync_all(coffer.files()));
}

int run(uint64_t count, const std::string& parent) {
  BenchCoffer coffer(parent);
  write_files(coffer, count);
  expect(coffer->live_keyring().update([](Keyring& keyring) {
    return keyring.rotate_domain(kSystemDomain, static_cast<uint64_t>(std::time(nullptr)));
  }));
  const std::clock_t cpu_start = std::clock();
  const auto start = std::chrono::steady_clock::now();
  const RewrapReport report = expect(rewrap(*coffer, {coffer.files()}, {}, nullptr));
  const std::chrono::duration<double> wall = std::chrono::steady_clock::now() - start;
  const double cpu = static_cast<double>(std::clock() - cpu_start) / CLOCKS_PER_SEC;
  if (!report.problems.empty()) expect(report.problems.front().status);
  std::printf("%" PRIu64 " files rewrapped in %.2f s (%.1f us a file), %.2f s of CPU, durable on return, in %s\n",
              report.rewrapped, wall.count(), wall.count() * 1e6 / static_cast<double>(count), cpu, parent.c_str());
  return report.rewrapped == count ? 0 : 1;
}

}  // namespace
}  // namespace coffer::bench

int main(int argc, char** argv) {
  const uint64_t count = argc > 1 ? std::strtoull(argv[1], nullptr, 10) : 100'000;
  if (argc > 3 || count == 0) {
    std::fprintf(stderr, "usage: coffer_rewrap_bench [FILES [DIRECTORY]]\n");
    return 2;
  }
  return coffer::bench::run(count, argc > 2 ? argv[2] : "/var/tmp");
}
