// Listing directories, and making their names durable.
#include <dirent.h>
#include <fcntl.h>
#include <unistd.h>

#include <cstring>
#include <span>
#include <string_view>

#include "coffer/engines/fuse/file_system.h"
#include "coffer/io/posix_file.h"

namespace coffer::fusefs {
namespace {

// An open directory, which stands at the entry of an offset.
class DirectoryHandle final : public Handle {
 public:
  explicit DirectoryHandle(DIR* directory) : directory_(directory) {}
  ~DirectoryHandle() override { ::closedir(directory_); }

  // One reader at a time.
  std::mutex& reading() { return reading_; }
  int fd() const { return ::dirfd(directory_); }
  void seek(off_t offset) {
    if (offset == offset_) return;
    ::seekdir(directory_, offset);
    entry_ = nullptr;
    offset_ = offset;
  }
  // The entry it stands at; null at the end, or with *error.
  const dirent* entry(int* error) {
    if (entry_ != nullptr) return entry_;
    errno = 0;
    entry_ = ::readdir(directory_);
    *error = entry_ == nullptr ? errno : 0;
    return entry_;
  }
  void step() {
    offset_ = entry_->d_off;
    entry_ = nullptr;
  }

 private:
  DIR* const directory_;
  std::mutex reading_;
  const dirent* entry_ = nullptr;  // at offset_, if it was read already
  off_t offset_ = 0;
};

DirectoryHandle& handle_of(const fuse_file_info* info) {
  return static_cast<DirectoryHandle&>(*reinterpret_cast<Handle*>(info->fh));
}

// Whether they can be told, where they are encrypted.
int check_names(FileSystem& files, Inode& directory) {
  if (files.names() == nullptr) return 0;
  const auto names = directory.names(*files.names());
  return files.log().explain(names.is_ok() ? (*names)->usable() : names.status());
}

void do_opendir(fuse_req_t request, fuse_ino_t ino, fuse_file_info* info) {
  answer(request, [&](FileSystem& files) {
    if (const int error = check_names(files, files.inode(ino)); error != 0) return error;
    Descriptor fd(::openat(files.inode(ino).fd(), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (!fd.is_open()) return errno;
    DIR* const directory = ::fdopendir(fd.get());
    if (directory == nullptr) return errno;
    fd.release();
    const uint64_t number = files.add_handle(std::make_unique<DirectoryHandle>(directory));
    info->fh = number;
    info->keep_cache = 1;
    info->cache_readdir = 1;
    if (fuse_reply_open(request, info) != 0) files.take_handle(number);
    return kAnswered;
  });
}

void do_releasedir(fuse_req_t request, fuse_ino_t, fuse_file_info* info) {
  answer(request, [&](FileSystem& files) {
    files.take_handle(info->fh);
    return 0;
  });
}

bool is_dot(std::string_view name) { return name == "." || name == ".."; }

struct Listing {
  fuse_req_t request;
  FileSystem& files;
  Inode& directory;
  bool plus;
};

// How many bytes the entry takes at `out`; more than `room`: it did not fit. With `plus`, looks it up.
size_t put_entry(const Listing& list, const dirent& entry, const char* name, char* out, size_t room) {
  if (!list.plus || is_dot(entry.d_name)) {
    fuse_entry_param about{};
    about.attr.st_ino = entry.d_ino;
    about.attr.st_mode = static_cast<mode_t>(entry.d_type) << 12;
    return list.plus ? fuse_add_direntry_plus(list.request, out, room, name, &about, entry.d_off)
                     : fuse_add_direntry(list.request, out, room, name, &about.attr, entry.d_off);
  }
  fuse_entry_param found{};
  // Before it is looked up: one that does not fit must not have been.
  const size_t needed = fuse_add_direntry_plus(list.request, nullptr, 0, name, &found, entry.d_off);
  if (needed > room) return needed;
  if (list.files.look_up_below(list.directory, entry.d_name, &found) != 0) {
    // Removed meanwhile, or not to be had: the name alone.
    found = {};
    found.attr.st_ino = entry.d_ino;
    found.attr.st_mode = static_cast<mode_t>(entry.d_type) << 12;
  }
  return fuse_add_direntry_plus(list.request, out, room, name, &found, entry.d_off);
}

// What an entry is called; nothing for what is not shown: Coffer's own, and what has no name of this directory's. With
// *error where names cannot be told.
std::optional<std::string> shown_name(const Listing& list, const std::string& below, int* error) {
  if (list.files.names() == nullptr || is_dot(below)) return below;
  const auto names = list.directory.names(*list.files.names());
  if (!names.is_ok()) return *error = list.files.log().explain(names.status()), std::nullopt;
  const int directory = list.directory.fd();
  const StoredForm form = stored_form(below);
  if (form == StoredForm::kName || form == StoredForm::kLongName) {
    auto name = (*names)->name_of(directory, below);
    if (name.is_ok()) return std::move(*name);
    if (name.code() != Code::kTampered) return *error = list.files.log().explain(name.status()), std::nullopt;
  } else if (form != StoredForm::kForeign) {
    if (!list.files.contents().is_read_only()) tidy_entry(directory, below);
    return std::nullopt;
  }
  // One line for a directory: there may be many.
  if (below != "lost+found") {
    list.files.log().explain({Code::kTampered, (*names)->path() + ": holds entries whose names are not of this "
                                                                  "directory, and which are not shown; they were put "
                                                                  "there, renamed or altered by something else than "
                                                                  "this mount"});
  }
  return std::nullopt;
}

// Fills `out` with entries from `offset` on. 0, or an error number if there are none for that.
int fill(const Listing& listing, DirectoryHandle& handle, off_t offset, std::span<char> out, size_t* used) {
  const std::lock_guard lock(handle.reading());
  handle.seek(offset);
  int error = 0;
  while (const dirent* entry = handle.entry(&error)) {
    const auto name = shown_name(listing, entry->d_name, &error);
    if (error != 0) break;
    const size_t room = out.size() - *used;
    const size_t took = name ? put_entry(listing, *entry, name->c_str(), out.data() + *used, room) : 0;
    if (took > room) break;
    *used += took;
    handle.step();
  }
  // What was looked up must be told, whatever came after.
  return *used == 0 ? error : 0;
}

void list(fuse_req_t request, fuse_ino_t ino, size_t size, off_t offset, const fuse_file_info* info, bool plus) {
  answer(request, [&](FileSystem& files) {
    const std::unique_ptr<char[]> out(new char[size]);
    size_t used = 0;
    const int error =
        fill({request, files, files.inode(ino), plus}, handle_of(info), offset, {out.get(), size}, &used);
    if (error != 0) return error;
    // The handle may be gone as soon as this is answered.
    fuse_reply_buf(request, out.get(), used);
    return kAnswered;
  });
}

void do_readdir(fuse_req_t request, fuse_ino_t ino, size_t size, off_t offset, fuse_file_info* info) {
  list(request, ino, size, offset, info, false);
}

void do_readdirplus(fuse_req_t request, fuse_ino_t ino, size_t size, off_t offset, fuse_file_info* info) {
  list(request, ino, size, offset, info, true);
}

void do_fsyncdir(fuse_req_t request, fuse_ino_t, int data_only, fuse_file_info* info) {
  answer(request, [&](FileSystem&) {
    const int fd = handle_of(info).fd();
    return errno_unless(posix::retry_interrupted([&] { return data_only != 0 ? ::fdatasync(fd) : ::fsync(fd); }) == 0);
  });
}

}  // namespace

void add_directory_operations(fuse_lowlevel_ops& ops) {
  ops.opendir = do_opendir;
  ops.releasedir = do_releasedir;
  ops.readdir = do_readdir;
  ops.readdirplus = do_readdirplus;
  ops.fsyncdir = do_fsyncdir;
}

}  // namespace coffer::fusefs
