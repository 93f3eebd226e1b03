// coffer exec --mount: a program, and what it starts, see a store in clear that nobody else sees.
//
//   this process    a namespace of mounts of its own, the mount in it, and the program as its child
//   its other child outside of that namespace: serves the mount, and reads the store where it is
#include <dirent.h>
#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/wait.h>

#include <climits>
#include <thread>

#include "coffer/base/path.h"
#include "coffer/cli/mount_module.h"
#include "coffer/cli/mounting.h"
#include "coffer/cli/watching.h"
#include "coffer/engines/fuse/mountpoint.h"
#include "coffer/io/posix_file.h"

namespace coffer::cli {
namespace {

using fusefs::MountRequest;

// STORE or STORE:DIR. Without DIR the program sees it where it is.
Result<MountRequest> private_request(const Arguments& arguments) {
  const std::string& asked = arguments.value("--mount", "");
  const size_t colon = asked.rfind(':');
  Disk& disk = Disk::posix();
  if (colon == std::string::npos || disk.info(absolute_path(asked)).is_ok()) {
    COFFER_ASSIGN(MountRequest out, mount_request(arguments, asked));
    out.mountpoint = out.store;
    return out;
  }
  COFFER_ASSIGN(MountRequest out, mount_request(arguments, asked.substr(0, colon)));
  COFFER_ASSIGN(out.mountpoint, fusefs::canonical_mountpoint(asked.substr(colon + 1)));
  if (out.mountpoint != out.store) COFFER_TRY(fusefs::check_mountpoint(out.mountpoint, out.store));
  return out;
}

Status write_to(const std::string& path, const std::string& text) {
  const Descriptor file(::open(path.c_str(), O_WRONLY | O_CLOEXEC));
  const bool done = ::write(file.get(), text.data(), text.size()) == static_cast<ssize_t>(text.size());
  return done ? Status::ok() : posix::failure("write", path);
}

// Who is not root may mount in a namespace of users in which they are themselves.
Status become_able_to_mount() {
  if (::geteuid() == 0) return Status::ok();
  const std::string user = std::to_string(::geteuid()), group = std::to_string(::getegid());
  if (::unshare(CLONE_NEWUSER) != 0) {
    return {Code::kPermissionDenied,
            "this system lets only root mount for one program alone; run it as root, or use coffer mount"};
  }
  COFFER_TRY(write_to("/proc/self/setgroups", "deny"));
  COFFER_TRY(write_to("/proc/self/uid_map", user + " " + user + " 1"));
  return write_to("/proc/self/gid_map", group + " " + group + " 1");
}

// `mounted` has it served: before that, whoever looks at it waits.
Status mount_for_this_process(const MountRequest& request, const std::function<bool()>& mounted) {
  char here[PATH_MAX];
  const bool has_directory = ::getcwd(here, sizeof here) != nullptr;
  if (::unshare(CLONE_NEWNS) != 0 || ::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0) {
    return posix::failure("make a namespace for", request.mountpoint);
  }
  COFFER_TRY(fusefs::mount_device(request));
  if (!mounted()) return {Code::kInternal, request.mountpoint + ": the process that was to serve it has ended"};
  // What it was in may be what is under the mount now.
  return !has_directory || ::chdir(here) == 0 ? Status::ok() : posix::failure("change to", here);
}

// A byte from one process to the other says that it is its turn.
struct Turns {
  Descriptor wait, tell;

