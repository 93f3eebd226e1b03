// What `freshness: on` costs: what a writer does after each sync, and what the thread does once a second.
#include <filesystem>

#include "coffer/store/freshness.h"
#include "micro.h"

namespace coffer::bench {
namespace {

constexpr int kStores = 4;
constexpr int kLogsPerStore = 4;

// Where marks are kept, on a disk, with stores whose logs are being written. Nothing is marked by itself.
class MarkedStores {
 public:
  MarkedStores() {
    std::string pattern = "/var/tmp/coffer-bench-XXXXXX";
    if (::mkdtemp(pattern.data()) == nullptr) expect(Status(Code::kIo, pattern));
    directory_ = pattern;
    freshness_ = std::make_unique<Freshness>(Disk::posix(), directory_ + "/anchor.stores", expect(random_id()),
                                             std::chrono::milliseconds(0));
    for (int store = 0; store < kStores; ++store) {
      const Id id = expect(random_id());
      for (int log = 0; log < kLogsPerStore; ++log) {
        watches_.push_back(freshness_->watch({id, expect(random_id()), directory_, std::to_string(log) + ".log"}));
      }
    }
  }
  ~MarkedStores() {
    watches_.clear();
    freshness_.reset();
    std::filesystem::remove_all(directory_);
  }

  void reach() {
    ++offset_;
    for (const auto& watch : watches_) watch->reached(offset_);
  }
  LogWatch& first() { return *watches_.front(); }
  Freshness& freshness() { return *freshness_; }

 private:
  std::string directory_;
  std::unique_ptr<Freshness> freshness_;
  std::vector<std::shared_ptr<LogWatch>> watches_;
  uint64_t offset_ = 0;
};

void tell_after_a_sync(benchmark::State& state) {
  MarkedStores stores;
  uint64_t offset = 0;
  for (auto _ : state) stores.first().reached(++offset);
}
BENCHMARK(tell_after_a_sync);

void mark_16_logs_of_4_stores(benchmark::State& state) {
  MarkedStores stores;
  for (auto _ : state) {
    stores.reach();
    expect(stores.freshness().mark_now());
  }
}
BENCHMARK(mark_16_logs_of_4_stores)->MeasureProcessCPUTime();

}  // namespace
}  // namespace coffer::bench
