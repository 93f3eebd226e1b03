#include "coffer/engines/fuse/store_lock.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include <chrono>
#include <cstdio>
#include <fstream>
#include <thread>

#include "coffer/base/path.h"
#include "coffer/base/text.h"
#include "coffer/io/posix_file.h"

namespace coffer::fusefs {
namespace {

constexpr int kAttemptsMax = 5;
constexpr std::chrono::milliseconds kAttemptInterval{10};

class StoreLock final : public FileLock {
 public:
  explicit StoreLock(Descriptor directory) : directory_(std::move(directory)) {}

 private:
  const Descriptor directory_;
};

// " 1234 (coffer)"; nothing where the system does not tell. flock(2) does not say it, /proc/locks does.
std::string holder_of_store(int directory) {
  struct stat st;
  if (::fstat(directory, &st) != 0) return {};
  char file[64];
  std::snprintf(file, sizeof file, "%02x:%02x:%llu", major(st.st_dev), minor(st.st_dev),
                static_cast<unsigned long long>(st.st_ino));
  std::ifstream locks("/proc/locks");
  for (std::string number, kind, how, what, pid, where; locks >> number >> kind >> how >> what >> pid >> where;) {
    std::string rest;
    std::getline(locks, rest);
    if (kind != "FLOCK" || where != file) continue;
    std::string name;
    std::getline(std::ifstream("/proc/" + pid + "/comm"), name);
    return " " + printable(pid) + (name.empty() ? "" : " (" + printable(name) + ")");
  }
  return {};
}

Result<Descriptor> open_store(const std::string& store) {
  Descriptor directory(::open(store.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!directory.is_open()) return posix::failure("open", store);
  return directory;
}

bool is_locked(const std::string& directory) {
  const Descriptor opened(::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  return opened.is_open() && ::flock(opened.get(), LOCK_SH | LOCK_NB) != 0 && errno == EWOULDBLOCK;
}

}  // namespace

Result<std::unique_ptr<FileLock>> lock_store(const std::string& store) {
  COFFER_ASSIGN(Descriptor directory, open_store(store));
  // Who asks mounted_store_of() has it for an instant.
  for (int attempt = 0; attempt < kAttemptsMax; ++attempt) {
    if (attempt > 0) std::this_thread::sleep_for(kAttemptInterval);
    if (::flock(directory.get(), LOCK_EX | LOCK_NB) == 0) {
      return std::unique_ptr<FileLock>(std::make_unique<StoreLock>(std::move(directory)));
    }
    if (errno != EWOULDBLOCK) return posix::failure("lock", store);
  }
  return {Code::kBusy, store + ": process" + holder_of_store(directory.get()) +
                           " has this store mounted; use that mount, or end it with coffer umount and repeat"};
}

std::string mounted_store_of(const std::string& path) {
  for (std::string each = absolute_path(path); each.size() > 1; each = std::string(parent_of(each))) {
    if (is_locked(each)) return each;
  }
  return {};
}

Status await_store(const std::string& store) {
  COFFER_ASSIGN(const Descriptor directory, open_store(store));
  const int locked = posix::retry_interrupted([&] { return ::flock(directory.get(), LOCK_EX); });
  return locked == 0 ? Status::ok() : posix::failure("lock", store);
}

}  // namespace coffer::fusefs
