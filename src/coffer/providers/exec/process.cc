#include "coffer/providers/exec/process.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <system_error>

#include "coffer/base/deadline.h"
#include "coffer/io/descriptor.h"

namespace coffer::exec {
namespace {

// How long a look at the command's end may be late when its output does not tell.
constexpr std::chrono::milliseconds kTick(10);
constexpr int kFirstFreeDescriptor = 3;
constexpr int kReadsAtOnce = 64;

Status unavailable(std::string what, int error) {
  return {Code::kProviderUnavailable, std::move(what) + ": " + std::system_category().message(error)};
}

struct Pipe {
  Descriptor reading;
  Descriptor writing;
};

// Above the standard descriptors even in a process that closed them, so that making them the command's closes no other.
Result<Descriptor> above_standard(Descriptor descriptor) {
  if (descriptor.get() >= kFirstFreeDescriptor) return descriptor;
  const int moved = ::fcntl(descriptor.get(), F_DUPFD_CLOEXEC, kFirstFreeDescriptor);
  if (moved < 0) return unavailable("no file descriptor is free", errno);
  return Descriptor(moved);
}

// `ours` is the end that this process uses, without ever waiting for it.
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

// The whole input, in the pipe before anybody reads it: nothing to wait for, and no SIGPIPE for the host process.
Result<Descriptor> filled_pipe(const SecretBytes& input) {
  if (input.size() > kInputSizeMax) return {Code::kLimitExceeded, "a request of more than 4096 bytes"};
  COFFER_ASSIGN(Pipe pipe, make_pipe(&Pipe::writing));
  const ssize_t written = ::write(pipe.writing.get(), input.reveal().data(), input.size());
  if (written != static_cast<ssize_t>(input.size())) return unavailable("the request could not be written", errno);
  return std::move(pipe.reading);
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

// posix_spawn of glibc shares the parent's memory until exec and runs nothing of the parent's in between: no copy of a
// large database's page tables, no locks held by other threads.
Result<pid_t> spawn(const ProcessRequest& request, int input, int output, int errors) {
  std::vector<std::string> arguments = request.arguments, environment = request.environment;
  SpawnSettings settings;
  settings.prepare(input, output, errors);
  pid_t pid = 0;
  if (settings.failed == 0) {
    settings.failed = ::posix_spawn(&pid, arguments.front().c_str(), &settings.actions, &settings.attributes,
                                    pointers_to(arguments).data(), pointers_to(environment).data());
  }
  if (settings.failed != 0) return unavailable("it could not be started", settings.failed);
  return pid;
}

// One of the command's two outputs. The end is kept, or the beginning, by what is wanted of it.
class Stream {
 public:
  Stream(Descriptor descriptor, size_t size_max, bool keeps_end)
      : descriptor_(std::move(descriptor)), kept_(size_max + 1), size_max_(size_max), keeps_end_(keeps_end) {}

  int descriptor() const { return descriptor_.get(); }
  bool is_open() const { return descriptor_.is_open(); }
  bool is_too_long() const { return !keeps_end_ && size_ > size_max_; }
  SecretBytes kept() const { return SecretBytes::copy_of(kept_.reveal().first(std::min(size_, size_max_))); }

  // Takes what is there now; of one who writes without end, some.
  void read_some() {
    for (int round = 0; round < kReadsAtOnce && is_open() && !is_too_long(); ++round) {
      if (keeps_end_ && size_ > size_max_ / 2) forget_first_half();
      MutableBytes room = kept_.reveal_mutable().subspan(size_);
      const ssize_t count = ::read(descriptor_.get(), room.data(), room.size());
      if (count < 0 && errno == EINTR) continue;
      if (count < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) return;
      if (count <= 0) {
        descriptor_.close();
        return;
      }
      size_ += static_cast<size_t>(count);
    }
  }

 private:
  void forget_first_half() {
    MutableBytes all = kept_.reveal_mutable();
    const size_t dropped = size_ - size_max_ / 2;
    std::copy(all.begin() + static_cast<ptrdiff_t>(dropped), all.begin() + static_cast<ptrdiff_t>(size_), all.begin());
    size_ -= dropped;
  }

  Descriptor descriptor_;
  SecretBytes kept_;
  const size_t size_max_;
  const bool keeps_end_;
  size_t size_ = 0;
};

// A command that runs. Whatever happens, its process group is dead and it is reaped when this is destroyed.
class Running {
 public:
  Running(pid_t pid, Stream output, Stream errors)
      : pid_(pid), output_(std::move(output)), errors_(std::move(errors)) {}
  ~Running() { finish(); }
  Running(const Running&) = delete;
  Running& operator=(const Running&) = delete;

  Result<ProcessResult> wait_until(Deadline deadline, std::chrono::milliseconds time_max) {
    while (!has_ended()) {
      const auto left = left_until(deadline);
      if (left.count() <= 0) {
        return {Code::kProviderUnavailable, "it gave no answer within " + std::to_string(time_max.count()) +
                                                " ms and was ended (option timeout_millis)"};
      }
      wait_for_output(std::min(left, kTick));
      if (output_.is_too_long()) return {Code::kLimitExceeded, "it wrote more than 64 KiB"};
    }
    output_.read_some();  // what it wrote just before its end
    errors_.read_some();
    if (output_.is_too_long()) return {Code::kLimitExceeded, "it wrote more than 64 KiB"};
    finish();
    result_.output = output_.kept();
    result_.error_tail = errors_.kept();
    return std::move(result_);
  }

 private:
  void wait_for_output(std::chrono::milliseconds time) {
    // poll() passes over what is closed. Once both are, the end is near: look for it more often.
    pollfd waiting[] = {{output_.descriptor(), POLLIN, 0}, {errors_.descriptor(), POLLIN, 0}};
    if (!output_.is_open() && !errors_.is_open()) time = std::min(time, std::chrono::milliseconds(1));
    if (::poll(waiting, std::size(waiting), static_cast<int>(time.count())) <= 0) return;
    output_.read_some();
    errors_.read_some();
  }

  // Leaves it unreaped, so that its number, which is its group's, stays its own.
  bool has_ended() {
    siginfo_t info{};
    if (::waitid(P_PID, static_cast<id_t>(pid_), &info, WEXITED | WNOHANG | WNOWAIT) != 0) {
      if (errno == EINTR) return false;
      reaped_by_host_ = true;  // ECHILD: SIGCHLD is ignored, or somebody else waits for every child
      return true;
    }
    return info.si_pid == pid_;
  }

  void finish() {
    if (pid_ <= 0) return;
    if (!reaped_by_host_) {
      ::kill(-pid_, SIGKILL);  // it and what it left running
      int status = 0;
      pid_t reaped;
      do reaped = ::waitpid(pid_, &status, 0);
      while (reaped < 0 && errno == EINTR);
      if (reaped == pid_ && WIFEXITED(status)) result_.exit_code = WEXITSTATUS(status);
      if (reaped == pid_ && WIFSIGNALED(status)) result_.signal = WTERMSIG(status);
    }
    pid_ = -1;
  }

  pid_t pid_;
  Stream output_;
  Stream errors_;
  bool reaped_by_host_ = false;
  ProcessResult result_;
};

}  // namespace

Result<ProcessResult> run_process(const ProcessRequest& request) {
  const Deadline deadline = deadline_in(request.time_max);
  COFFER_ASSIGN(Descriptor input, filled_pipe(request.input));
  COFFER_ASSIGN(Pipe output, make_pipe(&Pipe::reading));
  COFFER_ASSIGN(Pipe errors, make_pipe(&Pipe::reading));
  COFFER_ASSIGN(const pid_t pid, spawn(request, input.get(), output.writing.get(), errors.writing.get()));
  input.close();
  output.writing.close();
  errors.writing.close();
  Running running(pid, Stream(std::move(output.reading), kOutputSizeMax, /*keeps_end=*/false),
                  Stream(std::move(errors.reading), kErrorTailSize, /*keeps_end=*/true));
  return running.wait_until(deadline, request.time_max);
}

}  // namespace coffer::exec
