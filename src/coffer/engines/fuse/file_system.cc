#include "coffer/engines/fuse/file_system.h"

#include <fcntl.h>

namespace coffer::fusefs {

FileSystem::FileSystem(Descriptor root, const struct stat& st, Contents& contents, TroubleLog& log,
                       const FileSystemOptions& options)
    : contents_(contents), log_(log), options_(options), root_(inodes_.enter(std::move(root), st)) {
  closing_.start([this] {
    while (const std::shared_ptr<Inode> inode = take_idle(kIdleTime, 0)) close_idle(*inode);
    return kIdleTime / 4;
  });
}

int FileSystem::look_up(Inode& parent, const char* name, fuse_entry_param* out) {
  Descriptor fd(::openat(parent.fd(), name, O_PATH | O_NOFOLLOW | O_CLOEXEC));
  if (!fd.is_open()) return errno;
  struct stat st;
  if (::fstatat(fd.get(), "", &st, AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW) != 0) return errno;
  const std::shared_ptr<Inode> inode = inodes_.enter(std::move(fd), st);
  *out = {};
  if (const int error = inode->stat(contents_, &out->attr); error != 0) {
    inodes_.forget(*inode, 1);
    return error;
  }
  out->ino = number(*inode);
  out->generation = inode->generation;
  out->attr_timeout = kForeverSeconds;
  out->entry_timeout = kForeverSeconds;
  return 0;
}

void FileSystem::forget(fuse_ino_t ino, uint64_t lookups) {
  // The root is never forgotten: it has a lookup of its own.
  if (ino == FUSE_ROOT_ID) return;
  const std::shared_ptr<Inode> gone = inodes_.forget(inode(ino), lookups);
  if (gone == nullptr) return;
  gone->drop_if_unlinked();
  inodes_.settle(*gone);
}

void FileSystem::release(const std::shared_ptr<Inode>& inode) {
  if (!inode->release()) return;
  {
    const std::lock_guard lock(idle_mutex_);
    idle_.push_back({inode, std::chrono::steady_clock::now()});
  }
  // Whoever opens more than can be closed meanwhile closes for themselves.
  if (const std::shared_ptr<Inode> oldest = take_idle({}, kIdleMax)) close_idle(*oldest);
}

void FileSystem::close_idle(Inode& inode) {
  log_.explain(inode.close_if_idle());
  inodes_.settle(inode);
}

std::shared_ptr<Inode> FileSystem::take_idle(std::chrono::milliseconds time, size_t left) {
  const std::lock_guard lock(idle_mutex_);
  if (idle_.size() <= left || idle_.front().since + time > std::chrono::steady_clock::now()) return nullptr;
  std::shared_ptr<Inode> out = std::move(idle_.front().inode);
  idle_.pop_front();
  return out;
}

Result<std::string> FileSystem::path_of(Inode& parent, const char* name) const {
  COFFER_ASSIGN(std::string out, parent.path());
  return out + "/" + name;
}

void FileSystem::close_all() {
  closing_.stop();
  while (const std::shared_ptr<Inode> inode = take_idle({}, 0)) close_idle(*inode);
  for (const std::shared_ptr<Inode>& inode : inodes_.all()) log_.explain(inode->abandon());
}

}  // namespace coffer::fusefs
