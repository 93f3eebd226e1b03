// LD_PRELOAD for RocksDB tools that know nothing of Coffer.
//
// Registers coffer:// for --fs_uri. And where the environment variable COFFER_FS_URI names a coffer, takes the place of
// rocksdb::FileSystem::Default(), so that everything the tool does goes through it. A coffer that cannot be opened ends
// the process: there is no way from here to files in clear.
#include <dlfcn.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>

#include "coffer/engines/rocksdb/default_base.h"
#include "coffer/engines/rocksdb/file_system.h"

namespace {

using SharedFileSystem = std::shared_ptr<rocksdb::FileSystem>;

constexpr const char* kVariable = "COFFER_FS_URI";
constexpr const char* kDefaultSymbol = "_ZN7rocksdb10FileSystem7DefaultEv";

[[noreturn]] void refuse(const std::string& why) {
  std::fprintf(stderr, "coffer: %s\n", why.c_str());
  _exit(2);
}

SharedFileSystem original_default() {
  static const auto original = reinterpret_cast<coffer::rocks::DefaultBase>(dlsym(RTLD_NEXT, kDefaultSymbol));
  if (original == nullptr) refuse(std::string(kVariable) + " needs a program that uses librocksdb as a shared library");
  return original();
}

SharedFileSystem open_from_environment() {
  const char* uri = std::getenv(kVariable);
  if (uri == nullptr || *uri == '\0') return original_default();
  auto file_system = coffer::open_coffer_uri(uri);
  if (!file_system.is_ok()) refuse(file_system.status().to_string());
  return *file_system;
}

__attribute__((constructor)) void register_scheme() {
  coffer::rocks::set_default_base(&original_default);
  coffer::register_coffer();
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
