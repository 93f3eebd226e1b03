// Names: finding, making, linking, renaming and removing what they stand for.
#include <fcntl.h>
#include <linux/fs.h>
#include <sys/stat.h>

#include <cstdio>

#include "coffer/engines/fuse/caller.h"
#include "coffer/engines/fuse/file_system.h"

namespace coffer::fusefs {
namespace {

int reply_entry(fuse_req_t request, FileSystem& files, const fuse_entry_param& entry) {
  // Where the answer is not taken, nobody will ever forget it.
  if (fuse_reply_entry(request, &entry) != 0 && entry.ino != 0) files.forget(entry.ino, 1);
  return kAnswered;
}

int reply_found(fuse_req_t request, FileSystem& files, Inode& parent, const char* name) {
  fuse_entry_param entry{};
  const int error = files.look_up(parent, name, &entry);
  return error == 0 ? reply_entry(request, files, entry) : error;
}

void do_lookup(fuse_req_t request, fuse_ino_t parent, const char* name) {
  answer(request, [&](FileSystem& files) {
    fuse_entry_param entry{};
    const int error = files.look_up(files.inode(parent), name, &entry);
    if (error != 0 && error != ENOENT) return error;
    // Nobody but this mount makes files: what is not there may be remembered as well.
    if (error == ENOENT) entry.entry_timeout = kForeverSeconds;
    return reply_entry(request, files, entry);
  });
}

// `make` makes the name in the parent's directory, and says whether it did.
template <class Make>
void make_entry(fuse_req_t request, fuse_ino_t parent, const char* name, const Make& make) {
  answer(request, [&](FileSystem& files) {
    Inode& directory = files.inode(parent);
    {
      const AsCaller caller(*fuse_req_ctx(request));
      if (!make(directory.fd(), caller)) return errno;
    }
    return reply_found(request, files, directory, name);
  });
}

void do_mknod(fuse_req_t request, fuse_ino_t parent, const char* name, mode_t mode, dev_t device) {
  // A regular file gets its header when it is opened: until then nothing is in it.
  make_entry(request, parent, name, [&](int directory, const AsCaller& caller) {
    return ::mknodat(directory, name, caller.mode(mode), device) == 0;
  });
}

void do_mkdir(fuse_req_t request, fuse_ino_t parent, const char* name, mode_t mode) {
  make_entry(request, parent, name, [&](int directory, const AsCaller& caller) {
    return ::mkdirat(directory, name, caller.mode(mode)) == 0;
  });
}

void do_symlink(fuse_req_t request, const char* target, fuse_ino_t parent, const char* name) {
  make_entry(request, parent, name,
             [&](int directory, const AsCaller&) { return ::symlinkat(target, directory, name) == 0; });
}

int link_at(Inode& inode, Inode& parent, const char* name) {
  if (inode.type == S_IFLNK) return errno_unless(::linkat(inode.fd(), "", parent.fd(), name, AT_EMPTY_PATH) == 0);
  return errno_unless(::linkat(AT_FDCWD, inode.way().c_str(), parent.fd(), name, AT_SYMLINK_FOLLOW) == 0);
}

Status let_link_in(FileSystem& files, Inode& inode, Inode& parent, const char* name) {
  COFFER_ASSIGN(const std::string from, inode.path());
  COFFER_ASSIGN(const std::string to, files.path_of(parent, name));
  return files.contents().let_in(from, to);
}

void do_link(fuse_req_t request, fuse_ino_t ino, fuse_ino_t parent, const char* name) {
  answer(request, [&](FileSystem& files) {
    Inode& inode = files.inode(ino);
    Inode& directory = files.inode(parent);
    if (files.contents().paths_matter() && inode.is_regular()) {
      const std::unique_lock moving(files.moves());
      const int error = files.log().explain(let_link_in(files, inode, directory, name));
      if (error != 0) return error;
    }
    const int error = link_at(inode, directory, name);
    return error == 0 ? reply_found(request, files, directory, name) : error;
  });
}

void do_unlink(fuse_req_t request, fuse_ino_t parent, const char* name) {
  answer(request,
         [&](FileSystem& files) { return errno_unless(::unlinkat(files.inode(parent).fd(), name, 0) == 0); });
}

void do_rmdir(fuse_req_t request, fuse_ino_t parent, const char* name) {
  answer(request, [&](FileSystem& files) {
    Inode& directory = files.inode(parent);
    if (::unlinkat(directory.fd(), name, AT_REMOVEDIR) != 0) return errno;
    const auto path = files.path_of(directory, name);
    // It is gone, whatever becomes of what is known of it.
    files.log().explain(path.is_ok() ? files.contents().removed_directory(*path) : path.status());
    return 0;
  });
}

struct RenameRequest {
  Inode& from_directory;
  const char* from;
  Inode& to_directory;
  const char* to;
  unsigned flags;

