#include "coffer/engines/sqlite/shared_memory.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <thread>

#include "coffer/crypto/random.h"
#include "coffer/engines/sqlite/api.h"
#include "coffer/engines/sqlite/failure.h"

namespace coffer::sqlite {
namespace {

// Where SQLite's own VFS has its locks in such a file.
constexpr off_t kLocksBegin = 120;
constexpr off_t kPresence = 128;  // held shared by all, and alone by who makes the memory
constexpr auto kWaitForMaker = std::chrono::milliseconds(200);
constexpr size_t kNameSize = 16;

Status system_failure(const std::string& path, const char* doing) {
  return {errno == EACCES || errno == EPERM || errno == EROFS ? Code::kPermissionDenied : Code::kIo,
          path + ": " + doing + " it failed (" + std::strerror(errno) + ")"};
}

}  // namespace

std::string SharedMemory::memory_path(const Id& id) const { return "/dev/shm/coffer-sqlite-" + id.hex(); }

// By open file description: connections of one process stand against each other as those of two do.
bool SharedMemory::set_lock(short type, off_t begin, off_t count) const {
  struct flock lock {};
  lock.l_type = type;
  lock.l_whence = SEEK_SET;
  lock.l_start = begin;
  lock.l_len = count;
  return fcntl(locks_.get(), F_OFD_SETLK, &lock) == 0;
}

std::optional<Id> SharedMemory::read_name() const {
  Id id;
  if (pread(locks_.get(), id.bytes.data(), kNameSize, 0) != static_cast<ssize_t>(kNameSize)) return std::nullopt;
  return id;
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
  if (const auto left = read_name()) ::unlink(memory_path(*left).c_str());  // by processes that were killed
  COFFER_ASSIGN(id_, random_id());
  COFFER_ASSIGN(memory_, create(memory_path(id_)));
  if (pwrite(locks_.get(), id_.bytes.data(), kNameSize, 0) != static_cast<ssize_t>(kNameSize)) {
    return system_failure(database_ + "-shm", "writing");
  }
  return Status::ok();
}

Status SharedMemory::open_memory() {
  const auto id = read_name();
  if (id) memory_ = Descriptor(::open(memory_path(*id).c_str(), O_RDWR | O_NOFOLLOW | O_CLOEXEC));
  if (!memory_.is_open()) {
    return {Code::kPermissionDenied, database_ + "-shm: another process has this database open with memory that is " +
                                         "not here: in a container with a /dev/shm of its own? Let them share one"};
  }
  id_ = *id;
  return Status::ok();
}

int SharedMemory::open() {
  const std::string path = database_ + "-shm";
  locks_ = Descriptor(::open(path.c_str(), O_RDWR | O_NOFOLLOW | O_CLOEXEC));
  if (!locks_.is_open() && errno == ENOENT) {
    auto made = create(path);
    if (made.is_ok()) locks_ = std::move(*made);
    // Somebody else was quicker.
    if (!locks_.is_open()) locks_ = Descriptor(::open(path.c_str(), O_RDWR | O_NOFOLLOW | O_CLOEXEC));
  }
  if (!locks_.is_open()) return failed(system_failure(path, "opening"), database_);
  const auto deadline = std::chrono::steady_clock::now() + kWaitForMaker;
  for (;;) {
    if (set_lock(F_WRLCK, kPresence, 1)) {
      const Status made = make_memory();
      if (!made.is_ok()) return failed(made, database_);
      return set_lock(F_RDLCK, kPresence, 1) ? SQLITE_OK : SQLITE_IOERR_SHMLOCK;
    }
    if (set_lock(F_RDLCK, kPresence, 1)) {
      const Status opened = open_memory();
      return opened.is_ok() ? SQLITE_OK : failed(opened, database_);
    }
    if (std::chrono::steady_clock::now() > deadline) return SQLITE_BUSY;
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
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
  while (regions_.size() < count) {
    void* const mapped = mmap(nullptr, region_size_, PROT_READ | PROT_WRITE, MAP_SHARED, memory_.get(),
                              static_cast<off_t>(regions_.size() * region_size_));
    if (mapped == MAP_FAILED) return SQLITE_IOERR_SHMMAP;
    regions_.push_back(mapped);
  }
  *out = regions_[static_cast<size_t>(region)];
  return SQLITE_OK;
}

int SharedMemory::lock(int offset, int count, int flags) {
  short type = F_UNLCK;
  if ((flags & SQLITE_SHM_LOCK) != 0) type = (flags & SQLITE_SHM_SHARED) != 0 ? F_RDLCK : F_WRLCK;
  return set_lock(type, kLocksBegin + offset, count) ? SQLITE_OK : SQLITE_BUSY;
}

// `remove`: nobody else has the database open, which SQLite has made sure of by a lock of the database itself.
void SharedMemory::unmap(bool remove) {
  for (void* const mapped : regions_) munmap(mapped, region_size_);
  regions_.clear();
  if (remove && memory_.is_open()) {
    ::unlink(memory_path(id_).c_str());
    ::unlink((database_ + "-shm").c_str());
  }
  memory_.close();
  locks_.close();
}

}  // namespace coffer::sqlite
