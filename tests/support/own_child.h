// This very test program once more, as another process that runs one of its cases: for what takes a process of its own,
// that can be killed.
#pragma once

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <map>
#include <string>

namespace coffer {

class OwnChild {
 public:
  // Runs the cases that `filter` names. `variables` tell them what to do: without those they should skip.
  OwnChild(const std::string& filter, const std::map<std::string, std::string>& variables) {
    int ends[2];
    if (::pipe(ends) != 0) std::abort();
    process_ = ::fork();
    if (process_ < 0) std::abort();
    if (process_ == 0) run(ends, filter, variables);
    ::close(ends[1]);
    output_ = ends[0];
  }
  ~OwnChild() {
    if (process_ > 0) kill();
    ::close(output_);
  }
  OwnChild(const OwnChild&) = delete;
  OwnChild& operator=(const OwnChild&) = delete;

  // One byte of its output; false when it has ended.
  bool read(char* byte) { return ::read(output_, byte, 1) == 1; }
  // Reads up to `mark`, or to the end: then it is false.
  bool wait_for(char mark) {
    char byte = 0;
    while (read(&byte)) {
      if (byte == mark) return true;
    }
    return false;
  }
  // Up to the end of the line, without it; empty when it has ended.
  std::string line() {
    std::string out;
    for (char byte = 0; read(&byte) && byte != '\n';) out += byte;
    return out;
  }
  void send(int signal) { EXPECT_EQ(::kill(process_, signal), 0); }
  // It must still run then. What it has written can still be read.
  void kill() {
    send(SIGKILL);
    const int status = wait();
    EXPECT_TRUE(WIFSIGNALED(status)) << "it ended before it was killed, with status " << WEXITSTATUS(status);
  }
  // As waitpid() has it.
  int wait() {
    int status = -1;
    EXPECT_EQ(::waitpid(process_, &status, 0), process_);
    process_ = -1;
    return status;
  }

 private:
  [[noreturn]] static void run(const int* ends, const std::string& filter,
                               const std::map<std::string, std::string>& variables) {
    ::dup2(ends[1], STDOUT_FILENO);
    ::close(ends[0]);
    ::close(ends[1]);
    for (const auto& [name, value] : variables) ::setenv(name.c_str(), value.c_str(), 1);
    // It runs its cases whichever shard this is.
    ::unsetenv("GTEST_TOTAL_SHARDS");
    ::unsetenv("GTEST_SHARD_INDEX");
    const std::string filter_flag = "--gtest_filter=" + filter;
    // GoogleTest's own output would get between.
    ::execl("/proc/self/exe", "child", filter_flag.c_str(), "--gtest_brief=1", nullptr);
    ::_exit(127);
  }

  pid_t process_ = -1;
  int output_ = -1;
};

}  // namespace coffer
