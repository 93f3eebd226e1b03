// What key groups cost in a keyring with 100,000 domains, of which every other one is in one of 300 groups: the keyring
// opened and changed while all of them are closed, and a header opened whose domain is in one that is open.
#include <cstdlib>

#include "bench_coffer.h"
#include "coffer/config/key_file.h"
#include "coffer/ops/slots.h"
#include "coffer/providers/registry.h"

namespace coffer::bench {
namespace {

constexpr size_t kDomains = 100'000;
constexpr size_t kGroups = 300;

std::string domain_name(size_t number) { return "tenant-" + std::to_string(number); }
std::string group_name(size_t number) { return "group-" + std::to_string(number); }
bool is_in_group(size_t domain) { return domain % 2 == 1; }

void add_groups(BenchCoffer& coffer) {
  for (size_t i = 0; i < kGroups; ++i) {
    const std::string key = coffer.files() + "/" + group_name(i) + ".key";
    expect(generate_key_file(Disk::posix(), key, {}).status());
    expect(add_group(*coffer, group_name(i), "file://" + key, open_provider).status());
  }
}

// Made once; on the disk that COFFER_BENCH_DISK names, or in memory.
BenchCoffer& grouped_coffer() {
  static BenchCoffer* const coffer = [] {
    const char* const disk = std::getenv("COFFER_BENCH_DISK");
    auto* made = new BenchCoffer(disk != nullptr ? disk : "/dev/shm");
    std::atexit([] { delete &grouped_coffer(); });
    add_groups(*made);
    expect((*made)->live_keyring().update([](Keyring& keyring) {
      for (size_t i = 0; i < kDomains; ++i) {
        COFFER_TRY(keyring.add_domain(domain_name(i), 2, is_in_group(i) ? group_name(i / 2 % kGroups) : ""));
      }
      return Status::ok();
    }));
    return made;
  }();
  return *coffer;
}

// As a program that has just started: no group is open.
std::shared_ptr<Coffer> opened() {
  return expect(Coffer::open(Disk::posix(), grouped_coffer()->directory(), {}, open_provider));
}

void groups_open(benchmark::State& state) {
  grouped_coffer();
  for (auto _ : state) benchmark::DoNotOptimize(opened());
}
BENCHMARK(groups_open)->Name("keyring_groups_open")->Unit(benchmark::kMillisecond);

// `in_group`: of a domain whose group is open from the first time on; else of one in none, and all are closed.
void groups_rotate(benchmark::State& state) {
  const auto coffer = opened();
  const size_t first = static_cast<size_t>(state.range(0));
  size_t number = first;
  for (auto _ : state) {
    expect(coffer->live_keyring().update(
        [&](Keyring& keyring) { return keyring.rotate_domain(domain_name(number % kDomains), 3); }));
    number += 2 * kGroups;  // another, mostly of the same group
  }
}
BENCHMARK(groups_rotate)
    ->Name("keyring_groups_rotate_domain")
    ->ArgName("in_group")
    ->Arg(0)
    ->Arg(1)
    ->Unit(benchmark::kMillisecond);

void groups_header(benchmark::State& state) {
  BenchCoffer& coffer = grouped_coffer();
  const std::string domain = domain_name(static_cast<size_t>(state.range(0)));
  const Id store = expect(coffer->stores().store_for({.directory = coffer.files(), .confirms = true}));
  const NewFile file =
      expect(coffer->new_file({.kind = Kind::kBlocks, .chunk_log2 = 12, .domain = domain, .store_id = store}));
  for (auto _ : state) benchmark::DoNotOptimize(expect(coffer->unlock(file.envelope, "file")));
}
BENCHMARK(groups_header)->Name("keyring_groups_open_header")->ArgName("in_group")->Arg(0)->Arg(1);

}  // namespace
}  // namespace coffer::bench
