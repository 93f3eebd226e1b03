// LD_PRELOAD for RocksDB tools that know nothing of Coffer.
//
// Registers coffer:// for --fs_uri. And where the environment variable COFFER_FS_URI names a coffer, takes the place of
// rocksdb::FileSystem::Default(), so that everything the tool does goes through it. A coffer that cannot be opened ends
// the process: there is no way from here to files in clear. `coffer exec` leaves the first opening to this module, and
// asks for it before the program begins.
#include <dlfcn.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "coffer/base/advice.h"
#include "coffer/engines/rocksdb/coffer_file_system.h"
#include "coffer/engines/rocksdb/default_base.h"
#include "coffer/engines/rocksdb/file_system.h"

namespace {

using SharedFileSystem = std::shared_ptr<rocksdb::FileSystem>;

constexpr const char* kVariable = "COFFER_FS_URI";
// Set by `coffer exec` to the process that is to open the coffer at once, and the limit of file sizes that the process
// had. Not for its children.
constexpr const char* kExecVariable = "COFFER_EXEC";
// The socket at which a `coffer exec` waits for word that the coffer was opened. For children as well.
constexpr const char* kReportVariable = "COFFER_EXEC_REPORT";
constexpr const char* kDefaultSymbol = "_ZN7rocksdb10FileSystem7DefaultEv";

[[noreturn]] void end(const std::string& text) {
  std::fputs(text.c_str(), stderr);
  _exit(2);
}

[[noreturn]] void refuse(const std::string& why) { end("coffer: " + why + "\n"); }

SharedFileSystem original_default() {
  static const auto original = reinterpret_cast<coffer::rocks::DefaultBase>(dlsym(RTLD_NEXT, kDefaultSymbol));
  if (original == nullptr) refuse(std::string(kVariable) + " needs a program that uses librocksdb as a shared library");
  return original();
}

// What `coffer exec` asked for, until it is used. Its keys are not for a process that was forked off meanwhile.
struct OpenedFirst {
  pid_t process = 0;
  SharedFileSystem file_system;
};
OpenedFirst* opened_first = nullptr;

// Is it this process that is to open the coffer at once? Then it may write to files from now on.
bool is_asked() {
  const char* asked = std::getenv(kExecVariable);
  if (asked == nullptr) return false;
  int process = 0;
  unsigned long long file_size_max = 0;
  const bool ours = std::sscanf(asked, "%d %llu", &process, &file_size_max) == 2 && process == getpid();
  unsetenv(kExecVariable);
  rlimit limit{};
  if (!ours || getrlimit(RLIMIT_FSIZE, &limit) != 0) return false;
  limit.rlim_cur = file_size_max;
  setrlimit(RLIMIT_FSIZE, &limit);
  return true;
}

void open_first() {
  const char* uri = std::getenv(kVariable);
  if (!is_asked() || uri == nullptr) return;
  auto file_system = coffer::open_coffer_uri(uri);
  // In the words of the command line: that is whom the user called.
  if (!file_system.is_ok()) end(coffer::report_text(coffer::naming_root_flag(file_system.status())));
  opened_first = new OpenedFirst{getpid(), std::move(*file_system)};
}

// Nothing depends on its arrival but what `coffer exec` says.
void report_opened() {
  const char* name = std::getenv(kReportVariable);
  sockaddr_un address{};
  if (name == nullptr || *name == '\0' || std::strlen(name) >= sizeof address.sun_path) return;
  const int socket = ::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (socket < 0) return;
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path + 1, name, std::strlen(name));
  const auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + 1 + std::strlen(name));
  sendto(socket, "o", 1, MSG_DONTWAIT | MSG_NOSIGNAL, reinterpret_cast<const sockaddr*>(&address), size);
  close(socket);
}

// What was counted since the last look: no destructor does it.
SharedFileSystem saving_usage_at_exit(SharedFileSystem file_system) {
  static coffer::Coffer& coffer = static_cast<coffer::rocks::CofferFileSystem&>(*file_system).coffer();
  std::atexit([] {
    // Who ends has nobody to tell; what is lost is a count.
    [[maybe_unused]] const coffer::Status lost = coffer.usage().save();
    [[maybe_unused]] const coffer::Status also_lost = coffer.file_counts().save();
  });
  return file_system;
}

SharedFileSystem open_from_environment() {
  if (opened_first != nullptr && opened_first->process == getpid()) {
    return saving_usage_at_exit(std::move(opened_first->file_system));
  }
  const char* uri = std::getenv(kVariable);
  if (uri == nullptr || *uri == '\0') return original_default();
  auto file_system = coffer::open_coffer_uri(uri);
  if (!file_system.is_ok()) refuse(file_system.status().to_string());
  report_opened();
  return saving_usage_at_exit(std::move(*file_system));
}

// Before objects of other files are constructed, so there must be none (tests/rocksdb/preload_test.cc).
__attribute__((constructor)) void begin() {
  coffer::rocks::set_default_base(&original_default);
  coffer::register_coffer();
  open_first();
}

}  // namespace

std::shared_ptr<rocksdb::FileSystem> rocksdb::FileSystem::Default() {
  // Opening the coffer may ask RocksDB for the base file system, which begins by asking for the default one.
  thread_local bool opening = false;
  if (opening) return original_default();
  opening = true;
  // Never destroyed, like RocksDB's own: threads may outlive the end of main().
  static auto* const opened = new SharedFileSystem(open_from_environment());
  opening = false;
  return *opened;
}
