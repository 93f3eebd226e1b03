// Disk over the operating system's calls.
#include <dirent.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <cstdio>
#include <cstdlib>
#include <limits>
#include <system_error>

#include "coffer/io/descriptor.h"
#include "coffer/io/disk.h"

namespace coffer {
namespace {

constexpr int64_t kNanosecondsPerSecond = 1'000'000'000;

Code code_of(int error) {
  switch (error) {
    case ENOENT: return Code::kNotFound;
    case EEXIST: return Code::kAlreadyExists;
    case EACCES:
    case EPERM: return Code::kPermissionDenied;
    case ENOSPC:
    case EDQUOT: return Code::kNoSpace;
    case EISDIR:
    case ENOTDIR:
    case EINVAL:
    case ELOOP:
    case ENAMETOOLONG:
    case ENOTEMPTY: return Code::kInvalidArgument;
    case EFBIG: return Code::kLimitExceeded;
    default: return Code::kIo;
  }
}

// Call right after the failing system call: reads errno.
Status failure(std::string_view operation, const std::string& path) {
  int error = errno;
  if (error == EROFS) {
    return {Code::kPermissionDenied, std::string(operation) + " " + path +
                                         ": its file system is mounted read-only; mount it for writing and repeat"};
  }
  // std::strerror is not thread-safe.
  return {code_of(error), std::string(operation) + " " + path + ": " + std::generic_category().message(error)};
}

template <class Call>
auto retry_interrupted(Call call) {
  decltype(call()) result;
  do {
    result = call();
  } while (result < 0 && errno == EINTR);
  return result;
}

Result<Descriptor> open_descriptor(const std::string& path, int flags, mode_t mode = 0) {
  int fd = retry_interrupted([&] { return ::open(path.c_str(), flags | O_CLOEXEC | O_NOCTTY, mode); });
  if (fd < 0) return failure((flags & O_CREAT) != 0 ? "create" : "open", path);
  return Descriptor(fd);
}

int64_t nanoseconds_of(const timespec& time) { return int64_t{time.tv_sec} * kNanosecondsPerSecond + time.tv_nsec; }

timespec timespec_of(int64_t nanoseconds) {
  timespec out;
  out.tv_sec = static_cast<time_t>(nanoseconds / kNanosecondsPerSecond);
  out.tv_nsec = static_cast<long>(nanoseconds % kNanosecondsPerSecond);
  if (out.tv_nsec < 0) {  // before the epoch
    --out.tv_sec;
    out.tv_nsec += static_cast<long>(kNanosecondsPerSecond);
  }
  return out;
}

FileInfo info_of(const struct stat& st) {
  FileInfo info;
  info.size = static_cast<uint64_t>(st.st_size);
  info.inode = st.st_ino;
  info.device = st.st_dev;
  info.link_count = st.st_nlink;
  info.modified_ns = nanoseconds_of(st.st_mtim);
  info.accessed_ns = nanoseconds_of(st.st_atim);
  info.mode = st.st_mode & 07777;
  info.owner = st.st_uid;
  info.group = st.st_gid;
  info.is_directory = S_ISDIR(st.st_mode);
  return info;
}

// Opening a FIFO would wait for its other end, so files are opened with O_NONBLOCK (which regular files ignore).
Result<Descriptor> open_regular(const std::string& path, int flags) {
  COFFER_ASSIGN(Descriptor descriptor, open_descriptor(path, flags | O_NONBLOCK));
  struct stat st;
  if (::fstat(descriptor.get(), &st) != 0) return failure("stat", path);
  if (!S_ISREG(st.st_mode)) {
    return {Code::kInvalidArgument,
            "open " + path + ": not a regular file" + (S_ISDIR(st.st_mode) ? " but a directory" : "")};
  }
  return descriptor;
}

bool is_link(const std::string& path) {
  struct stat st;
  return ::lstat(path.c_str(), &st) == 0 && S_ISLNK(st.st_mode);
}

// Whether `path` still names the open file.
Result<bool> is_named(const Descriptor& descriptor, const std::string& path) {
  struct stat open, named;
  if (::fstat(descriptor.get(), &open) != 0) return failure("stat", path);
  return ::lstat(path.c_str(), &named) == 0 && open.st_ino == named.st_ino && open.st_dev == named.st_dev;
}

constexpr uint64_t kOffsetMax = std::numeric_limits<off_t>::max();

class PosixFile final : public WritableFile {
 public:
  PosixFile(Descriptor descriptor, std::string path) : descriptor_(std::move(descriptor)), path_(std::move(path)) {}

