#include "coffer/engines/fuse/counting.h"

#include <fcntl.h>

#include "coffer/engines/fuse/file_system.h"
#include "coffer/files/counted_file.h"
#include "coffer/io/posix_file.h"

namespace coffer::fusefs {
namespace {

std::optional<FileClass> class_behind(Descriptor file) {
  if (!file.is_open()) return std::nullopt;
  const auto head = read_head(*posix::file_of(std::move(file), "a file of a mount"), "a file of a mount");
  return head.is_ok() ? std::optional(class_of(*head)) : std::nullopt;
}

// Looks at the head again only where something was changed since.
class Looking {
 public:
  Looking(int fd, const CountedFile& file, const struct stat* as) : fd_(fd), file_(file) {
    if (as != nullptr) seen_ = *as;
  }

  std::optional<CountedFile> operator()() {
    struct stat st;
    if (::fstatat(fd_, "", &st, AT_EMPTY_PATH) != 0) return std::nullopt;
    file_.names = st.st_nlink;
    if (st.st_nlink == 0 || is_seen(st)) return file_;
    const std::string way = "/proc/self/fd/" + std::to_string(fd_);
    const auto found = class_behind(Descriptor(::open(way.c_str(), O_RDONLY | O_CLOEXEC)));
    if (!found) return std::nullopt;
    file_.of = *found;
    file_.size = static_cast<uint64_t>(st.st_size);
    seen_ = st;
    return file_;
  }

 private:
  bool is_seen(const struct stat& st) const {
    return st.st_size == seen_.st_size && st.st_ctim.tv_sec == seen_.st_ctim.tv_sec &&
           st.st_ctim.tv_nsec == seen_.st_ctim.tv_nsec;
  }

  const int fd_;
  CountedFile file_;
  struct stat seen_ {};
};

}  // namespace

std::shared_ptr<GrowingFile> Counting::list(int fd, const struct stat& st, const FileClass& found) {
  const CountedFile file{store_, found, static_cast<uint64_t>(st.st_size), st.st_nlink};
  return std::make_shared<GrowingFile>(coffer_.file_counts(), file, Looking(fd, file, &st));
}

std::shared_ptr<GrowingFile> Counting::list_new(int fd) {
  const CountedFile nothing{.store = store_, .of = {}, .names = 0};
  return std::make_shared<GrowingFile>(coffer_.file_counts(), nothing, Looking(fd, nothing, nullptr));
}

std::optional<CountedFile> Counting::at(int directory, const std::string& path, int flags) const {
  struct stat st;
  const int stat_flags = flags == O_NOFOLLOW ? AT_SYMLINK_NOFOLLOW : 0;
  if (::fstatat(directory, path.c_str(), &st, stat_flags) != 0 || !S_ISREG(st.st_mode)) return std::nullopt;
  const auto found = class_behind(Descriptor(::openat(directory, path.c_str(), O_RDONLY | O_CLOEXEC | flags)));
  if (!found) return std::nullopt;
  return CountedFile{store_, *found, static_cast<uint64_t>(st.st_size)};
}

NameChange::NameChange(FileSystem& files) : files_(files), counting_(files.contents().counting()) {
  if (counting_ != nullptr && !counting_->are_kept()) counting_ = nullptr;
}

void NameChange::loses(const Inode& parent, const std::string& below) {
  struct stat st;
  if (counting_ == nullptr || ::fstatat(parent.fd(), below.c_str(), &st, AT_SYMLINK_NOFOLLOW) != 0) return;
  if (!S_ISREG(st.st_mode)) return;
  Affected file{.inode = files_.inodes().find(st)};
  if (file.inode != nullptr) file.listed = file.inode->listing();
  if (file.listed == nullptr) file.gone = counting_->at(parent.fd(), below, O_NOFOLLOW);
  affected_.push_back(std::move(file));
}

void NameChange::gains(const Inode& inode) {
  if (counting_ == nullptr || !inode.is_regular()) return;
  Affected file{.inode = files_.inodes().hold(inode)};
  file.listed = inode.listing();
  if (file.listed == nullptr) file.come = counting_->at(AT_FDCWD, inode.way(), 0);
  affected_.push_back(std::move(file));
}

void NameChange::done() {
  for (const Affected& file : affected_) {
    if (file.listed != nullptr) file.listed->settle();
    else counting_->changed(file.gone, file.come);
  }
}

void NameChange::made(const Inode& parent, const std::string& below) {
  if (counting_ != nullptr) counting_->changed(std::nullopt, counting_->at(parent.fd(), below, O_NOFOLLOW));
}

}  // namespace coffer::fusefs
