// This very test program once more, as another process that runs one of its cases: for what takes a process of its own,
// that can be killed.
#pragma once

#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <map>
#include <string>
#include <vector>

namespace coffer {

class OwnChild {
 public:
  // Runs the cases that `filter` names. `variables` tell them what to do: without those they should skip.
  OwnChild(const std::string& filter, const std::map<std::string, std::string>& variables) {
    int ends[2];
    if (::pipe2(ends, O_CLOEXEC) != 0) std::abort();
    start(ends[1], "--gtest_filter=" + filter, variables);
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
  // Not by fork(): other threads may hold the allocator's locks, and a child that allocates waits for them for ever.
  void start(int output, std::string filter, const std::map<std::string, std::string>& variables) {
    std::vector<std::string> texts;
    for (const auto& [name, value] : variables) texts.push_back(name + "=" + value);
    std::vector<char*> environment;
    for (std::string& text : texts) environment.push_back(text.data());
    for (char** each = environ; *each != nullptr; ++each) {
      const std::string text = *each;
      const std::string name = text.substr(0, text.find('='));
      // It runs its cases whichever shard this is.
      const bool is_left_out = name == "GTEST_TOTAL_SHARDS" || name == "GTEST_SHARD_INDEX" || variables.contains(name);
      if (!is_left_out) environment.push_back(*each);
    }
    environment.push_back(nullptr);
    std::string name = "child", brief = "--gtest_brief=1";  // GoogleTest's own output would get between
    char* const arguments[] = {name.data(), filter.data(), brief.data(), nullptr};
    posix_spawn_file_actions_t actions;
    if (::posix_spawn_file_actions_init(&actions) != 0 ||
        ::posix_spawn_file_actions_adddup2(&actions, output, STDOUT_FILENO) != 0 ||
        ::posix_spawn(&process_, "/proc/self/exe", &actions, nullptr, arguments, environment.data()) != 0) {
      std::abort();
    }
    ::posix_spawn_file_actions_destroy(&actions);
  }

  pid_t process_ = -1;
  int output_ = -1;
};

}  // namespace coffer
