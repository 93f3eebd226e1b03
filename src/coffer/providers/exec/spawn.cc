#include "coffer/providers/exec/spawn.h"

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>

#include <cerrno>
#include <system_error>
#include <utility>

namespace coffer::exec {
namespace {

constexpr int kFirstFreeDescriptor = 3;

// Above the standard descriptors even in a process that closed them, so that making them the command's closes no other.
Result<Descriptor> above_standard(Descriptor descriptor) {
  if (descriptor.get() >= kFirstFreeDescriptor) return descriptor;
  const int moved = ::fcntl(descriptor.get(), F_DUPFD_CLOEXEC, kFirstFreeDescriptor);
  if (moved < 0) return unavailable("no file descriptor is free", errno);
  return Descriptor(moved);
}

struct SpawnSettings {
  SpawnSettings() : failed(::posix_spawn_file_actions_init(&actions) | ::posix_spawnattr_init(&attributes)) {}
  ~SpawnSettings() {
    ::posix_spawn_file_actions_destroy(&actions);
    ::posix_spawnattr_destroy(&attributes);
  }
  SpawnSettings(const SpawnSettings&) = delete;
  SpawnSettings& operator=(const SpawnSettings&) = delete;

  void prepare(int input, int output, int errors) {
    sigset_t none, ignored_by_hosts;
    ::sigemptyset(&none);
    ::sigemptyset(&ignored_by_hosts);
    for (int signal : {SIGPIPE, SIGCHLD, SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGALRM, SIGUSR1, SIGUSR2}) {
      ::sigaddset(&ignored_by_hosts, signal);
    }
    for (int result : {
             ::posix_spawn_file_actions_adddup2(&actions, input, STDIN_FILENO),
             ::posix_spawn_file_actions_adddup2(&actions, output, STDOUT_FILENO),
             ::posix_spawn_file_actions_adddup2(&actions, errors, STDERR_FILENO),
             ::posix_spawn_file_actions_addclosefrom_np(&actions, kFirstFreeDescriptor),
             ::posix_spawn_file_actions_addchdir_np(&actions, "/"),
             ::posix_spawnattr_setpgroup(&attributes, 0),
             ::posix_spawnattr_setsigmask(&attributes, &none),
             ::posix_spawnattr_setsigdefault(&attributes, &ignored_by_hosts),
             ::posix_spawnattr_setflags(&attributes,
                                        POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF),
         }) {
      if (failed == 0) failed = result;
    }
  }

  posix_spawn_file_actions_t actions;
  posix_spawnattr_t attributes;
  int failed;  // 0 or an error number
};

std::vector<char*> pointers_to(std::vector<std::string>& texts) {
  std::vector<char*> out;
  for (std::string& text : texts) out.push_back(text.data());
  out.push_back(nullptr);
  return out;
}

}  // namespace

Status unavailable(std::string what, int error) {
  return {Code::kProviderUnavailable, std::move(what) + ": " + std::system_category().message(error)};
}

Result<Pipe> make_pipe(Descriptor Pipe::*ours) {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) return unavailable("no pipe could be made", errno);
  Descriptor reading(ends[0]), writing(ends[1]);
  Pipe out;
  COFFER_ASSIGN(out.reading, above_standard(std::move(reading)));
  COFFER_ASSIGN(out.writing, above_standard(std::move(writing)));
  if (::fcntl((out.*ours).get(), F_SETFL, O_NONBLOCK) != 0) return unavailable("a pipe could not be set up", errno);
  return out;
}

// posix_spawn of glibc shares the parent's memory until exec and runs nothing of the parent's in between: no copy of a
// large database's page tables, no locks held by other threads.
Result<pid_t> spawn(std::vector<std::string> arguments, std::vector<std::string> environment,
                    const StandardDescriptors& ends) {
  SpawnSettings settings;
  settings.prepare(ends.input, ends.output, ends.errors);
  pid_t pid = 0;
  if (settings.failed == 0) {
    settings.failed = ::posix_spawn(&pid, arguments.front().c_str(), &settings.actions, &settings.attributes,
                                    pointers_to(arguments).data(), pointers_to(environment).data());
  }
  if (settings.failed != 0) return unavailable("it could not be started", settings.failed);
  return pid;
}

bool Spawned::has_ended() {
  siginfo_t info{};
  if (::waitid(P_PID, static_cast<id_t>(pid_), &info, WEXITED | WNOHANG | WNOWAIT) == 0) return info.si_pid == pid_;
  reaped_by_host_ = errno != EINTR;
  return reaped_by_host_;
}

ProcessEnd Spawned::end() {
  ProcessEnd out;
  const pid_t pid = std::exchange(pid_, -1);
  if (pid <= 0 || reaped_by_host_) return out;
  ::kill(-pid, SIGKILL);
  int status = 0;
  pid_t reaped;
  do reaped = ::waitpid(pid, &status, 0);
  while (reaped < 0 && errno == EINTR);
  if (reaped == pid && WIFEXITED(status)) out.exit_code = WEXITSTATUS(status);
  if (reaped == pid && WIFSIGNALED(status)) out.signal = WTERMSIG(status);
  return out;
}

}  // namespace coffer::exec
