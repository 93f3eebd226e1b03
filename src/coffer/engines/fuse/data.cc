// What stands in files: opening, reading, writing, syncing and closing them.
#include <fcntl.h>
#include <linux/falloc.h>
#include <sys/stat.h>

#include "coffer/base/scratch.h"
#include "coffer/engines/fuse/caller.h"
#include "coffer/engines/fuse/file_system.h"
#include "coffer/engines/fuse/set_ids.h"
#include "coffer/io/posix_file.h"

namespace coffer::fusefs {
namespace {

FileHandle& handle_of_file(const fuse_file_info* info) {
  return static_cast<FileHandle&>(*reinterpret_cast<Handle*>(info->fh));
}

Opening opening_of(int flags) {
  if ((flags & O_TRUNC) != 0) return Opening::kCutting;
  return (flags & O_ACCMODE) != O_RDONLY ? Opening::kWriting : Opening::kReading;
}

// Gives the open file a handle, and tells the kernel of it by `reply`.
template <class Reply>
int reply_handle(FileSystem& files, const std::shared_ptr<Inode>& inode, fuse_file_info* info, bool kept,
                 const Reply& reply) {
  info->fh = files.add_handle(std::make_unique<FileHandle>(inode));
  info->keep_cache = kept ? 1 : 0;
  // What was written is here already, unless the kernel gathers it.
  info->noflush = files.options().write_back ? 0 : 1;
  const uint64_t number = info->fh;
  if (reply() == 0) return kAnswered;
  // The kernel has given the request up, and will not release what it has not got.
  files.take_handle(number);
  files.release(inode);
  return kAnswered;
}

// REQUIRES: moves() is held
int open_inode(FileSystem& files, Inode& inode, int flags, bool* kept) {
  Status status = inode.open(files.contents(), opening_of(flags), kept);
  if (!status.is_ok()) return files.log().explain(status);
  if ((flags & O_TRUNC) == 0) return 0;
  int error = drop_set_ids(inode);
  if (error == 0) error = files.log().explain(inode.body()->truncate(0));
  // Also where nothing was in it.
  const timespec times[2] = {{0, UTIME_OMIT}, {0, UTIME_NOW}};
  if (error == 0 && ::utimensat(AT_FDCWD, inode.way().c_str(), times, 0) != 0) error = errno;
  if (error != 0) files.release(files.inodes().hold(inode));
  return error;
}

void do_open(fuse_req_t request, fuse_ino_t ino, fuse_file_info* info) {
  const auto open = [&](FileSystem& files) {
    Inode& inode = files.inode(ino);
    bool kept = false;
    const std::shared_lock opening(files.moves());
    if (const int error = open_inode(files, inode, info->flags, &kept); error != 0) return error;
    return reply_handle(files, files.inodes().hold(inode), info, kept,
                        [&] { return fuse_reply_open(request, info); });
  };
  (info->flags & O_TRUNC) != 0 ? answer_change(request, open) : answer(request, open);
}

// A file that is there already: as if it had been looked up and opened. `name`: that below. REQUIRES: moves() is held
int open_found(fuse_req_t request, FileSystem& files, Inode& parent, const char* name, fuse_file_info* info) {
  fuse_entry_param entry{};
  if (const int error = files.look_up_below(parent, name, &entry); error != 0) return error;
  Inode& inode = files.inode(entry.ino);
  bool kept = false;
  const int error = inode.is_regular() ? open_inode(files, inode, info->flags, &kept) : EEXIST;
  if (error != 0) {
    files.forget(entry.ino, 1);
    return error;
  }
  return reply_handle(files, files.inodes().hold(inode), info, kept, [&] {
    const int answered = fuse_reply_create(request, &entry, info);
    if (answered != 0) files.forget(entry.ino, 1);
    return answered;
  });
}

struct Creation {
  Inode& parent;
  const char* name;
  mode_t mode;
  const fuse_ctx& caller;
};

// 0 with the new file and its body; EEXIST where there is one.
int make_file(FileSystem& files, const Creation& what, Descriptor* file, std::unique_ptr<FileBody>* body) {
  const auto path = files.path_of(what.parent, what.name);
  if (!path.is_ok()) return files.log().explain(path.status());
  // The key first: without one there is to be no file.
  auto prepared = files.contents().prepare(*path);
  if (!prepared.is_ok()) return files.log().explain(prepared.status());
  {
    const AsCaller caller(what.caller);
    *file = Descriptor(::openat(what.parent.fd(), what.name, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
                                caller.mode(what.mode)));
    if (!file->is_open()) return errno;
  }
  Descriptor same(::fcntl(file->get(), F_DUPFD_CLOEXEC, 0));
  if (!same.is_open()) return errno;
  auto begun = (*prepared)->begin(std::move(same));
  if (!begun.is_ok()) return files.log().explain(begun.status());
  *body = std::move(*begun);
  return 0;
}

void do_create(fuse_req_t request, fuse_ino_t parent, const char* asked, mode_t mode, fuse_file_info* info) {
  answer_change(request, [&](FileSystem& files) {
    Inode& directory = files.inode(parent);
    std::string below;
    if (const int refused = files.new_name_below(directory, asked, &below); refused != 0) return refused;
    const char* const name = below.c_str();
    const std::shared_lock opening(files.moves());
    Descriptor file;
    std::unique_ptr<FileBody> body;
    const int error = make_file(files, {directory, name, mode, *fuse_req_ctx(request)}, &file, &body);
    if (error == EEXIST && (info->flags & O_EXCL) == 0) return open_found(request, files, directory, name, info);
    if (error != 0) {
      if (file.is_open()) ::unlinkat(directory.fd(), name, 0);
      return error;
    }
    fuse_entry_param entry{};
    if (const int lost = files.look_up_below(directory, name, &entry); lost != 0) return lost;
    Inode& inode = files.inode(entry.ino);
    inode.adopt(files.contents(), std::move(body));
    entry.attr.st_size = 0;
    return reply_handle(files, files.inodes().hold(inode), info, true, [&] {
      const int answered = fuse_reply_create(request, &entry, info);
      if (answered != 0) files.forget(entry.ino, 1);
      return answered;
    });
  });
}

void do_release(fuse_req_t request, fuse_ino_t, fuse_file_info* info) {
  answer(request, [&](FileSystem& files) {
    files.release(handle_of_file(info).inode);
    files.take_handle(info->fh);
    return 0;
  });
}

void do_read(fuse_req_t request, fuse_ino_t, size_t size, off_t offset, fuse_file_info* info) {
  answer(request, [&](FileSystem& files) {
    // Plaintext passes through it: wiped with what else this process has read, once keys are taken back.
    Scratch scratch(size);
    const auto count = handle_of_file(info).inode->body()->read(static_cast<uint64_t>(offset), scratch.bytes());
    if (!count.is_ok()) return files.log().explain(count.status());
    fuse_reply_buf(request, reinterpret_cast<const char*>(scratch.data()), *count);
    return kAnswered;
  });
}

Status write_bytes(Inode& inode, ByteView data, uint64_t offset, const fuse_file_info& info) {
  const std::shared_ptr<FileBody> body = inode.body();
  // What the kernel writes from its cache has its place; what is appended finds it here.
  if ((info.flags & O_APPEND) != 0 && info.writepage == 0) {
    COFFER_TRY(body->append(data));
  } else {
    COFFER_TRY(body->write(offset, data));
  }
  if ((info.flags & O_DSYNC) == 0 || info.writepage != 0) return Status::ok();
  return body->sync((info.flags & O_SYNC) == O_SYNC);
}

void do_write(fuse_req_t request, fuse_ino_t, const char* data, size_t size, off_t offset, fuse_file_info* info) {
  answer_change(request, [&](FileSystem& files) {
    Inode& inode = *handle_of_file(info).inode;
    if (const int error = drop_set_ids(inode); error != 0) return error;
    const ByteView bytes(reinterpret_cast<const uint8_t*>(data), size);
    const Status done = write_bytes(inode, bytes, static_cast<uint64_t>(offset), *info);
    if (!done.is_ok()) return files.log().explain(done);
    fuse_reply_write(request, size);
    return kAnswered;
  });
}

void do_fsync(fuse_req_t request, fuse_ino_t, int data_only, fuse_file_info* info) {
  answer_change(request, [&](FileSystem& files) {
    return files.log().explain(handle_of_file(info).inode->body()->sync(data_only == 0));
  });
}

// posix_fallocate(), and holes. The kernel lets nobody write to the file meanwhile.
Status change_extent(FileBody& body, int mode, uint64_t offset, uint64_t size) {
  const bool keeps_size = (mode & FALLOC_FL_KEEP_SIZE) != 0;
  const uint64_t end = offset + size;
  if ((mode & (FALLOC_FL_PUNCH_HOLE | FALLOC_FL_ZERO_RANGE)) != 0) {
    const uint64_t before = body.size();
    if (offset < before) COFFER_TRY(body.punch_hole(offset, std::min(end, before) - offset));
  }
  if (end > body.size() && !keeps_size) COFFER_TRY(body.truncate(end));
  if (mode != 0) return Status::ok();
  const Status reserved = body.reserve(end);
  // Where that cannot be had, a full disk is found when it is written to.
  return reserved.code() == Code::kUnsupported ? Status::ok() : reserved;
}

void do_fallocate(fuse_req_t request, fuse_ino_t, int mode, off_t offset, off_t size, fuse_file_info* info) {
  answer_change(request, [&](FileSystem& files) {
    constexpr int kPunch = FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE;
    const bool is_known = mode == 0 || mode == kPunch || (mode & ~FALLOC_FL_KEEP_SIZE) == FALLOC_FL_ZERO_RANGE;
    if (!is_known) return EOPNOTSUPP;
    if (offset < 0 || size <= 0) return EINVAL;
    Inode& inode = *handle_of_file(info).inode;
    if (const int error = drop_set_ids(inode); error != 0) return error;
    return files.log().explain(
        change_extent(*inode.body(), mode, static_cast<uint64_t>(offset), static_cast<uint64_t>(size)));
  });
}

void do_lseek(fuse_req_t request, fuse_ino_t, off_t offset, int whence, fuse_file_info* info) {
  answer(request, [&](FileSystem& files) {
    if (whence != SEEK_DATA && whence != SEEK_HOLE) return EINVAL;
    const std::shared_ptr<FileBody> body = handle_of_file(info).inode->body();
    const auto from = static_cast<uint64_t>(offset);
    if (offset < 0 || from >= body->size()) return ENXIO;
    const auto found = whence == SEEK_DATA ? body->seek_data(from) : body->seek_hole(from);
    if (!found.is_ok()) return files.log().explain(found.status());
    if (whence == SEEK_DATA && *found >= body->size()) return ENXIO;
    fuse_reply_lseek(request, static_cast<off_t>(*found));
    return kAnswered;
  });
}

}  // namespace

void add_data_operations(fuse_lowlevel_ops& ops) {
  ops.open = do_open;
  ops.create = do_create;
  ops.release = do_release;
  ops.read = do_read;
  ops.write = do_write;
  ops.fsync = do_fsync;
  ops.fallocate = do_fallocate;
  ops.lseek = do_lseek;
}

}  // namespace coffer::fusefs
