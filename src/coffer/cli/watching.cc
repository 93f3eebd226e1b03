#include "coffer/cli/watching.h"

#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>

#include <cerrno>
#include <csignal>
#include <cstddef>
#include <cstdlib>
#include <cstring>

#include "coffer/crypto/random.h"

namespace coffer::cli {
namespace {

constexpr int kSignalsPassedOn[] = {SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2};

Status system_failed(const std::string& what) { return {Code::kIo, what + ": " + std::strerror(errno)}; }

// From before there is a child on: none of these may be lost, nor end this process before the program.
class HeldSignals {
 public:
  HeldSignals() {
    sigemptyset(&held_);
    sigaddset(&held_, SIGCHLD);
    for (const int each : kSignalsPassedOn) sigaddset(&held_, each);
    sigprocmask(SIG_BLOCK, &held_, &mask_before_);
    // Where SIGCHLD is ignored nobody can wait for a child.
    struct sigaction by_default {};
    by_default.sa_handler = SIG_DFL;
    sigaction(SIGCHLD, &by_default, &child_before_);
  }
  ~HeldSignals() { restore(); }
  HeldSignals(const HeldSignals&) = delete;
  HeldSignals& operator=(const HeldSignals&) = delete;

  const sigset_t& held() const { return held_; }
  // In the child, which is to begin with what this process began with.
  void restore() const {
    sigaction(SIGCHLD, &child_before_, nullptr);
    sigprocmask(SIG_SETMASK, &mask_before_, nullptr);
  }

 private:
  sigset_t held_, mask_before_;
  struct sigaction child_before_ {};
};

// Becomes the program, or writes why not and ends.
[[noreturn]] void begin(const Program& program, const std::vector<std::string>& words, int why_not, pid_t parent) {
  // As when it was this process itself: who kills this one kills the program.
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (getppid() != parent) raise(SIGKILL);
  const Status failed = become(program, words);
  [[maybe_unused]] const ssize_t written = write(why_not, failed.message().data(), failed.message().size());
  _exit(2);
}

// Ok once the program has begun.
Status begun(int why_not) {
  std::string text;
  char buffer[512];
  for (;;) {
    const ssize_t count = read(why_not, buffer, sizeof buffer);
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) break;
    text.append(buffer, static_cast<size_t>(count));
  }
  return text.empty() ? Status::ok() : Status(Code::kIo, text);
}

int wait_for(pid_t child, const sigset_t& held) {
  for (;;) {
    siginfo_t info{};
    int status = 0;
    if (sigwaitinfo(&held, &info) < 0) continue;
    if (info.si_signo == SIGCHLD) {
      if (waitpid(child, &status, WNOHANG) == child) return status;
    } else if (info.si_code <= 0) {
      // Sent by a process. What comes from the terminal the program has got as well.
      kill(child, info.si_signo);
    }
  }
}

}  // namespace

Result<Reports> Reports::open() {
  Descriptor socket(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!socket.is_open()) return system_failed("cannot make a socket for the plug-in");
  COFFER_ASSIGN(const Id id, random_id());
  const std::string name = "coffer-exec-" + id.hex();
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  name.copy(address.sun_path + 1, sizeof address.sun_path - 1);  // after a 0: in no file system
  const auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + 1 + name.size());
  if (bind(socket.get(), reinterpret_cast<const sockaddr*>(&address), size) != 0) {
    return system_failed("cannot name the socket for the plug-in");
  }
  setenv("COFFER_EXEC_REPORT", name.c_str(), 1);
  return Reports(std::move(socket));
}

bool Reports::any() const {
  char byte = 0;
  return recv(socket_.get(), &byte, 1, MSG_DONTWAIT) == 1;
}

Result<int> run_to_its_end(const Program& program, const std::vector<std::string>& words) {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) return system_failed("cannot run " + words.front());
  Descriptor read_end(ends[0]), write_end(ends[1]);
  const HeldSignals signals;
  const pid_t self = getpid();
  const pid_t child = fork();
  if (child < 0) return system_failed("cannot run " + words.front());
  if (child == 0) {
    signals.restore();
    begin(program, words, write_end.get(), self);
  }
  write_end.close();
  const Status status = begun(read_end.get());
  const int ended = wait_for(child, signals.held());
  COFFER_TRY(status);
  return ended;
}

int end_as(int wait_status) {
  if (!WIFSIGNALED(wait_status)) return WEXITSTATUS(wait_status);
  const int signal = WTERMSIG(wait_status);
  const rlimit none{};
  setrlimit(RLIMIT_CORE, &none);  // the program has left its own
  std::signal(signal, SIG_DFL);
  sigset_t only;
  sigemptyset(&only);
  sigaddset(&only, signal);
  sigprocmask(SIG_UNBLOCK, &only, nullptr);
  raise(signal);
  return 128 + signal;
}

}  // namespace coffer::cli
