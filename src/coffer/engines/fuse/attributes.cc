// What is known of files besides their contents: owners, modes, sizes, times, extended attributes, and the file
// system's own numbers.
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/xattr.h>

#include "coffer/engines/fuse/file_system.h"
#include "coffer/engines/fuse/set_ids.h"

namespace coffer::fusefs {
namespace {

constexpr size_t kAttributeSizeMax = 65536;  // the kernel's

int reply_attributes(fuse_req_t request, FileSystem& files, Inode& inode) {
  struct stat st;
  if (const int error = inode.stat(files.contents(), &st); error != 0) return error;
  fuse_reply_attr(request, &st, kForeverSeconds);
  return kAnswered;
}

void do_getattr(fuse_req_t request, fuse_ino_t ino, fuse_file_info*) {
  answer(request, [&](FileSystem& files) { return reply_attributes(request, files, files.inode(ino)); });
}

// `times`: which of a file's to set, and to what.
int set_times(const Inode& inode, const timespec times[2]) {
  if (inode.type == S_IFLNK) {
    return errno_unless(::utimensat(inode.fd(), "", times, AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW) == 0);
  }
  return errno_unless(::utimensat(AT_FDCWD, inode.way().c_str(), times, 0) == 0);
}

int set_size(FileSystem& files, Inode& inode, uint64_t size) {
  if (const int error = drop_set_ids(inode); error != 0) return error;
  const std::shared_lock opening(files.moves());
  bool kept = false;
  Status done = inode.open(files.contents(), size == 0 ? Opening::kCutting : Opening::kWriting, &kept);
  if (!done.is_ok()) return files.log().explain(done);
  done = inode.body()->truncate(size);
  files.release(files.inodes().hold(inode));
  if (!done.is_ok()) return files.log().explain(done);
  // Also of one that had this size before.
  const timespec times[2] = {{0, UTIME_OMIT}, {0, UTIME_NOW}};
  return set_times(inode, times);
}

timespec time_to_set(const timespec& given, int to_set, int bit, int now_bit) {
  if ((to_set & now_bit) != 0) return {0, UTIME_NOW};
  return (to_set & bit) != 0 ? given : timespec{0, UTIME_OMIT};
}

int set_attributes(FileSystem& files, Inode& inode, const struct stat& to, int to_set) {
  // The owner before the mode: a change of owner takes bits of the mode along.
  if ((to_set & (FUSE_SET_ATTR_UID | FUSE_SET_ATTR_GID)) != 0) {
    const uid_t owner = (to_set & FUSE_SET_ATTR_UID) != 0 ? to.st_uid : static_cast<uid_t>(-1);
    const gid_t group = (to_set & FUSE_SET_ATTR_GID) != 0 ? to.st_gid : static_cast<gid_t>(-1);
    if (::fchownat(inode.fd(), "", owner, group, AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW) != 0) return errno;
  }
  if ((to_set & FUSE_SET_ATTR_MODE) != 0 && ::chmod(inode.way().c_str(), to.st_mode & 07777) != 0) return errno;
  if ((to_set & FUSE_SET_ATTR_SIZE) != 0) {
    if (const int error = set_size(files, inode, static_cast<uint64_t>(to.st_size)); error != 0) return error;
  }
  if ((to_set & (FUSE_SET_ATTR_ATIME | FUSE_SET_ATTR_MTIME)) != 0) {
    const timespec times[2] = {time_to_set(to.st_atim, to_set, FUSE_SET_ATTR_ATIME, FUSE_SET_ATTR_ATIME_NOW),
                               time_to_set(to.st_mtim, to_set, FUSE_SET_ATTR_MTIME, FUSE_SET_ATTR_MTIME_NOW)};
    return set_times(inode, times);
  }
  return 0;
}

void do_setattr(fuse_req_t request, fuse_ino_t ino, struct stat* to, int to_set, fuse_file_info*) {
  answer_change(request, [&](FileSystem& files) {
    Inode& inode = files.inode(ino);
    const int error = set_attributes(files, inode, *to, to_set);
    return error == 0 ? reply_attributes(request, files, inode) : error;
  });
}

void do_readlink(fuse_req_t request, fuse_ino_t ino) {
  answer(request, [&](FileSystem& files) {
    const auto target = files.inode(ino).target(files.contents());
    if (!target.is_ok()) return files.log().explain(target.status());
    fuse_reply_readlink(request, target->c_str());
    return kAnswered;
  });
}

void do_statfs(fuse_req_t request, fuse_ino_t ino) {
  answer(request, [&](FileSystem& files) {
    struct statvfs st;
    if (::fstatvfs(files.inode(ino).fd(), &st) != 0) return errno;
    fuse_reply_statfs(request, &st);
    return kAnswered;
  });
}

// Of symbolic links themselves there are none for users.
int refuse_link(const Inode& inode) { return inode.type == S_IFLNK ? ENOTSUP : 0; }

// `get` is getxattr or listxattr: answers with what it gives, or with how long that is if `size` is 0.
template <class Get>
int reply_attribute(fuse_req_t request, size_t size, const Get& get) {
  std::unique_ptr<char[]> out(size > 0 ? new char[std::min(size, kAttributeSizeMax)] : nullptr);
  const ssize_t count = get(out.get(), std::min(size, kAttributeSizeMax));
  if (count < 0) return errno;
  if (size == 0) {
    fuse_reply_xattr(request, static_cast<size_t>(count));
  } else {
    fuse_reply_buf(request, out.get(), static_cast<size_t>(count));
  }
  return kAnswered;
}

void do_getxattr(fuse_req_t request, fuse_ino_t ino, const char* name, size_t size) {
  answer(request, [&](FileSystem& files) {
    const Inode& inode = files.inode(ino);
    if (const int error = refuse_link(inode); error != 0) return error;
    return reply_attribute(request, size, [&](char* out, size_t room) {
      return ::getxattr(inode.way().c_str(), name, out, room);
    });
  });
}

void do_listxattr(fuse_req_t request, fuse_ino_t ino, size_t size) {
  answer(request, [&](FileSystem& files) {
    const Inode& inode = files.inode(ino);
    if (const int error = refuse_link(inode); error != 0) return error;
    return reply_attribute(request, size,
                           [&](char* out, size_t room) { return ::listxattr(inode.way().c_str(), out, room); });
  });
}

void do_setxattr(fuse_req_t request, fuse_ino_t ino, const char* name, const char* value, size_t size, int flags) {
  answer_change(request, [&](FileSystem& files) {
    const Inode& inode = files.inode(ino);
    if (const int error = refuse_link(inode); error != 0) return error;
    return errno_unless(::setxattr(inode.way().c_str(), name, value, size, flags) == 0);
  });
}

void do_removexattr(fuse_req_t request, fuse_ino_t ino, const char* name) {
  answer_change(request, [&](FileSystem& files) {
    const Inode& inode = files.inode(ino);
    if (const int error = refuse_link(inode); error != 0) return error;
    return errno_unless(::removexattr(inode.way().c_str(), name) == 0);
  });
}

}  // namespace

void add_attribute_operations(fuse_lowlevel_ops& ops) {
  ops.getattr = do_getattr;
  ops.setattr = do_setattr;
  ops.readlink = do_readlink;
  ops.statfs = do_statfs;
  ops.getxattr = do_getxattr;
  ops.listxattr = do_listxattr;
  ops.setxattr = do_setxattr;
  ops.removexattr = do_removexattr;
}

}  // namespace coffer::fusefs
