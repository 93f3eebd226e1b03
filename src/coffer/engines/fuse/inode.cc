#include "coffer/engines/fuse/inode.h"

#include <fcntl.h>

#include <climits>

#include "coffer/engines/fuse/counting.h"
#include "coffer/io/posix_file.h"

namespace coffer::fusefs {
namespace {

bool same_time(const timespec& a, const timespec& b) { return a.tv_sec == b.tv_sec && a.tv_nsec == b.tv_nsec; }

}  // namespace

bool Inode::Stamp::operator==(const Stamp& other) const {
  return physical_size == other.physical_size && same_time(modified, other.modified) &&
         same_time(changed, other.changed);
}

Result<std::string> Inode::path() const {
  char out[PATH_MAX];
  const ssize_t size = ::readlink(way().c_str(), out, sizeof out);
  if (size < 0) return posix::failure("read the link", way());
  return std::string(out, static_cast<size_t>(size));
}

std::shared_ptr<FileBody> Inode::body_if_open() const {
  std::lock_guard lock(mutex_);
  return body_;
}

std::shared_ptr<FileBody> Inode::body() const {
  std::shared_ptr<FileBody> out = body_if_open();
  COFFER_REQUIRE(out != nullptr, "a handle of a mounted file keeps its body open");
  return out;
}

Result<std::shared_ptr<const SealedDirectory>> Inode::names(SealedNames& store) {
  std::lock_guard lock(mutex_);
  if (names_ == nullptr) {
    COFFER_ASSIGN(names_, store.directory(fd()));
  }
  return names_;
}

void Inode::found_in(std::shared_ptr<const SealedDirectory> directory) {
  std::lock_guard lock(mutex_);
  names_ = std::move(directory);
}

std::shared_ptr<const SealedDirectory> Inode::found_in() const {
  std::lock_guard lock(mutex_);
  return names_;
}

Result<std::string> Inode::target(const Contents& contents) const {
  char out[PATH_MAX];
  const ssize_t size = ::readlinkat(fd(), "", out, sizeof out);
  if (size < 0) return posix::failure("read the link", way());
  const std::string_view below(out, static_cast<size_t>(size));
  if (contents.names() == nullptr) return std::string(below);
  const auto directory = found_in();
  if (directory == nullptr) return {Code::kInternal, way() + ": nobody has found this link in a directory"};
  return directory->open_target(below);
}

int Inode::stat(Contents& contents, struct stat* out) {
  if (::fstatat(fd(), "", out, AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW) != 0) return errno;
  if (type == S_IFLNK && contents.names() != nullptr) {
    // One whose target cannot be told has its size on disk.
    if (const auto shown = target(contents); shown.is_ok()) out->st_size = static_cast<off_t>(shown->size());
    return 0;
  }
  if (!is_regular()) return 0;
  std::lock_guard lock(mutex_);
  if (body_ != nullptr) {
    out->st_size = static_cast<off_t>(body_->size());
    return 0;
  }
  const Stamp stamp = Stamp::of(*out);
  if (!(stamp == stamp_)) {
    Descriptor file(::open(way().c_str(), O_RDONLY | O_CLOEXEC | O_NOATIME));
    if (!file.is_open()) file = Descriptor(::open(way().c_str(), O_RDONLY | O_CLOEXEC));
    // One that may not be read, or is damaged, must not hide the others: it has its size on disk.
    if (!file.is_open()) return 0;
    auto where = path();
    if (!where.is_ok()) return EIO;
    auto size = contents.shown_size(std::move(file), *where, static_cast<uint64_t>(out->st_size));
    if (!size.is_ok()) return 0;
    known_size_ = *size;
    stamp_ = stamp;
  }
  out->st_size = static_cast<off_t>(known_size_);
  return 0;
}

Result<Descriptor> Inode::open_backing(bool read_only, bool for_writing, bool* writable) const {
  // For reading as well: what a crash left is repaired, and all handles share one body.
  const auto open_for = [&](int access) {
    return Descriptor(posix::retry_interrupted([&] { return ::open(way().c_str(), access | O_CLOEXEC); }));
  };
  Descriptor file = open_for(read_only ? O_RDONLY : O_RDWR);
  *writable = file.is_open() && !read_only;
  if (!file.is_open() && !for_writing && (errno == EACCES || errno == EPERM || errno == EROFS)) {
    file = open_for(O_RDONLY);
  }
  if (file.is_open()) return file;
  auto where = path();
  return posix::failure("open", where.is_ok() ? *where : way());
}

Status Inode::open_locked(Contents& contents, Opening opening, bool* kept) {
  const bool for_writing = opening != Opening::kReading;
  if (body_ != nullptr && (writable_ || !for_writing)) {
    *kept = true;
    return Status::ok();
  }
  bool writable = false;
  COFFER_ASSIGN(Descriptor file, open_backing(contents.is_read_only(), for_writing, &writable));
  struct stat st;
  if (::fstat(file.get(), &st) != 0) return posix::failure("stat", way());
  // Pages that the kernel has were read from the file that the stamp was taken of.
  *kept = stamp_.physical_size < 0 || stamp_ == Stamp::of(st);
  COFFER_ASSIGN(const std::string where, path());
  if (!writable) opening = Opening::kReading;
  if (writable && !for_writing) opening = Opening::kWriting;
  FileClass found;
  COFFER_ASSIGN(std::shared_ptr<FileBody> body, contents.open(std::move(file), where, opening, &found));
  Counting* const counting = writable ? contents.counting() : nullptr;
  set_body(std::move(body), counting != nullptr ? counting->list(fd(), st, found) : nullptr);
  writable_ = writable;
  return Status::ok();
}

Status Inode::open(Contents& contents, Opening opening, bool* kept) {
  std::lock_guard lock(mutex_);
  COFFER_TRY(open_locked(contents, opening, kept));
  ++handles_;
  return Status::ok();
}

void Inode::adopt(Contents& contents, std::unique_ptr<FileBody> body) {
  std::lock_guard lock(mutex_);
  Counting* const counting = contents.counting();
  set_body(std::move(body), counting != nullptr ? counting->list_new(fd()) : nullptr);
  writable_ = true;
  ++handles_;
}

bool Inode::release() {
  std::lock_guard lock(mutex_);
  COFFER_REQUIRE(handles_ > 0, "a handle of a mounted file is released once");
  return --handles_ == 0;
}

Status Inode::close_if_idle() {
  std::lock_guard lock(mutex_);
  return body_ != nullptr && handles_ == 0 ? close_locked() : Status::ok();
}

void Inode::drop_if_unlinked() {
  struct stat st;
  std::lock_guard lock(mutex_);
  if (handles_ == 0 && ::fstatat(fd(), "", &st, AT_EMPTY_PATH) == 0 && st.st_nlink == 0) set_body(nullptr, nullptr);
}

std::shared_ptr<GrowingFile> Inode::listing() const {
  std::lock_guard lock(mutex_);
  return listing_;
}

Status Inode::sync_if_open() {
  const std::shared_ptr<FileBody> open = body_if_open();
  return open != nullptr ? open->sync(true) : Status::ok();
}

Status Inode::settle_if_open() {
  const std::shared_ptr<FileBody> open = body_if_open();
  return open != nullptr ? open->settle() : Status::ok();
}

Status Inode::abandon() {
  std::lock_guard lock(mutex_);
  return body_ != nullptr ? close_locked() : Status::ok();
}

Status Inode::close_locked() {
  struct stat before, after;
  const bool is_known = ::fstatat(fd(), "", &before, AT_EMPTY_PATH) == 0;
  const uint64_t size = body_->size();
  const Status closed = body_->close();
  set_body(nullptr, nullptr);
  writable_ = false;
  stamp_ = {};
  if (!is_known || ::fstatat(fd(), "", &after, AT_EMPTY_PATH) != 0) return closed;
  // What closing writes is no change of the contents: the time that a program has set stays.
  if (!same_time(before.st_mtim, after.st_mtim)) {
    const timespec times[2] = {{0, UTIME_OMIT}, before.st_mtim};
    if (::utimensat(AT_FDCWD, way().c_str(), times, 0) != 0) return posix::failure("set the times of", way());
    if (::fstatat(fd(), "", &after, AT_EMPTY_PATH) != 0) return closed;
  }
  stamp_ = Stamp::of(after);
  known_size_ = size;
  return closed;
}

std::shared_ptr<Inode> InodeTable::enter(Descriptor fd, const struct stat& st) {
  std::lock_guard lock(mutex_);
  std::shared_ptr<Inode>& place = inodes_[{st.st_dev, st.st_ino}];
  if (place == nullptr) place = std::make_shared<Inode>(std::move(fd), st, next_generation_++);
  ++place->lookups_;
  return place;
}

std::shared_ptr<Inode> InodeTable::forget(Inode& inode, uint64_t lookups) {
  std::lock_guard lock(mutex_);
  COFFER_REQUIRE(inode.lookups_ >= lookups, "the kernel forgets no more lookups than it was given");
  inode.lookups_ -= lookups;
  if (inode.lookups_ > 0) return nullptr;
  const auto found = inodes_.find({inode.device, inode.number});
  std::shared_ptr<Inode> gone = found->second;
  if (!gone->is_open_) inodes_.erase(found);
  return gone;
}

void InodeTable::settle(const Inode& inode) {
  std::lock_guard lock(mutex_);
  const auto found = inodes_.find({inode.device, inode.number});
  if (found == inodes_.end() || found->second.get() != &inode) return;
  if (inode.lookups_ == 0 && !inode.is_open_) inodes_.erase(found);
}

std::shared_ptr<Inode> InodeTable::hold(const Inode& inode) const {
  std::lock_guard lock(mutex_);
  return inodes_.at({inode.device, inode.number});
}

std::shared_ptr<Inode> InodeTable::find(const struct stat& st) const {
  std::lock_guard lock(mutex_);
  const auto found = inodes_.find({st.st_dev, st.st_ino});
  return found != inodes_.end() ? found->second : nullptr;
}

std::vector<std::shared_ptr<Inode>> InodeTable::all() const {
  std::lock_guard lock(mutex_);
  std::vector<std::shared_ptr<Inode>> out;
  out.reserve(inodes_.size());
  for (const auto& [key, inode] : inodes_) out.push_back(inode);
  return out;
}

}  // namespace coffer::fusefs
