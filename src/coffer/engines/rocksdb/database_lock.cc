#include "coffer/engines/rocksdb/database_lock.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <fstream>
#include <system_error>

#include "coffer/base/text.h"
#include "coffer/io/descriptor.h"

namespace coffer::rocks {
namespace {

class DatabaseLock final : public FileLock {
 public:
  explicit DatabaseLock(Descriptor descriptor) : descriptor_(std::move(descriptor)) {}

 private:
  const Descriptor descriptor_;
};

Status failure(const char* what, const std::string& path) {
  const int error = errno;
  const Code code = error == EACCES || error == EPERM || error == EROFS ? Code::kPermissionDenied : Code::kIo;
  return {code, std::string(what) + " " + path + ": " + std::generic_category().message(error)};
}

// A lock of the open file, not of the process: one of RocksDB's on the same file excludes it all the same, and other
// descriptors of it may be closed meanwhile.
struct flock whole_file() {
  struct flock out {};
  out.l_type = F_WRLCK;
  out.l_whence = SEEK_SET;
  return out;
}

// " 1234 (db_bench)"; nothing where the system does not tell.
std::string holder_of(int descriptor) {
  struct flock held = whole_file();
  if (::fcntl(descriptor, F_OFD_GETLK, &held) != 0 || held.l_type == F_UNLCK || held.l_pid <= 0) return {};
  std::string name;
  std::getline(std::ifstream("/proc/" + std::to_string(held.l_pid) + "/comm"), name);
  return " " + std::to_string(held.l_pid) + (name.empty() ? "" : " (" + printable(name) + ")");
}

// One that RocksDB has not made yet becomes its: who owns the database can open it.
Result<Descriptor> open_lock(const std::string& directory, const std::string& path) {
  constexpr int kFlags = O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK;
  Descriptor found(::open(path.c_str(), kFlags));
  if (found.is_open()) return found;
  if (errno != ENOENT) return failure("open", path);
  struct stat owner {};
  if (::stat(directory.c_str(), &owner) != 0) return failure("stat", directory);
  Descriptor made(::open(path.c_str(), kFlags | O_CREAT, 0644));
  if (!made.is_open()) return failure("create", path);
  if (owner.st_uid != ::geteuid() && ::fchown(made.get(), owner.st_uid, owner.st_gid) != 0) {
    return failure("set the owner of", path);
  }
  return made;
}

}  // namespace

Result<std::unique_ptr<FileLock>> lock_database(const std::string& directory) {
  const std::string path = directory + "/LOCK";
  COFFER_ASSIGN(Descriptor descriptor, open_lock(directory, path));
  struct flock wanted = whole_file();
  if (::fcntl(descriptor.get(), F_OFD_SETLK, &wanted) == 0) {
    return std::unique_ptr<FileLock>(std::make_unique<DatabaseLock>(std::move(descriptor)));
  }
  if (errno != EAGAIN && errno != EACCES) return failure("lock", path);
  return {Code::kBusy, directory + ": process" + holder_of(descriptor.get()) +
                           " has the database open; stop it and repeat, or let its engine write its files anew"};
}

}  // namespace coffer::rocks