  Result<size_t> read_at(uint64_t offset, MutableBytes out) const override {
    COFFER_TRY(check_range(offset, out.size()));
    size_t done = 0;
    while (done < out.size()) {
      ssize_t count = retry_interrupted([&] {
        return ::pread(descriptor_.get(), out.data() + done, out.size() - done, static_cast<off_t>(offset + done));
      });
      if (count < 0) return failure("read", path_);
      if (count == 0) break;
      done += static_cast<size_t>(count);
    }
    return done;
  }

  Result<uint64_t> size() const override {
    COFFER_ASSIGN(FileInfo found, info());
    return found.size;
  }

  Result<uint64_t> next_data(uint64_t offset) const override {
    COFFER_TRY(check_range(offset, 0));
    const off_t found = ::lseek(descriptor_.get(), static_cast<off_t>(offset), SEEK_DATA);
    if (found >= 0) return static_cast<uint64_t>(found);
    // ENXIO: nothing but a hole. Where a file system does not know of holes, all of it is data.
    if (errno != ENXIO) return offset;
    COFFER_ASSIGN(const uint64_t end, size());
    return std::max(offset, end);
  }

  Result<FileInfo> info() const override {
    COFFER_TRY(check_range(0, 0));
    struct stat st;
    if (::fstat(descriptor_.get(), &st) != 0) return failure("stat", path_);
    return info_of(st);
  }

  Status write_at(uint64_t offset, ByteView bytes) override {
    COFFER_TRY(check_range(offset, bytes.size()));
    size_t done = 0;
    while (done < bytes.size()) {
      ssize_t count = retry_interrupted([&] {
        return ::pwrite(descriptor_.get(), bytes.data() + done, bytes.size() - done, static_cast<off_t>(offset + done));
      });
      if (count < 0) return failure("write", path_);
      if (count == 0) return {Code::kIo, "write " + path_ + ": the system accepts no more bytes"};
      done += static_cast<size_t>(count);
    }
    return {};
  }

  Status truncate(uint64_t size) override {
    COFFER_TRY(check_range(size, 0));
    int result = retry_interrupted([&] { return ::ftruncate(descriptor_.get(), static_cast<off_t>(size)); });
    return result == 0 ? Status() : failure("truncate", path_);
  }

  Status set_owner(uint32_t owner, uint32_t group) override {
    COFFER_ASSIGN(const FileInfo now, info());
    if (now.owner == owner && now.group == group) return {};
    if (::fchown(descriptor_.get(), owner, group) != 0) return failure("set the owner of", path_);
    // Giving a file away takes bits of its mode along.
    return ::fchmod(descriptor_.get(), static_cast<mode_t>(now.mode)) == 0 ? Status()
                                                                           : failure("set the mode of", path_);
  }

  Status set_times(int64_t accessed_ns, int64_t modified_ns) override {
    COFFER_TRY(check_range(0, 0));
    const timespec times[2] = {timespec_of(accessed_ns), timespec_of(modified_ns)};
    return ::futimens(descriptor_.get(), times) == 0 ? Status() : failure("set the times of", path_);
  }

  Status sync() override {
    COFFER_TRY(check_range(0, 0));
    int result = retry_interrupted([&] { return ::fdatasync(descriptor_.get()); });
    return result == 0 ? Status() : failure("sync", path_);
  }

  Status write_back(uint64_t offset, uint64_t size, bool wait) override {
    COFFER_TRY(check_range(offset, size));
    const unsigned how = SYNC_FILE_RANGE_WRITE | (wait ? SYNC_FILE_RANGE_WAIT_BEFORE | SYNC_FILE_RANGE_WAIT_AFTER : 0);
    const int result = retry_interrupted([&] {
      return ::sync_file_range(descriptor_.get(), static_cast<off_t>(offset), static_cast<off_t>(size), how);
    });
    return result == 0 ? Status() : failure("write back", path_);
  }

