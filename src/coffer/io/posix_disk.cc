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

#include "coffer/base/path.h"
#include "coffer/io/posix_file.h"

namespace coffer {
namespace {

using posix::failure;
using posix::info_of;
using posix::retry_interrupted;

Result<Descriptor> open_descriptor(const std::string& path, int flags, mode_t mode = 0) {
  int fd = retry_interrupted([&] { return ::open(path.c_str(), flags | O_CLOEXEC | O_NOCTTY, mode); });
  if (fd < 0) return failure((flags & O_CREAT) != 0 ? "create" : "open", path);
  return Descriptor(fd);
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

// A lock is for all who use its directory, and root may be the first: it belongs to whom the directory belongs, as far
// as this user may give it away.
Result<Descriptor> open_lock(const std::string& path) {
  while (true) {
    auto there = open_descriptor(path, O_RDWR | O_NOFOLLOW);
    if (there.code() != Code::kNotFound) return there;
    auto made = open_descriptor(path, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW, 0600);
    if (made.code() == Code::kAlreadyExists) continue;
    struct stat directory;
    const bool is_anothers = made.is_ok() && ::stat(std::string(parent_of(path)).c_str(), &directory) == 0 &&
                             directory.st_uid != ::geteuid();
    if (is_anothers) [[maybe_unused]]
      const int given = ::fchown(made->get(), directory.st_uid, directory.st_gid);
    return made;
  }
}

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
    return std::unique_ptr<ReadableFile>(posix::file_of(std::move(descriptor), path));
  }

  Result<std::unique_ptr<ReadableFile>> open_read_itself(const std::string& path) override {
    auto descriptor = open_regular(path, O_RDONLY | O_NOFOLLOW);
    if (!descriptor.is_ok() && is_link(path)) {
      return {
          Code::kInvalidArgument,
          "open " + path + ": it is a symbolic link, which is not followed here; put what it leads to in its place"};
    }
    if (!descriptor.is_ok()) return descriptor.status();
    return std::unique_ptr<ReadableFile>(posix::file_of(std::move(*descriptor), path));
  }

  Result<std::unique_ptr<WritableFile>> open_write(const std::string& path) override {
    COFFER_ASSIGN(Descriptor descriptor, open_regular(path, O_RDWR));
    return std::unique_ptr<WritableFile>(posix::file_of(std::move(descriptor), path));
  }

  Result<std::unique_ptr<WritableFile>> create(const std::string& path, uint32_t mode) override {
    COFFER_ASSIGN(Descriptor descriptor, open_descriptor(path, O_RDWR | O_CREAT | O_EXCL, static_cast<mode_t>(mode)));
    if (::fchmod(descriptor.get(), static_cast<mode_t>(mode)) != 0) {
      Status status = failure("set the mode of", path);
      ::unlink(path.c_str());
      return status;
    }
    return std::unique_ptr<WritableFile>(posix::file_of(std::move(descriptor), path));
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
      COFFER_ASSIGN(Descriptor descriptor, open_lock(path));
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
