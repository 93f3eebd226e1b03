// Preloaded into `coffer` by tests: kills the process right before the call COFFER_KILL_AT of those that change
// something on a disk or sync it, counted from 1. With COFFER_KILL_AT=0 the last line on standard error says how many
// there were.
#include <dlfcn.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <csignal>
#include <cstdio>
#include <cstdlib>

namespace {

const char* asked() {
  static const char* const text = std::getenv("COFFER_KILL_AT");
  return text;
}

std::atomic<unsigned long> calls{0};

void step() {
  if (asked() == nullptr) return;
  const unsigned long number = ++calls;
  if (number == std::strtoul(asked(), nullptr, 10)) ::kill(::getpid(), SIGKILL);
}

[[gnu::destructor]] void tell() {
  if (asked() != nullptr && std::strtoul(asked(), nullptr, 10) == 0) ::dprintf(STDERR_FILENO, "%lu\n", calls.load());
}

// The function of the C library that `own` stands before.
template <class Function>
Function* real(Function*, const char* name) {
  return reinterpret_cast<Function*>(::dlsym(RTLD_NEXT, name));
}

}  // namespace

extern "C" {

int rename(const char* from, const char* to) noexcept {
  step();
  return real(&rename, "rename")(from, to);
}
int unlink(const char* path) noexcept {
  step();
  return real(&unlink, "unlink")(path);
}
int remove(const char* path) noexcept {
  step();
  return real(&remove, "remove")(path);
}
int mkdir(const char* path, mode_t mode) noexcept {
  step();
  return real(&mkdir, "mkdir")(path, mode);
}
int fsync(int file) {
  step();
  return real(&fsync, "fsync")(file);
}
int fdatasync(int file) {
  step();
  return real(&fdatasync, "fdatasync")(file);
}
int fchmod(int file, mode_t mode) noexcept {
  step();
  return real(&fchmod, "fchmod")(file, mode);
}
int flock(int file, int operation) noexcept {
  step();
  return real(&flock, "flock")(file, operation);
}
ssize_t pwrite64(int file, const void* bytes, size_t size, off64_t offset) {
  step();
  return real(&pwrite64, "pwrite64")(file, bytes, size, offset);
}
ssize_t pwrite(int file, const void* bytes, size_t size, off_t offset) {
  step();
  return real(&pwrite, "pwrite")(file, bytes, size, offset);
}

}  // extern "C"