  Status close() override {
    COFFER_TRY(check_range(0, 0));
    // On Linux the descriptor is gone even when close is interrupted: closing again could hit somebody else's.
    if (::close(descriptor_.release()) != 0 && errno != EINTR) return failure("close", path_);
    return {};
  }

 private:
  Status check_range(uint64_t offset, size_t size) const {
    if (descriptor_.get() < 0) return {Code::kInvalidArgument, "use of " + path_ + " after it was closed"};
    if (offset > kOffsetMax || size > kOffsetMax - offset) {
      return {Code::kInvalidArgument, path_ + ": offset " + std::to_string(offset) + " is beyond any file"};
    }
    return {};
  }

  Descriptor descriptor_;
  std::string path_;
};

// Closing the descriptor releases the lock. Not LOCK_UN: a forked child that destroys its copy of this object would
// then release its parent's lock.
class PosixLock final : public FileLock {
 public:
  explicit PosixLock(Descriptor descriptor) : descriptor_(std::move(descriptor)) {}

 private:
  Descriptor descriptor_;
};

Result<DirectoryEntry> directory_entry(int directory, const std::string& path, const dirent& entry) {
  DirectoryEntry out{.name = entry.d_name, .is_directory = entry.d_type == DT_DIR, .is_link = entry.d_type == DT_LNK};
  if (entry.d_type != DT_UNKNOWN && entry.d_type != DT_LNK) return out;
  struct stat st;
  if (entry.d_type == DT_UNKNOWN && ::fstatat(directory, entry.d_name, &st, AT_SYMLINK_NOFOLLOW) == 0) {
    out.is_link = S_ISLNK(st.st_mode);
  }
  if (::fstatat(directory, entry.d_name, &st, 0) == 0) {
    out.is_directory = S_ISDIR(st.st_mode);
    return out;
  }
  // A link that leads nowhere, or an entry removed meanwhile, is no directory.
  if (errno == ENOENT || errno == ELOOP) return out;
  return failure("stat", path + "/" + entry.d_name);
}

class PosixDisk final : public Disk {
 public:
  Result<std::unique_ptr<ReadableFile>> open_read(const std::string& path) override {
    COFFER_ASSIGN(Descriptor descriptor, open_regular(path, O_RDONLY));
    return std::unique_ptr<ReadableFile>(std::make_unique<PosixFile>(std::move(descriptor), path));
  }

  Result<std::unique_ptr<ReadableFile>> open_read_itself(const std::string& path) override {
    auto descriptor = open_regular(path, O_RDONLY | O_NOFOLLOW);
    if (!descriptor.is_ok() && is_link(path)) {
      return {
          Code::kInvalidArgument,
          "open " + path + ": it is a symbolic link, which is not followed here; put what it leads to in its place"};
    }
    if (!descriptor.is_ok()) return descriptor.status();
    return std::unique_ptr<ReadableFile>(std::make_unique<PosixFile>(std::move(*descriptor), path));
  }

  Result<std::unique_ptr<WritableFile>> open_write(const std::string& path) override {
    COFFER_ASSIGN(Descriptor descriptor, open_regular(path, O_RDWR));
    return std::unique_ptr<WritableFile>(std::make_unique<PosixFile>(std::move(descriptor), path));
  }

  Result<std::unique_ptr<WritableFile>> create(const std::string& path, uint32_t mode) override {
    COFFER_ASSIGN(Descriptor descriptor, open_descriptor(path, O_RDWR | O_CREAT | O_EXCL, static_cast<mode_t>(mode)));
    if (::fchmod(descriptor.get(), static_cast<mode_t>(mode)) != 0) {
      Status status = failure("set the mode of", path);
      ::unlink(path.c_str());
      return status;
    }
    return std::unique_ptr<WritableFile>(std::make_unique<PosixFile>(std::move(descriptor), path));
  }

  Status rename(const std::string& from, const std::string& to) override {
    if (std::rename(from.c_str(), to.c_str()) == 0) return {};
    return failure("rename", from + " to " + to);
  }

