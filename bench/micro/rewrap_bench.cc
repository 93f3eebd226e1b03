// Makes many small Coffer files, rotates their domain, and times rewrap: coffer_rewrap_bench [FILES [DIRECTORY]]
#include <sys/resource.h>

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

// Of this process, in seconds.
struct CpuTime {
  CpuTime() {
    rusage usage{};
    getrusage(RUSAGE_SELF, &usage);
    const auto seconds = [](const timeval& time) {
      return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
    };
    user = seconds(usage.ru_utime);
    kernel = seconds(usage.ru_stime);
  }
  double user = 0;
  double kernel = 0;
};

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
  const CpuTime cpu_start;
  const auto start = std::chrono::steady_clock::now();
  const RewrapReport report = expect(rewrap(*coffer, {coffer.files()}, {}, nullptr));
  const std::chrono::duration<double> wall = std::chrono::steady_clock::now() - start;
  const CpuTime cpu_end;
  if (!report.problems.empty()) expect(report.problems.front().status);
  const double files = static_cast<double>(count);
  std::printf(
      "%" PRIu64
      " files rewrapped in %.2f s (%.1f us a file), durable on return, in %s; CPU a file: %.1f us in the kernel, "
      "%.1f us besides\n",
      report.rewrapped, wall.count(), wall.count() * 1e6 / files, parent.c_str(),
      (cpu_end.kernel - cpu_start.kernel) * 1e6 / files, (cpu_end.user - cpu_start.user) * 1e6 / files);
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
