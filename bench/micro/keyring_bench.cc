// What a keyring with 100,000 domains costs: opened, taken up, changed, looked up; and what it holds in memory.
#include <malloc.h>

#include <cstdlib>

#include "bench_coffer.h"
#include "coffer/providers/registry.h"

namespace coffer::bench {
namespace {

constexpr size_t kTenants = 100'000;

std::string tenant(size_t number) { return "tenant-" + std::to_string(number); }

// Made once; on the disk that COFFER_BENCH_DISK names, or in memory.
BenchCoffer& full_coffer() {
  static BenchCoffer* const coffer = [] {
    const char* const disk = std::getenv("COFFER_BENCH_DISK");
    auto* made = new BenchCoffer(disk != nullptr ? disk : "/dev/shm");
    std::atexit([] { delete &full_coffer(); });
    expect((*made)->live_keyring().update([](Keyring& keyring) {
      for (size_t i = 0; i < kTenants; ++i) COFFER_TRY(keyring.add_domain(tenant(i), 2));
      return Status::ok();
    }));
    return made;
  }();
  return *coffer;
}

std::shared_ptr<Coffer> opened() {
  return expect(Coffer::open(Disk::posix(), full_coffer()->directory(), {}, open_provider));
}

void keyring_open(benchmark::State& state) {
  full_coffer();
  for (auto _ : state) benchmark::DoNotOptimize(opened());
  const size_t before = mallinfo2().uordblks;
  const auto coffer = opened();
  state.counters["bytes_per_domain"] = static_cast<double>(mallinfo2().uordblks - before) / kTenants;
}
BENCHMARK(keyring_open)->Unit(benchmark::kMillisecond);

void change(benchmark::State& state, const std::function<Status(Keyring&, size_t)>& what) {
  LiveKeyring& live = full_coffer()->live_keyring();
  static size_t number = 0;
  for (auto _ : state) expect(live.update([&](Keyring& keyring) { return what(keyring, ++number); }));
}

void keyring_add_domain(benchmark::State& state) {
  change(state, [](Keyring& keyring, size_t i) { return keyring.add_domain("added-" + std::to_string(i), 3); });
}
BENCHMARK(keyring_add_domain)->Unit(benchmark::kMillisecond);

void keyring_rotate_domain(benchmark::State& state) {
  change(state, [](Keyring& keyring, size_t i) { return keyring.rotate_domain(tenant(i * 7919 % kTenants), 3); });
}
BENCHMARK(keyring_rotate_domain)->Unit(benchmark::kMillisecond);

void keyring_shred_domain(benchmark::State& state) {
  change(state, [](Keyring& keyring, size_t i) { return keyring.shred_domain(tenant(i * 7907 % kTenants), 3); });
}
BENCHMARK(keyring_shred_domain)->Unit(benchmark::kMillisecond);

// Another program's change, as one that serves takes it up.
void keyring_take_up(benchmark::State& state) {
  const auto other = opened();
  size_t number = 0;
  for (auto _ : state) {
    state.PauseTiming();
    expect(full_coffer()->live_keyring().update(
        [&](Keyring& keyring) { return keyring.rotate_domain(tenant(++number * 7901 % kTenants), 3); }));
    state.ResumeTiming();
    expect(other->live_keyring().refresh());
  }
}
BENCHMARK(keyring_take_up)->Unit(benchmark::kMillisecond);

// `step`: 0 looks for the same again and again, else for another one each time.
void find_key(benchmark::State& state) {
  const auto keyring = full_coffer()->keyring();
  std::vector<Id> ids;
  for (size_t i = 0; i < kTenants; ++i) ids.push_back(keyring->find_domain(tenant(i))->keys[0].id);
  const auto step = static_cast<size_t>(state.range(0));
  size_t at = 0;
  for (auto _ : state) benchmark::DoNotOptimize(keyring->find_key(ids[at = (at + step) % kTenants]));
}
BENCHMARK(find_key)->Name("keyring_find_key")->ArgName("step")->Arg(0)->Arg(7919);

void find_domain(benchmark::State& state) {
  const auto keyring = full_coffer()->keyring();
  std::vector<std::string> names;
  for (size_t i = 0; i < kTenants; ++i) names.push_back(tenant(i));
  const auto step = static_cast<size_t>(state.range(0));
  size_t at = 0;
  for (auto _ : state) benchmark::DoNotOptimize(keyring->find_domain(names[at = (at + step) % kTenants]));
}
BENCHMARK(find_domain)->Name("keyring_find_domain")->ArgName("step")->Arg(0)->Arg(7919);

}  // namespace
}  // namespace coffer::bench
