#include "coffer/engines/fuse/new_directory.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <cstdio>

#include "coffer/crypto/random.h"
#include "coffer/engines/fuse/caller.h"
#include "coffer/io/posix_file.h"

namespace coffer::fusefs {
namespace {

Result<Bytes> file_of_new_directory(FileSystem& files, Inode& parent, const std::string& below) {
  SealedNames& names = *files.names();
  COFFER_ASSIGN(const auto around, parent.names(names));
  COFFER_ASSIGN(std::string path, files.path_of(parent, below.c_str()));
  if (names.paths_matter()) {
    COFFER_ASSIGN(path, names.shown_path(path));
  }
  return names.new_directory_file(path, around.get());
}

bool write_and_sync(int directory, ByteView contents) {
  const Descriptor file(::openat(directory, kDirectoryFileName.data(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC,
                                 kDirectoryFileMode));
  const auto write = [&] { return ::write(file.get(), contents.data(), contents.size()); };
  const ssize_t written = posix::retry_interrupted(write);
  if (written < 0) return false;
  if (static_cast<size_t>(written) != contents.size()) return errno = ENOSPC, false;
  return posix::retry_interrupted([&] { return ::fsync(file.get()); }) == 0 &&
         posix::retry_interrupted([&] { return ::fsync(directory); }) == 0;
}

// `mode`: what was asked for.
bool fill(int parent, const std::string& directory, mode_t mode, ByteView contents) {
  const Descriptor opened(::openat(parent, directory.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  struct stat st;
  if (!opened.is_open() || !write_and_sync(opened.get(), contents) || ::fstat(opened.get(), &st) != 0) return false;
  // What it had to have for that.
  const mode_t extra = st.st_mode & S_IRWXU & ~mode;
  return extra == 0 || ::fchmod(opened.get(), st.st_mode & 07777 & ~extra) == 0;
}

}  // namespace

int make_sealed_directory(FileSystem& files, Inode& parent, const std::string& below, mode_t mode,
                          const fuse_ctx& caller) {
  // Its key is of the domain that its path has, and it is to be there then.
  const std::shared_lock making(files.moves());
  // The key first: without one there is to be no directory.
  const auto contents = file_of_new_directory(files, parent, below);
  if (!contents.is_ok()) return files.log().explain(contents.status());
  const auto id = random_id();
  if (!id.is_ok()) return files.log().explain(id.status());
  const std::string unfinished = std::string(kUnfinishedPrefix) + id->hex();
  {
    const AsCaller as(caller);
    if (::mkdirat(parent.fd(), unfinished.c_str(), as.mode(mode) | S_IRWXU) != 0) return errno;
  }
  // Nothing is replaced: the kernel has looked for it, and no directory that is there is empty below.
  if (fill(parent.fd(), unfinished, mode, *contents) &&
      ::renameat(parent.fd(), unfinished.c_str(), parent.fd(), below.c_str()) == 0) {
    return 0;
  }
  const int error = errno == ENOTEMPTY || errno == ENOTDIR ? EEXIST : errno;
  tidy_entry(parent.fd(), unfinished);
  return error;
}

}  // namespace coffer::fusefs
