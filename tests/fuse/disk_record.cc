// Preloaded into the daemon of a mount by tests: appends to the file COFFER_RECORD what it changes and syncs below the
// directory COFFER_RECORD_BELOW, in the order in which that happened. power_failure.py reads it.
//
//   record := size u32, what u8, node u64, other u64, number u64, `size` bytes
#include <dlfcn.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include <cstdarg>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <mutex>
#include <string>
#include <string_view>

namespace {

struct [[gnu::packed]] Record {
  uint32_t size;
  char what;
  uint64_t node, other, number;
};

// Held while something is changed and recorded, so that both have the same order.
std::mutex order;
uint64_t syncs = 0;  // that have begun

// The function of the C library that `own` stands before.
template <class Function>
Function* real(Function*, const char* name) {
  return reinterpret_cast<Function*>(::dlsym(RTLD_NEXT, name));
}

void append(char what, uint64_t node, uint64_t other, uint64_t number, std::string_view bytes) {
  static const int file = real(&open, "open")(std::getenv("COFFER_RECORD"), O_WRONLY | O_APPEND | O_CLOEXEC);
  Record record{static_cast<uint32_t>(bytes.size()), what, node, other, number};
  const iovec parts[] = {{&record, sizeof record}, {const_cast<char*>(bytes.data()), bytes.size()}};
  // One call: others append to it as well.
  if (::writev(file, parts, 2) != static_cast<ssize_t>(sizeof record + bytes.size())) std::abort();
}

uint64_t node_of(int file, const char* path = "", int flags = AT_EMPTY_PATH) {
  struct stat st;
  return ::fstatat(file, path, &st, flags) == 0 ? st.st_ino : 0;
}

bool is_recorded(int file) {
  static const char* const below = std::getenv("COFFER_RECORD_BELOW");
  if (below == nullptr || file < 0) return false;
  char path[4096];
  const ssize_t size = ::readlink(("/proc/self/fd/" + std::to_string(file)).c_str(), path, sizeof path);
  const std::string_view name(path, size > 0 ? static_cast<size_t>(size) : 0), store(below);
  return name.starts_with(store) && (name.size() == store.size() || name[store.size()] == '/');
}

// `make` makes a name in a directory: what stands there then is recorded.
template <class Make>
int record_new(int directory, const char* name, char what, const Make& make) {
  if (!is_recorded(directory)) return make();
  const std::lock_guard lock(order);
  const int made = make();
  if (made >= 0) append(what, node_of(directory), node_of(directory, name, AT_SYMLINK_NOFOLLOW), 0, name);
  return made;
}

// Durable is what was there when the sync began.
template <class Sync>
int record_sync(int file, const Sync& sync) {
  if (!is_recorded(file)) return sync();
  uint64_t number = 0;
  {
    const std::lock_guard lock(order);
    append('s', node_of(file), 0, number = ++syncs, {});
  }
  const int done = sync();
  const int error = errno;
  const std::lock_guard lock(order);
  if (done == 0) append('S', node_of(file), 0, number, {});
  errno = error;
  return done;
}

}  // namespace

extern "C" {

ssize_t pwrite(int file, const void* bytes, size_t size, off_t offset) {
  if (!is_recorded(file)) return real(&pwrite, "pwrite")(file, bytes, size, offset);
  const std::lock_guard lock(order);
  const ssize_t done = real(&pwrite, "pwrite")(file, bytes, size, offset);
  if (done > 0) {
    append('w', node_of(file), 0, static_cast<uint64_t>(offset),
           {static_cast<const char*>(bytes), static_cast<size_t>(done)});
  }
  return done;
}

int ftruncate(int file, off_t size) noexcept {
  if (!is_recorded(file)) return real(&ftruncate, "ftruncate")(file, size);
  const std::lock_guard lock(order);
  const int done = real(&ftruncate, "ftruncate")(file, size);
  if (done == 0) append('t', node_of(file), 0, static_cast<uint64_t>(size), {});
  return done;
}

int fsync(int file) {
  return record_sync(file, [&] { return real(&fsync, "fsync")(file); });
}
int fdatasync(int file) {
  return record_sync(file, [&] { return real(&fdatasync, "fdatasync")(file); });
}

int openat(int directory, const char* name, int flags, ...) {
  va_list more;
  va_start(more, flags);
  const mode_t mode = (flags & O_CREAT) != 0 ? va_arg(more, mode_t) : 0;
  va_end(more);
  const auto open_it = [&] { return real(&openat, "openat")(directory, name, flags, mode); };
  return (flags & O_EXCL) != 0 ? record_new(directory, name, 'f', open_it) : open_it();
}
int mknodat(int directory, const char* name, mode_t mode, dev_t device) noexcept {
  return record_new(directory, name, 'f', [&] { return real(&mknodat, "mknodat")(directory, name, mode, device); });
}
int mkdirat(int directory, const char* name, mode_t mode) noexcept {
  return record_new(directory, name, 'd', [&] { return real(&mkdirat, "mkdirat")(directory, name, mode); });
}
int linkat(int from, const char* existing, int directory, const char* name, int flags) noexcept {
  return record_new(directory, name, 'l',
                    [&] { return real(&linkat, "linkat")(from, existing, directory, name, flags); });
}
int unlinkat(int directory, const char* name, int flags) noexcept {
  if (!is_recorded(directory)) return real(&unlinkat, "unlinkat")(directory, name, flags);
  const std::lock_guard lock(order);
  const int done = real(&unlinkat, "unlinkat")(directory, name, flags);
  if (done == 0) append('u', node_of(directory), 0, 0, name);
  return done;
}
int renameat2(int from, const char* old_name, int to, const char* name, unsigned flags) noexcept {
  if (!is_recorded(from)) return real(&renameat2, "renameat2")(from, old_name, to, name, flags);
  if ((flags & RENAME_EXCHANGE) != 0) std::abort();  // no record says that
  const std::lock_guard lock(order);
  const int done = real(&renameat2, "renameat2")(from, old_name, to, name, flags);
  if (done == 0) {
    append('r', node_of(from), node_of(to), std::strlen(old_name), std::string(old_name) + name);
  }
  return done;
}

}  // extern "C"