  Status link(const std::string& existing, const std::string& path) override {
    if (::link(existing.c_str(), path.c_str()) == 0) return {};
    return failure("link", existing + " to " + path);
  }

  Status remove(const std::string& path) override {
    return std::remove(path.c_str()) == 0 ? Status() : failure("remove", path);
  }

  Status sync_directory(const std::string& path) override {
    COFFER_ASSIGN(Descriptor descriptor, open_descriptor(path, O_RDONLY | O_DIRECTORY));
    int result = retry_interrupted([&] { return ::fsync(descriptor.get()); });
    return result == 0 ? Status() : failure("sync the directory", path);
  }

  Status sync_all(const std::string& path) override {
    COFFER_ASSIGN(Descriptor descriptor, open_descriptor(path, O_RDONLY | O_NONBLOCK));
    return ::syncfs(descriptor.get()) == 0 ? Status() : failure("sync the file system of", path);
  }

  Status make_directory(const std::string& path, uint32_t mode) override {
    if (::mkdir(path.c_str(), static_cast<mode_t>(mode)) != 0) return failure("make the directory", path);
    if (::chmod(path.c_str(), static_cast<mode_t>(mode)) != 0) {
      Status status = failure("set the mode of", path);
      ::rmdir(path.c_str());
      return status;
    }
    return {};
  }

  Result<std::vector<DirectoryEntry>> list(const std::string& path) override {
    std::unique_ptr<DIR, int (*)(DIR*)> directory(::opendir(path.c_str()), &::closedir);
    if (directory == nullptr) return failure("list", path);
    std::vector<DirectoryEntry> entries;
    while (true) {
      errno = 0;
      const dirent* entry = ::readdir(directory.get());
      if (entry == nullptr) break;
      std::string_view name = entry->d_name;
      if (name == "." || name == "..") continue;
      COFFER_ASSIGN(DirectoryEntry found, directory_entry(::dirfd(directory.get()), path, *entry));
      entries.push_back(std::move(found));
    }
    if (errno != 0) return failure("list", path);
    std::sort(entries.begin(), entries.end(), [](const auto& a, const auto& b) { return a.name < b.name; });
    return entries;
  }

  Result<FileInfo> info(const std::string& path) override {
    struct stat st;
    if (::stat(path.c_str(), &st) != 0) return failure("stat", path);
    return info_of(st);
  }

  Result<std::string> canonical(const std::string& path) override {
    const std::unique_ptr<char, decltype(&std::free)> real(::realpath(path.c_str(), nullptr), &std::free);
    if (real == nullptr) return failure("resolve", path);
    return std::string(real.get());
  }

  Result<std::string> link_target(const std::string& path) override {
    char out[PATH_MAX];
    const ssize_t size = ::readlink(path.c_str(), out, sizeof out);
    if (size >= 0) return std::string(out, static_cast<size_t>(size));
    if (errno == EINVAL) return std::string();  // no link
    return failure("read the link", path);
  }

  Result<std::unique_ptr<FileLock>> lock(const std::string& path, bool wait) override {
    while (true) {
      COFFER_ASSIGN(Descriptor descriptor, open_descriptor(path, O_RDWR | O_CREAT | O_NOFOLLOW, 0600));
      // flock belongs to the open file, not to the process: two threads that each lock() exclude each other.
      if (retry_interrupted([&] { return ::flock(descriptor.get(), LOCK_EX | (wait ? 0 : LOCK_NB)); }) != 0) {
        if (errno == EWOULDBLOCK) {
          return {Code::kBusy, "lock " + path + ": held by another process or thread"};
        }
        return failure("lock", path);
      }
      // Whoever gave up making a coffer takes its lock files along: then whoever comes next locks another file.
      COFFER_ASSIGN(const bool is_current, is_named(descriptor, path));
      if (is_current) return std::unique_ptr<FileLock>(std::make_unique<PosixLock>(std::move(descriptor)));
    }
  }
};

}  // namespace

Disk& Disk::posix() {
  static PosixDisk* instance = new PosixDisk;
  return *instance;
}

}  // namespace coffer
