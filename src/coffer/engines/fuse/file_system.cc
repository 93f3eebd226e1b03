#include "coffer/engines/fuse/file_system.h"

#include <fcntl.h>

namespace coffer::fusefs {

FileSystem::FileSystem(Descriptor root, const struct stat& st, Contents& contents, TroubleLog& log,
                       const FileSystemOptions& options)
    : contents_(contents), log_(log), options_(options), root_(inodes_.enter(std::move(root), st)) {}

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
  if (ino != FUSE_ROOT_ID) inodes_.forget(inode(ino), lookups);
}

Result<std::string> FileSystem::path_of(Inode& parent, const char* name) const {
  COFFER_ASSIGN(std::string out, parent.path());
  return out + "/" + name;
}

void FileSystem::close_all() {
  for (const std::shared_ptr<Inode>& inode : inodes_.all()) log_.explain(inode->abandon());
}

}  // namespace coffer::fusefs
