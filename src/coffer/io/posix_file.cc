#include "coffer/io/posix_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <limits>
#include <system_error>

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
