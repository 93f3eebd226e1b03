// Renaming files and directories, and removing directories.
#include <fcntl.h>
#include <linux/fs.h>
#include <sys/stat.h>

#include <cstdio>

#include "coffer/engines/fuse/counting.h"
#include "coffer/engines/fuse/file_system.h"

namespace coffer::fusefs {
namespace {

struct stat entry_at(const Inode& parent, const std::string& below) {
  struct stat st {};
  if (::fstatat(parent.fd(), below.c_str(), &st, AT_SYMLINK_NOFOLLOW) != 0) st = {};
  return st;
}

bool is_directory_at(const Inode& parent, const std::string& below) { return S_ISDIR(entry_at(parent, below).st_mode); }

// 0, or an error number: ENOTEMPTY as what names hide, too.
int check_empty(FileSystem& files, const Inode& parent, const std::string& below) {
  const Descriptor directory(::openat(parent.fd(), below.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  if (!directory.is_open()) return errno;
  const auto is_empty = is_empty_but_for_own(directory.get());
  if (!is_empty.is_ok()) return files.log().explain(is_empty.status());
  return *is_empty ? 0 : ENOTEMPTY;
}

int remove_directory(FileSystem& files, const Inode& parent, const std::string& below) {
  if (files.names() == nullptr) return errno_unless(::unlinkat(parent.fd(), below.c_str(), AT_REMOVEDIR) == 0);
  if (const int error = check_empty(files, parent, below); error != 0) return error;
  NameChange change(files);
  change.loses(parent, directory_file(below));
  if (const int error = remove_sealed_directory(parent.fd(), below); error != 0) return error;
  change.done();
  drop_name_link(parent.fd(), below);
  return 0;
}

void do_rmdir(fuse_req_t request, fuse_ino_t parent, const char* name) {
  answer_change(request, [&](FileSystem& files) {
    Inode& directory = files.inode(parent);
    std::string below;
    if (const int error = files.name_below(directory, name, &below); error != 0) return error;
    const auto path = files.path_of(directory, below.c_str());
    if (const int error = remove_directory(files, directory, below); error != 0) return error;
    // It is gone, whatever becomes of what is known of it.
    files.log().explain(path.is_ok() ? files.contents().removed_directory(*path) : path.status());
    return 0;
  });
}

// Names are those below.
struct RenameRequest {
  Inode& from_directory;
  std::string from;
  Inode& to_directory;
  std::string to;
  unsigned flags;

  int run(unsigned with_flags) const {
    return errno_unless(
        ::renameat2(from_directory.fd(), from.c_str(), to_directory.fd(), to.c_str(), with_flags) == 0);
  }
  bool is_exchange() const { return (flags & RENAME_EXCHANGE) != 0; }
};

// A directory whose names are encrypted is not empty below: it changes places with the other one, and then goes.
int replace_sealed_directory(FileSystem& files, const RenameRequest& rename) {
  if (const int error = check_empty(files, rename.to_directory, rename.to); error != 0) return error;
  NameChange change(files);
  change.loses(rename.to_directory, directory_file(rename.to));
  if (const int error = rename.run(RENAME_EXCHANGE); error != 0) return error;
  const int error = remove_sealed_directory(rename.from_directory.fd(), rename.from);
  if (error == 0) change.done();
  return error;
}

// Two names of one file: both stay.
bool is_same_file(const RenameRequest& rename) {
  const struct stat from = entry_at(rename.from_directory, rename.from);
  const struct stat to = entry_at(rename.to_directory, rename.to);
  return from.st_ino == to.st_ino && from.st_dev == to.st_dev;
}

int rename_entry(FileSystem& files, const RenameRequest& rename) {
  NameChange change(files);
  if (!rename.is_exchange() && change.is_counted() && !is_same_file(rename)) {
    change.loses(rename.to_directory, rename.to);
  }
  const int error = rename.run(rename.flags);
  if (error == 0) change.done();
  return error;
}

int run_rename(FileSystem& files, const RenameRequest& rename) {
  if (files.names() == nullptr) return rename_entry(files, rename);
  const bool replaces = rename.flags == 0 && is_directory_at(rename.from_directory, rename.from) &&
                        is_directory_at(rename.to_directory, rename.to);
  const int error = replaces ? replace_sealed_directory(files, rename) : rename_entry(files, rename);
  if (error == 0 && !rename.is_exchange()) drop_name_link(rename.from_directory.fd(), rename.from);
  return error;
}

// Where it is to be known before which files may be at which paths.
int rename_knowing_paths(FileSystem& files, const RenameRequest& rename, bool is_directory) {
  Contents& contents = files.contents();
  const auto from = files.path_of(rename.from_directory, rename.from.c_str());
  const auto to = files.path_of(rename.to_directory, rename.to.c_str());
  if (!from.is_ok() || !to.is_ok()) return files.log().explain(from.is_ok() ? to.status() : from.status());
  const std::unique_lock moving(files.moves());
  if (contents.paths_matter()) {
    Status status = contents.let_in(*from, *to);
    if (status.is_ok() && rename.is_exchange()) status = contents.let_in(*to, *from);
    if (!status.is_ok()) return files.log().explain(status);
  }
  if (!is_directory || rename.is_exchange()) return run_rename(files, rename);
  int error = 0;
  const Status moved = contents.move_directory(*from, *to, [&] {
    error = run_rename(files, rename);
    return error == 0;
  });
  const int explained = files.log().explain(moved);
  return error != 0 ? error : explained;
}

int check_links(FileSystem& files, const RenameRequest& rename) {
  if (files.names() == nullptr) return 0;
  const bool has_links = S_ISLNK(entry_at(rename.from_directory, rename.from).st_mode) ||
                         (rename.is_exchange() && S_ISLNK(entry_at(rename.to_directory, rename.to).st_mode));
  return has_links ? files.check_links_in(rename.from_directory, rename.to_directory) : 0;
}

void do_rename(fuse_req_t request, fuse_ino_t parent, const char* name, fuse_ino_t new_parent, const char* new_name,
               unsigned flags) {
  answer_change(request, [&](FileSystem& files) {
    if ((flags & ~unsigned{RENAME_NOREPLACE | RENAME_EXCHANGE}) != 0) return EINVAL;
    RenameRequest rename{files.inode(parent), {}, files.inode(new_parent), {}, flags};
    if (const int error = files.name_below(rename.from_directory, name, &rename.from); error != 0) return error;
    if (const int error = files.new_name_below(rename.to_directory, new_name, &rename.to); error != 0) return error;
    if (const int error = check_links(files, rename); error != 0) return error;
    const bool is_directory = is_directory_at(rename.from_directory, rename.from);
    if (is_directory || files.contents().paths_matter()) return rename_knowing_paths(files, rename, is_directory);
    return run_rename(files, rename);
  });
}

}  // namespace

void add_rename_operations(fuse_lowlevel_ops& ops) {
  ops.rmdir = do_rmdir;
  ops.rename = do_rename;
}

}  // namespace coffer::fusefs
