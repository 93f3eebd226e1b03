#include "coffer/engines/sqlite/coffers.h"

#include <cstdlib>
#include <map>
#include <mutex>

#include "coffer/base/path.h"
#include "coffer/providers/registry.h"

namespace coffer::sqlite {
namespace {

struct Coffers {
  std::mutex mutex;
  // By place, and the process that opened it: a child of fork() opens its own.
  std::map<std::pair<std::string, uint32_t>, std::shared_ptr<Coffer>> open;
};

// Never destroyed: threads of the program may outlive the end of main().
Coffers& coffers() {
  static auto* const all = new Coffers;
  return *all;
}

// What was counted since the last look: no destructor does it.
void save_usage_at_exit() {
  static const int registered = std::atexit([] {
    for (const auto& [place, coffer] : coffers().open) {
      if (place.second != process_number()) continue;
      // Who ends has nobody to tell; what is lost is a count.
      [[maybe_unused]] const Status lost = coffer->usage().save();
    }
  });
  (void)registered;
}

}  // namespace

Result<std::shared_ptr<Coffer>> coffer_at(const std::string& place) {
  const std::string path = absolute_path(place);
  const std::lock_guard lock(coffers().mutex);
  auto& found = coffers().open[{path, process_number()}];
  if (found == nullptr) {
    COFFER_ASSIGN(found, Coffer::open(Disk::posix(), path, {.open_anchor = open_anchor}, open_provider));
    found->watch_keys();
    save_usage_at_exit();
  }
  return found;
}

}  // namespace coffer::sqlite
