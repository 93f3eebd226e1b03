#include "coffer/engines/fuse/set_ids.h"

#include <fcntl.h>
#include <linux/fuse.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include <cstring>

namespace coffer::fusefs {
namespace {

// Of the request that a thread has received last, which is the one that it is at work on.
struct Received {
  bool drops_set_ids = false;
  bool is_greeting = false;  // by a kernel that leaves them to the file system, if it is told to
};
thread_local constinit Received received;

// What stands at the beginning of `bytes`; zeros where they are too short.
template <class T>
T leading(ByteView bytes) {
  T out{};
  if (bytes.size() >= sizeof out) std::memcpy(&out, bytes.data(), sizeof out);
  return out;
}

Received look_at(ByteView request) {
  const auto header = leading<fuse_in_header>(request);
  const ByteView rest = request.subspan(std::min(request.size(), sizeof header));
  switch (header.opcode) {
    case FUSE_INIT: return {.is_greeting = (leading<fuse_init_in>(rest).flags & FUSE_HANDLE_KILLPRIV_V2) != 0};
    case FUSE_WRITE:
      return {.drops_set_ids = (leading<fuse_write_in>(rest).write_flags & FUSE_WRITE_KILL_SUIDGID) != 0};
    case FUSE_SETATTR: return {.drops_set_ids = (leading<fuse_setattr_in>(rest).valid & FATTR_KILL_SUIDGID) != 0};
    case FUSE_OPEN: return {.drops_set_ids = (leading<fuse_open_in>(rest).open_flags & FUSE_OPEN_KILL_SUIDGID) != 0};
    case FUSE_CREATE:
      return {.drops_set_ids = (leading<fuse_create_in>(rest).open_flags & FUSE_OPEN_KILL_SUIDGID) != 0};
    case FUSE_FALLOCATE: return {.drops_set_ids = header.uid != 0};  // of these nothing is said
    default: return {};
  }
}

ssize_t receive(int device, void* buffer, size_t size, void*) {
  const ssize_t count = ::read(device, buffer, size);
  if (count > 0) received = look_at({static_cast<const uint8_t*>(buffer), static_cast<size_t>(count)});
  return count;
}

// The answer to the greeting is the header and what the file system wants, to which this is added.
ssize_t send(int device, iovec* parts, int count, void*) {
  constexpr size_t kFlagsAt = offsetof(fuse_init_out, flags);
  uint32_t flags = 0;
  if (received.is_greeting && count == 2 && parts[1].iov_len >= kFlagsAt + sizeof flags) {
    auto* const at = static_cast<uint8_t*>(parts[1].iov_base) + kFlagsAt;
    std::memcpy(&flags, at, sizeof flags);
    flags |= FUSE_HANDLE_KILLPRIV_V2;
    std::memcpy(at, &flags, sizeof flags);
  }
  return ::writev(device, parts, count);
}

}  // namespace

Status look_after_set_ids(fuse_session* session) {
  fuse_custom_io io{};
  io.read = receive;
  io.writev = send;
  if (fuse_session_custom_io(session, &io, fuse_session_fd(session)) == 0) return Status::ok();
  return {Code::kInternal, "libfuse lets nobody read what it receives"};
}

int drop_set_ids(const Inode& inode) {
  if (!received.drops_set_ids) return 0;
  struct stat st;
  if (::fstatat(inode.fd(), "", &st, AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW) != 0) return errno;
  constexpr mode_t kSetIds = S_ISUID | S_ISGID;
  if ((st.st_mode & kSetIds) == 0 || ::chmod(inode.way().c_str(), st.st_mode & 07777 & ~kSetIds) == 0) return 0;
  // Who may not change the mode has no CAP_FSETID either: the file system below takes them away.
  return errno == EPERM ? 0 : errno;
}

}  // namespace coffer::fusefs
