#include "coffer/crypto/foreign_keys.h"

#include <pthread.h>

#include <mutex>
#include <unordered_map>

namespace coffer {
namespace {

struct Registry {
  std::mutex mutex;  // held across a fork, so that the child finds the map whole
  std::unordered_map<void*, void (*)(void*)> objects;
};

Registry& registry() {
  // Never destroyed: objects of other static duration come and go until the process has ended.
  static Registry* const out = [] {
    auto* made = new Registry;
    pthread_atfork([] { registry().mutex.lock(); }, [] { registry().mutex.unlock(); },
                   [] {
                     for (const auto& [object, empty] : registry().objects) empty(object);
                     registry().objects.clear();
                     registry().mutex.unlock();
                   });
    return made;
  }();
  return *out;
}

}  // namespace

void register_foreign_key(void* object, void (*empty)(void* object)) {
  std::lock_guard lock(registry().mutex);
  registry().objects.emplace(object, empty);
}

void unregister_foreign_key(void* object) {
  std::lock_guard lock(registry().mutex);
  registry().objects.erase(object);
}

size_t foreign_key_count() {
  std::lock_guard lock(registry().mutex);
  return registry().objects.size();
}

}  // namespace coffer