  bool run() const {
    return ::renameat2(from_directory.fd(), from, to_directory.fd(), to, flags) == 0;
  }
  bool is_exchange() const { return (flags & RENAME_EXCHANGE) != 0; }
};

bool is_directory_at(const Inode& parent, const char* name) {
  struct stat st;
  return ::fstatat(parent.fd(), name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISDIR(st.st_mode);
}

// Where it is to be known before which files may be at which paths.
int rename_knowing_paths(FileSystem& files, const RenameRequest& rename, bool is_directory) {
  Contents& contents = files.contents();
  const auto from = files.path_of(rename.from_directory, rename.from);
  const auto to = files.path_of(rename.to_directory, rename.to);
  if (!from.is_ok() || !to.is_ok()) return files.log().explain(from.is_ok() ? to.status() : from.status());
  const std::unique_lock moving(files.moves());
  if (contents.paths_matter()) {
    Status status = contents.let_in(*from, *to);
    if (status.is_ok() && rename.is_exchange()) status = contents.let_in(*to, *from);
    if (!status.is_ok()) return files.log().explain(status);
  }
  if (!is_directory || rename.is_exchange()) return errno_unless(rename.run());
  int error = 0;
  const Status moved = contents.move_directory(*from, *to, [&] {
    error = errno_unless(rename.run());
    return error == 0;
  });
  const int explained = files.log().explain(moved);
  return error != 0 ? error : explained;
}

void do_rename(fuse_req_t request, fuse_ino_t parent, const char* name, fuse_ino_t new_parent, const char* new_name,
               unsigned flags) {
  answer(request, [&](FileSystem& files) {
    if ((flags & ~unsigned{RENAME_NOREPLACE | RENAME_EXCHANGE}) != 0) return EINVAL;
    const RenameRequest rename{files.inode(parent), name, files.inode(new_parent), new_name, flags};
    const bool is_directory = is_directory_at(rename.from_directory, name);
    if (is_directory || files.contents().paths_matter()) return rename_knowing_paths(files, rename, is_directory);
    return errno_unless(rename.run());
  });
}

void do_forget(fuse_req_t request, fuse_ino_t ino, uint64_t lookups) {
  file_system_of(request).forget(ino, lookups);
  fuse_reply_none(request);
}

void do_forget_multi(fuse_req_t request, size_t count, fuse_forget_data* forgets) {
  FileSystem& files = file_system_of(request);
  for (size_t i = 0; i < count; ++i) files.forget(forgets[i].ino, forgets[i].nlookup);
  fuse_reply_none(request);
}

}  // namespace

void add_name_operations(fuse_lowlevel_ops& ops) {
  ops.lookup = do_lookup;
  ops.mknod = do_mknod;
  ops.mkdir = do_mkdir;
  ops.symlink = do_symlink;
  ops.link = do_link;
  ops.unlink = do_unlink;
  ops.rmdir = do_rmdir;
  ops.rename = do_rename;
  ops.forget = do_forget;
  ops.forget_multi = do_forget_multi;
}

}  // namespace coffer::fusefs
