// Names: finding, making, linking and removing what they stand for.
#include <fcntl.h>
#include <sys/stat.h>

#include "coffer/engines/fuse/caller.h"
#include "coffer/engines/fuse/counting.h"
#include "coffer/engines/fuse/file_system.h"
#include "coffer/engines/fuse/new_directory.h"

namespace coffer::fusefs {
namespace {

int reply_entry(fuse_req_t request, FileSystem& files, const fuse_entry_param& entry) {
  // Where the answer is not taken, nobody will ever forget it.
  if (fuse_reply_entry(request, &entry) != 0 && entry.ino != 0) files.forget(entry.ino, 1);
  return kAnswered;
}

int reply_found(fuse_req_t request, FileSystem& files, Inode& parent, const std::string& below) {
  fuse_entry_param entry{};
  const int error = files.look_up_below(parent, below.c_str(), &entry);
  return error == 0 ? reply_entry(request, files, entry) : error;
}

void do_lookup(fuse_req_t request, fuse_ino_t parent, const char* name) {
  answer(request, [&](FileSystem& files) {
    fuse_entry_param entry{};
    const int error = files.look_up(files.inode(parent), name, &entry);
    if (error != 0 && error != ENOENT) return error;
    // Nobody but this mount makes files: what is not there may be remembered as well.
    if (error == ENOENT) entry.entry_timeout = files.name_seconds();
    return reply_entry(request, files, entry);
  });
}

// `make` makes what is called `below` in the parent's directory: 0, or an error number.
template <class Make>
void make_entry(fuse_req_t request, fuse_ino_t parent, const char* name, const Make& make) {
  answer_change(request, [&](FileSystem& files) {
    Inode& directory = files.inode(parent);
    std::string below;
    if (const int error = files.new_name_below(directory, name, &below); error != 0) return error;
    const int error = make(files, directory, below);
    return error == 0 ? reply_found(request, files, directory, below) : error;
  });
}

void do_mknod(fuse_req_t request, fuse_ino_t parent, const char* name, mode_t mode, dev_t device) {
  // A regular file gets its header when it is opened: until then nothing is in it.
  make_entry(request, parent, name, [&](FileSystem& files, Inode& directory, const std::string& below) {
    {
      const AsCaller caller(*fuse_req_ctx(request));
      if (::mknodat(directory.fd(), below.c_str(), caller.mode(mode), device) != 0) return errno;
    }
    NameChange(files).made(directory, below);
    return 0;
  });
}

void do_mkdir(fuse_req_t request, fuse_ino_t parent, const char* name, mode_t mode) {
  make_entry(request, parent, name, [&](FileSystem& files, Inode& directory, const std::string& below) {
    const fuse_ctx& context = *fuse_req_ctx(request);
    if (files.names() != nullptr) {
      const int error = make_sealed_directory(files, directory, below, mode, context);
      if (error == 0) NameChange(files).made(directory, directory_file(below));
      return error;
    }
    const AsCaller caller(context);
    return errno_unless(::mkdirat(directory.fd(), below.c_str(), caller.mode(mode)) == 0);
  });
}

int target_below(FileSystem& files, Inode& directory, const char* target, std::string* out) {
  *out = target;
  if (files.names() == nullptr) return 0;
  if (out->size() > kTargetSizeMax) return ENAMETOOLONG;
  const auto names = directory.names(*files.names());
  if (!names.is_ok()) return files.log().explain(names.status());
  auto sealed = (*names)->seal_target(*out);
  if (!sealed.is_ok()) return files.log().explain(sealed.status());
  *out = std::move(*sealed);
  return 0;
}

void do_symlink(fuse_req_t request, const char* target, fuse_ino_t parent, const char* name) {
  make_entry(request, parent, name, [&](FileSystem& files, Inode& directory, const std::string& below) {
    std::string stored;
    if (const int error = target_below(files, directory, target, &stored); error != 0) return error;
    const AsCaller caller(*fuse_req_ctx(request));
    return errno_unless(::symlinkat(stored.c_str(), directory.fd(), below.c_str()) == 0);
  });
}

int link_at(FileSystem& files, Inode& inode, Inode& parent, const char* below) {
  if (inode.type != S_IFLNK) {
    return errno_unless(::linkat(AT_FDCWD, inode.way().c_str(), parent.fd(), below, AT_SYMLINK_FOLLOW) == 0);
  }
  if (const int error = files.check_link_in(inode, parent); error != 0) return error;
  return errno_unless(::linkat(inode.fd(), "", parent.fd(), below, AT_EMPTY_PATH) == 0);
}

Status let_link_in(FileSystem& files, Inode& inode, Inode& parent, const char* name) {
  COFFER_ASSIGN(const std::string from, inode.path());
  COFFER_ASSIGN(const std::string to, files.path_of(parent, name));
  return files.contents().let_in(from, to);
}

void do_link(fuse_req_t request, fuse_ino_t ino, fuse_ino_t parent, const char* name) {
  answer_change(request, [&](FileSystem& files) {
    Inode& inode = files.inode(ino);
    Inode& directory = files.inode(parent);
    std::string below;
    if (const int error = files.new_name_below(directory, name, &below); error != 0) return error;
    if (files.contents().paths_matter() && inode.is_regular()) {
      const std::unique_lock moving(files.moves());
      const int error = files.log().explain(let_link_in(files, inode, directory, below.c_str()));
      if (error != 0) return error;
    }
    NameChange change(files);
    change.gains(inode);
    const int error = link_at(files, inode, directory, below.c_str());
    if (error == 0) change.done();
    return error == 0 ? reply_found(request, files, directory, below) : error;
  });
}

void do_unlink(fuse_req_t request, fuse_ino_t parent, const char* name) {
  answer_change(request, [&](FileSystem& files) {
    Inode& directory = files.inode(parent);
    std::string below;
    if (const int error = files.name_below(directory, name, &below); error != 0) return error;
    NameChange change(files);
    change.loses(directory, below);
    if (::unlinkat(directory.fd(), below.c_str(), 0) != 0) return errno;
    change.done();
    if (files.names() != nullptr) drop_name_link(directory.fd(), below);
    return 0;
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
  ops.forget = do_forget;
  ops.forget_multi = do_forget_multi;
}

}  // namespace coffer::fusefs