  bool wait_for() const {
    char byte = 0;
    return posix::retry_interrupted([&] { return ::read(wait.get(), &byte, 1); }) == 1;
  }
  bool give() const { return ::write(tell.get(), "t", 1) == 1; }
};

Result<std::pair<Turns, Turns>> make_turns() {
  int first[2], second[2];
  if (::pipe2(first, O_CLOEXEC) != 0) return posix::failure("make", "a pipe");
  Turns one{Descriptor(first[0]), Descriptor()}, other{Descriptor(), Descriptor(first[1])};
  if (::pipe2(second, O_CLOEXEC) != 0) return posix::failure("make", "a pipe");
  other.wait = Descriptor(second[0]);
  one.tell = Descriptor(second[1]);
  return std::pair(std::move(one), std::move(other));
}

Result<Outcome> serve_for_program(const Arguments& arguments, const MountRequest& request, const Turns& turns,
                                  Console& console) {
  // What the terminal sends is for the program.
  ::setsid();
  COFFER_ASSIGN(auto write, open_mount_log(arguments, console, true));
  fusefs::TroubleLog log(std::move(write));
  ServingSteps steps;
  steps.prepared = [&]() -> Status {
    if (turns.give() && turns.wait_for()) return Status::ok();
    return {Code::kIo, request.mountpoint + ": the process that was to mount it has ended"};
  };
  COFFER_TRY(serve_store(arguments, request, log, steps));
  return Outcome::kDone;
}

// A process that is in this one's namespace of mounts; empty: none.
std::string other_process_here() {
  char here[64], there[64];
  const ssize_t size = ::readlink("/proc/self/ns/mnt", here, sizeof here);
  const std::unique_ptr<DIR, int (*)(DIR*)> processes(::opendir("/proc"), &::closedir);
  while (const dirent* entry = processes != nullptr ? ::readdir(processes.get()) : nullptr) {
    const std::string name = entry->d_name;
    if (name[0] < '0' || name[0] > '9' || name == std::to_string(::getpid())) continue;
    const ssize_t found = ::readlink(("/proc/" + name + "/ns/mnt").c_str(), there, sizeof there);
    if (found > 0 && found == size && std::equal(here, here + size, there)) return name;
  }
  return {};
}

// What the program has started and left behind would write to the store itself, in clear, once the mount is gone: it
// stays until they are gone.
void await_others(const MountRequest& request, Console& console) {
  constexpr std::chrono::milliseconds kInterval{50};
  std::string process = other_process_here();
  if (!process.empty()) {
    console.note("process " + process + ", which the program has started, still runs; " + request.mountpoint +
                 " stays until it ends");
  }
  for (; !process.empty(); process = other_process_here()) std::this_thread::sleep_for(kInterval);
}

Result<int> end_mount(const MountRequest& request, pid_t server, Console& console) {
  await_others(request, console);
  [[maybe_unused]] const int moved = ::chdir("/");
  COFFER_TRY(fusefs::take_away_mount(request.mountpoint, false));
  int ended = 0;
  posix::retry_interrupted([&] { return ::waitpid(server, &ended, 0); });
  return ended;
}

Result<Outcome> run_in_mount(const Arguments& arguments, const MountRequest& request, pid_t server, const Turns& turns,
                             Console& console) {
  if (!turns.wait_for()) {
    // It has said why.
    int ended = 0;
    posix::retry_interrupted([&] { return ::waitpid(server, &ended, 0); });
    if (WIFEXITED(ended) && WEXITSTATUS(ended) != 0) return static_cast<Outcome>(WEXITSTATUS(ended));
    return {Code::kInternal, request.mountpoint + ": the process that was to serve it has ended before it did"};
  }
  COFFER_TRY(mount_for_this_process(request, [&] { return turns.give(); }));
  const auto ended = run_to_its_end(Program{arguments.program().front()}, arguments.program());
  COFFER_ASSIGN(const int served, end_mount(request, server, console));
  COFFER_TRY(ended.status());
  if (!WIFEXITED(served) || WEXITSTATUS(served) != 0) {
    return {Code::kIo, request.store + ": its mount did not end well, and has said why; repeat what was not synced"};
  }
  COFFER_TRY(console.finish());
  return static_cast<Outcome>(end_as(*ended));
}

Result<Outcome> exec_mounted(const Arguments& arguments, Console& console) {
  COFFER_ASSIGN(MountRequest request, private_request(arguments));
  COFFER_TRY(become_able_to_mount());
  const Descriptor device(::open("/dev/fuse", O_RDWR | O_CLOEXEC));
  if (!device.is_open()) return posix::failure("open", "/dev/fuse");
  request.device = device.get();
  COFFER_ASSIGN(auto turns, make_turns());
  const pid_t server = ::fork();
  if (server < 0) return posix::failure("start", "a process");
  Turns& mine = server == 0 ? turns.first : turns.second;
  Turns& others = server == 0 ? turns.second : turns.first;
  others.wait.close();
  others.tell.close();
  if (server == 0) return serve_for_program(arguments, request, mine, console);
  return run_in_mount(arguments, request, server, mine, console);
}

}  // namespace
}  // namespace coffer::cli

coffer::Result<coffer::cli::Outcome> coffer_exec_mounted(const coffer::cli::Arguments& arguments,
                                                         coffer::cli::Console& console) {
  return coffer::cli::exec_mounted(arguments, console);
}
