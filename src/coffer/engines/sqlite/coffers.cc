#include "coffer/engines/sqlite/coffers.h"

#include <cstdlib>
#include <map>
#include <mutex>

#include "coffer/base/interval_thread.h"
#include "coffer/base/path.h"
#include "coffer/providers/registry.h"

namespace coffer::sqlite {
namespace {

constexpr std::chrono::minutes kSaveInterval{1};

struct Opened {
  std::shared_ptr<Coffer> coffer = nullptr;
  // What a program has made and removed is in the counts of files before it ends, which may be never.
  std::unique_ptr<IntervalThread> saving = nullptr;
};

struct Coffers {
  std::mutex mutex;
  // By place, and the process that opened it: a child of fork() opens its own.
  std::map<std::pair<std::string, uint32_t>, Opened> open;
};

// Never destroyed: threads of the program may outlive the end of main().
Coffers& coffers() {
  static auto* const all = new Coffers;
  return *all;
}

// What was counted since the last look: no destructor does it.
void save_at_exit() {
  static const int registered = std::atexit([] {
    for (const auto& [place, opened] : coffers().open) {
      if (place.second != process_number() || opened.coffer == nullptr) continue;
      opened.saving->stop();
      // Who ends has nobody to tell; what is lost is a count.
      [[maybe_unused]] const Status lost = opened.coffer->usage().save();
      [[maybe_unused]] const Status lost_files = opened.coffer->file_counts().save();
    }
  });
  (void)registered;
}

std::unique_ptr<IntervalThread> save_now_and_then(FileCounts& counts) {
  auto thread = std::make_unique<IntervalThread>();
  thread->start([&counts] {
    [[maybe_unused]] const Status later = counts.save();  // what could not be saved is there the next time
    return std::chrono::milliseconds(kSaveInterval);
  });
  return thread;
}

}  // namespace

Result<std::shared_ptr<Coffer>> coffer_at(const std::string& place) {
  const std::string path = absolute_path(place);
  const std::lock_guard lock(coffers().mutex);
  Opened& found = coffers().open[{path, process_number()}];
  if (found.coffer == nullptr) {
    COFFER_ASSIGN(found.coffer, Coffer::open(Disk::posix(), path,
                                             {.open_anchor = open_anchor, .open_keyring_store = open_keyring_store},
                                             open_provider));
    found.coffer->watch_keys();
    found.saving = save_now_and_then(found.coffer->file_counts());
    save_at_exit();
  }
  return found.coffer;
}

std::vector<std::shared_ptr<Coffer>> open_coffers() {
  const std::lock_guard lock(coffers().mutex);
  std::vector<std::shared_ptr<Coffer>> out;
  for (const auto& [place, opened] : coffers().open) {
    if (place.second == process_number() && opened.coffer != nullptr) out.push_back(opened.coffer);
  }
  return out;
}

}  // namespace coffer::sqlite
