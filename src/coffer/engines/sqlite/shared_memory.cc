#include "coffer/engines/sqlite/shared_memory.h"

#include <fcntl.h>
#include <pthread.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <mutex>
#include <set>
#include <thread>

#include "coffer/base/codec.h"
#include "coffer/crypto/random.h"
#include "coffer/engines/sqlite/api.h"
#include "coffer/engines/sqlite/failure.h"

namespace coffer::sqlite {
namespace {

// Where SQLite's own VFS has its locks in such a file.
constexpr off_t kLocksBegin = 120;
constexpr off_t kPresence = 128;  // held shared by all, and alone by who makes the memory
constexpr auto kWaitForMaker = std::chrono::milliseconds(200);

// Those of this process that have something mapped. Never destroyed: threads of the program may outlive main().
struct Mapped {
  std::mutex mutex;
  std::set<SharedMemory*> all;

  Mapped() { pthread_atfork(lock, unlock, leave); }
  static void lock();
  static void unlock();
  static void leave();
};

Mapped& mapped() {
  static auto* const made = new Mapped;
  return *made;
}

void Mapped::lock() { mapped().mutex.lock(); }
void Mapped::unlock() { mapped().mutex.unlock(); }
void Mapped::leave() {
  for (SharedMemory* memory : mapped().all) memory->leave_to_parent();
  mapped().all.clear();
  unlock();
}

Status system_failure(const std::string& path, const char* doing) {
  return {errno == EACCES || errno == EPERM || errno == EROFS ? Code::kPermissionDenied : Code::kIo,
          path + ": " + doing + " it failed (" + std::strerror(errno) + ")"};
}

}  // namespace

std::string SharedMemory::memory_path() const {
  struct stat found {};
  fstat(locks_.get(), &found);
  std::array<uint8_t, 24> name;
  store_le64(name.data(), static_cast<uint64_t>(found.st_mtim.tv_sec));
  store_le64(name.data() + 8, static_cast<uint64_t>(found.st_mtim.tv_nsec));
  store_le64(name.data() + 16, found.st_ino);
  return "/dev/shm/coffer-sqlite-" + to_hex(name);
}

bool SharedMemory::is_in_place() const {
  struct stat opened {};
  struct stat there {};
  return fstat(locks_.get(), &opened) == 0 && stat(path().c_str(), &there) == 0 && opened.st_ino == there.st_ino &&
         opened.st_dev == there.st_dev;
}

// By open file description: connections of one process stand against each other as those of two do.
bool SharedMemory::set_lock(short type, off_t begin, off_t count) const {
  struct flock lock {};
  lock.l_type = type;
  lock.l_whence = SEEK_SET;
  lock.l_start = begin;
  lock.l_len = count;
  return fcntl(locks_.get(), F_OFD_SETLK, &lock) == 0;
}

// For those who may use the database, and nobody else.
Result<Descriptor> SharedMemory::create(const std::string& path) const {
  struct stat database {};
  if (stat(database_.c_str(), &database) != 0) return system_failure(database_, "looking at");
  Descriptor file(::open(path.c_str(), O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600));
  if (!file.is_open()) return system_failure(path, "making");
  if (geteuid() == 0 && fchown(file.get(), database.st_uid, database.st_gid) != 0) {
    return system_failure(path, "giving away");
  }
  if (fchmod(file.get(), database.st_mode & 0666) != 0) return system_failure(path, "opening to others");
  return file;
}

Status SharedMemory::make_memory() {
  ::unlink(memory_path().c_str());  // left by processes that were killed
  std::array<uint8_t, 8> random;
  COFFER_TRY(random_bytes(random));
  timespec times[2] = {};
  times[1].tv_sec = load_le32(random.data()) >> 1;
  times[1].tv_nsec = load_le32(random.data() + 4) % 1'000'000'000;
  if (futimens(locks_.get(), times) == 0) {
    COFFER_ASSIGN(memory_, create(memory_path()));
    return Status::ok();
  }
  if (errno != EPERM) return system_failure(path(), "naming the memory of");
  // Another user's, who is gone: one of our own takes its place.
  ::unlink(path().c_str());
  return Status::ok();
}

Status SharedMemory::open_memory() {
  memory_ = Descriptor(::open(memory_path().c_str(), O_RDWR | O_NOFOLLOW | O_CLOEXEC));
  if (memory_.is_open()) return Status::ok();
  return {Code::kPermissionDenied, path() + ": another process has this database open with memory that is not here: " +
                                       "in a container with a /dev/shm of its own? Let them share one"};
}

Status SharedMemory::open_locks() {
  locks_ = Descriptor(::open(path().c_str(), O_RDWR | O_NOFOLLOW | O_CLOEXEC));
  if (locks_.is_open()) return Status::ok();
  if (errno != ENOENT) return system_failure(path(), "opening");
  auto made = create(path());
  if (made.is_ok()) locks_ = std::move(*made);
  // Else somebody was quicker, and the next turn opens that one.
  return made.is_ok() || errno == EEXIST ? Status::ok() : made.status();
}

int SharedMemory::open() {
  const auto deadline = std::chrono::steady_clock::now() + kWaitForMaker;
  do {
    Status status = open_locks();
    const bool is_alone = status.is_ok() && locks_.is_open() && set_lock(F_WRLCK, kPresence, 1);
    if (is_alone && is_in_place()) {
      status = make_memory();
    } else if (!is_alone && status.is_ok() && locks_.is_open() && set_lock(F_RDLCK, kPresence, 1) && is_in_place()) {
      status = open_memory();
    }
    if (!status.is_ok()) return failed(status, database_);
    if (memory_.is_open()) return set_lock(F_RDLCK, kPresence, 1) ? SQLITE_OK : SQLITE_IOERR_SHMLOCK;
    locks_.close();
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  } while (std::chrono::steady_clock::now() < deadline);
  return SQLITE_BUSY;
}

int SharedMemory::map(int region, int size, int extend, void volatile** out) {
  *out = nullptr;
  if (!memory_.is_open()) {
    const int result = open();
    if (result != SQLITE_OK) {
      unmap(false);
      return result;
    }
  }
  region_size_ = static_cast<size_t>(size);
  const auto count = static_cast<size_t>(region) + 1;
  struct stat found {};
  if (fstat(memory_.get(), &found) != 0) return SQLITE_IOERR_SHMSIZE;
  const auto needed = static_cast<off_t>(count * region_size_);
  if (found.st_size < needed) {
    if (extend == 0) return SQLITE_OK;
    // Room for it now: without, a process would be killed when it writes there.
    if (posix_fallocate(memory_.get(), 0, needed) != 0) return SQLITE_IOERR_SHMSIZE;
  }
  const int result = add_regions(count);
  if (result == SQLITE_OK) *out = regions_[static_cast<size_t>(region)];
  return result;
}

int SharedMemory::add_regions(size_t count) {
  const std::lock_guard lock(mapped().mutex);
  while (regions_.size() < count) {
    void* const region = mmap(nullptr, region_size_, PROT_READ | PROT_WRITE, MAP_SHARED, memory_.get(),
                              static_cast<off_t>(regions_.size() * region_size_));
    if (region == MAP_FAILED) return SQLITE_IOERR_SHMMAP;
    regions_.push_back(region);
  }
  mapped().all.insert(this);
  return SQLITE_OK;
}

void SharedMemory::leave_to_parent() {
  off_t offset = 0;
  for (void* const region : regions_) {
    mmap(region, region_size_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_FIXED, memory_.get(), offset);
    offset += static_cast<off_t>(region_size_);
  }
}

int SharedMemory::lock(int offset, int count, int flags) {
  short type = F_UNLCK;
  if ((flags & SQLITE_SHM_LOCK) != 0) type = (flags & SQLITE_SHM_SHARED) != 0 ? F_RDLCK : F_WRLCK;
  return set_lock(type, kLocksBegin + offset, count) ? SQLITE_OK : SQLITE_BUSY;
}

// `remove`: nobody else has the database open, which SQLite has made sure of by a lock of the database itself.
void SharedMemory::unmap(bool remove) {
  {
    const std::lock_guard lock(mapped().mutex);
    mapped().all.erase(this);
    for (void* const region : regions_) munmap(region, region_size_);
    regions_.clear();
  }
  if (remove && memory_.is_open()) {
    ::unlink(memory_path().c_str());
    ::unlink(path().c_str());
  }
  memory_.close();
  locks_.close();
}

}  // namespace coffer::sqlite
