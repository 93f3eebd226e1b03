#include "coffer/io/posix_file.h"

#include <fcntl.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <limits>
#include <system_error>

#include "coffer/base/text.h"

namespace coffer::posix {
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

// Of something that may grow between the call that asks for its size and the one that gets it. Empty where the file
// system has no such thing.
template <class Get>
Result<std::string> sized(const std::string& path, const Get& get) {
  for (;;) {
    const ssize_t size = get(nullptr, 0);
    if (size < 0 && errno == ENOTSUP) return std::string();
    if (size < 0) return failure("read attributes of", path);
    std::string out(static_cast<size_t>(size), '\0');
    const ssize_t count = size == 0 ? 0 : get(out.data(), out.size());
    if (count < 0 && errno == ERANGE) continue;
    if (count < 0) return failure("read attributes of", path);
    out.resize(static_cast<size_t>(count));
    return out;
  }
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

  Status set_attributes_like(const std::string& path) override {
    COFFER_TRY(check_range(0, 0));
    auto names = sized(path, [&](char* out, size_t room) { return ::listxattr(path.c_str(), out, room); });
    if (!names.is_ok()) return names.status();
    for (std::string_view rest = *names; !rest.empty();) {
      const std::string name(rest.substr(0, rest.find('\0')));
      rest.remove_prefix(std::min(name.size() + 1, rest.size()));
      COFFER_ASSIGN(const std::string value, sized(path, [&](char* out, size_t room) {
                      return ::getxattr(path.c_str(), name.c_str(), out, room);
                    }));
      // What the system gave a new file is not set again: that may take rights.
      const auto there = sized(path_, [&](char* out, size_t room) {
        return ::fgetxattr(descriptor_.get(), name.c_str(), out, room);
      });
      if (there.is_ok() && *there == value) continue;
      if (::fsetxattr(descriptor_.get(), name.c_str(), value.data(), value.size(), 0) != 0) {
        return failure("set the attribute " + printable(name) + " of", path_);
      }
    }
    return {};
  }

  Status check_alone() const override {
    COFFER_TRY(check_range(0, 0));
    // A lease is given to who has the file alone. Who opens it in this instant would have us sent SIGIO, which ends a
    // process; SIGURG does nothing unless it is waited for.
    const bool given = ::fcntl(descriptor_.get(), F_SETSIG, SIGURG) == 0 &&
                       ::fcntl(descriptor_.get(), F_SETLEASE, F_WRLCK) == 0;
    if (given) {
      ::fcntl(descriptor_.get(), F_SETLEASE, F_UNLCK);
      return {};
    }
    if (errno == EAGAIN) return {Code::kBusy, path_ + ": a program has it open; end that and repeat"};
    return {Code::kUnsupported, failure("look who has open", path_).to_string() +
                                    "; do this as the file's owner, where its file system is local"};
  }

  Status lock_range(uint64_t offset, uint64_t size) override {
    COFFER_TRY(check_range(offset, size));
    struct flock lock {};
    lock.l_type = F_WRLCK;
    lock.l_whence = SEEK_SET;
    lock.l_start = static_cast<off_t>(offset);
    lock.l_len = static_cast<off_t>(size);
    if (::fcntl(descriptor_.get(), F_OFD_SETLK, &lock) == 0) return {};
    if (errno != EAGAIN && errno != EACCES) return failure("lock", path_);
    return {Code::kBusy, path_ + ": a program has it locked; end that and repeat"};
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

}  // namespace

Status failure(std::string_view operation, const std::string& path) {
  int error = errno;
  if (error == EROFS) {
    return {Code::kPermissionDenied, std::string(operation) + " " + path +
                                         ": its file system is mounted read-only; mount it for writing and repeat"};
  }
  // std::strerror is not thread-safe.
  return {code_of(error), std::string(operation) + " " + path + ": " + std::generic_category().message(error)};
}

FileInfo info_of(const struct stat& st) {
  FileInfo info;
  info.size = static_cast<uint64_t>(st.st_size);
  info.inode = st.st_ino;
  info.device = st.st_dev;
  info.link_count = st.st_nlink;
  info.modified_ns = nanoseconds_of(st.st_mtim);
  info.changed_ns = nanoseconds_of(st.st_ctim);
  info.accessed_ns = nanoseconds_of(st.st_atim);
  info.mode = st.st_mode & 07777;
  info.owner = st.st_uid;
  info.group = st.st_gid;
  info.is_directory = S_ISDIR(st.st_mode);
  return info;
}

std::unique_ptr<WritableFile> file_of(Descriptor descriptor, std::string path) {
  return std::make_unique<PosixFile>(std::move(descriptor), std::move(path));
}

}  // namespace coffer::posix
