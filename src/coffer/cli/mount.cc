// coffer mount and coffer umount: a directory whose files the coffer protects, for any program.
#include <dlfcn.h>

#include "coffer/base/text.h"
#include "coffer/cli/commands.h"
#include "coffer/cli/console.h"
#include "coffer/cli/launch.h"
#include "coffer/cli/mount_module.h"
#include "coffer/engines/fuse/mountpoint.h"
#include "coffer/engines/fuse/store_lock.h"

namespace coffer::cli {
namespace {

Result<Outcome> run_mount(const Arguments& arguments, Console& console) {
  return call_mount_module("coffer_mount", arguments, console);
}

Result<Outcome> run_umount(const Arguments& arguments, Console& console) {
  COFFER_ASSIGN(const std::string mountpoint, fusefs::canonical_mountpoint(arguments.operand("MOUNTPOINT")));
  const std::optional<fusefs::MountEntry> entry = fusefs::mount_at(mountpoint);
  if (!entry || entry->type != fusefs::kFileSystemType) {
    return {Code::kInvalidArgument, mountpoint + ": no store is mounted there; /proc/mounts lists what is"};
  }
  COFFER_TRY(fusefs::detach_dead_mount(mountpoint));
  if (fusefs::mount_at(mountpoint)) COFFER_TRY(fusefs::take_away_mount(mountpoint, false));
  // Whoever served it has written and closed everything when it lets go of the store.
  COFFER_TRY(fusefs::await_store(entry->source));
  console.answer(Json{{"mountpoint", mountpoint}, {"store", entry->source}},
                 "unmounted " + printable(mountpoint) + "; its files are in " + printable(entry->source) + "\n");
  return Outcome::kDone;
}

}  // namespace

Result<Outcome> call_mount_module(const char* function, const Arguments& arguments, Console& console) {
  COFFER_ASSIGN(const std::string path, find_library("libcoffer_mount.so"));
  void* const module = ::dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  void* const found = module != nullptr ? ::dlsym(module, function) : nullptr;
  if (found != nullptr) return reinterpret_cast<decltype(&coffer_mount)>(found)(arguments, console);
  const char* why = ::dlerror();
  return {Code::kUnsupported, path + " cannot be loaded: " + (why != nullptr ? why : "no reason given") +
                                  "; install the package libfuse3-3"};
}

Command mount_command() {
  return {
      .name = "mount",
      .about = "shows an encrypted directory in clear, as a file system for any program (FUSE)",
      .operands = {coffer_operand(),
                   {"STORE", "the directory with the encrypted files"},
                   {"MOUNTPOINT", "an empty directory, where their contents are seen"}},
      .flags = {{"--foreground", "", "stay, and say on standard error what happens"},
                {"--allow-other", "", "let other users in, each with the rights that the files give them"},
                {"--read-only", "", "nothing can be changed"},
                {"--names", "HOW", "what names of a new, empty store are for ever; clear by default",
                 {"encrypted", "clear"}},
                {"--write-back", "", "gather writes in memory: faster, and see docs/mount.md for its limits"},
                {"--log", "FILE", "say there what happens, instead of to the system's log"},
                root_flag()},
      .examples = {"mount /var/lib/db.coffer /var/lib/db.store /var/lib/db",
                   "mount /var/lib/db.coffer /var/lib/db.store /var/lib/db --allow-other --foreground"},
      .run = run_mount,
  };
}

Command umount_command() {
  return {
      .name = "umount",
      .about = "ends a mount, and returns when everything is written",
      .operands = {{"MOUNTPOINT", "where coffer mount has mounted a store"}},
      .flags = {},
      .examples = {"umount /var/lib/db"},
      .run = run_umount,
  };
}

}  // namespace coffer::cli
