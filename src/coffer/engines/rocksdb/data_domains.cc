#include "coffer/engines/rocksdb/data_domains.h"

namespace coffer::rocks {
namespace {

thread_local std::weak_ptr<const CopySource> last_source;
thread_local std::weak_ptr<CopyTarget> last_target;

}  // namespace

void AnnouncedDomains::announce(const std::string& path, const std::string& domain) {
  std::lock_guard lock(mutex_);
  domains_[path] = domain;
}

void AnnouncedDomains::withdraw(const std::string& path) {
  std::lock_guard lock(mutex_);
  domains_.erase(path);
}

std::string AnnouncedDomains::take(const std::string& path) {
  std::lock_guard lock(mutex_);
  auto found = domains_.extract(path);
  return found.empty() ? std::string() : std::move(found.mapped());
}

std::shared_ptr<const CopySource> copy_source() { return last_source.lock(); }
std::shared_ptr<CopyTarget> copy_target() { return last_target.lock(); }
void set_copy_source(const std::shared_ptr<const CopySource>& source) { last_source = source; }
void set_copy_target(const std::shared_ptr<CopyTarget>& target) { last_target = target; }

}  // namespace coffer::rocks
