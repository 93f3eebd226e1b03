// Asking for a PIN, at a terminal of the test's own.
#include "coffer/config/prompt.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <pty.h>
#include <termios.h>
#include <unistd.h>

#include <thread>

#include "coffer/providers/registry.h"
#include "providers/pkcs11/soft_token.h"

namespace coffer {
namespace {

using testing::HasSubstr;
using testing::Not;

class Terminal {
 public:
  Terminal() {
    if (::openpty(&outside, &inside, nullptr, nullptr, nullptr) != 0) throw std::runtime_error("no terminal");
  }
  ~Terminal() {
    ::close(inside);
    ::close(outside);
  }
  Terminal(const Terminal&) = delete;
  Terminal& operator=(const Terminal&) = delete;

  // What a person sees: until `text` has come, or nothing more comes.
  std::string seen_until(const std::string& text) {
    while (seen.find(text) == std::string::npos) {
      pollfd ready{outside, POLLIN, 0};
      if (::poll(&ready, 1, 5000) != 1) break;
      char bytes[256];
      const ssize_t count = ::read(outside, bytes, sizeof bytes);
      if (count <= 0) break;
      seen.append(bytes, static_cast<size_t>(count));
    }
    return seen;
  }
  void type(const std::string& keys) { EXPECT_EQ(::write(outside, keys.data(), keys.size()), ssize_t(keys.size())); }
  bool echoes() const {
    termios state{};
    ::tcgetattr(inside, &state);
    return (state.c_lflag & ECHO) != 0;
  }

  int outside = -1, inside = -1;
  std::string seen;
};

Result<SecretBytes> answer_to(Terminal& terminal, const std::string& keys) {
  std::thread person([&] {
    terminal.seen_until("PIN: ");
    terminal.type(keys);
  });
  auto answer = ask_secret(terminal.inside, terminal.inside, "PIN: ", 255);
  person.join();
  return answer;
}

TEST(SecretPrompt, TakesALineWithoutShowingIt) {
  Terminal terminal;
  auto answer = answer_to(terminal, "12x\x7f" "34\r");
  ASSERT_TRUE(answer.is_ok()) << answer.status().to_string();
  EXPECT_EQ(as_text(answer->reveal()), "1234");
  EXPECT_THAT(terminal.seen_until("\n"), Not(HasSubstr("1")));
  EXPECT_TRUE(terminal.echoes()) << "as it was before";
}

TEST(SecretPrompt, CtrlUBeginsAnewAndBackspaceAtTheBeginningIsNothing) {
  Terminal terminal;
  auto answer = answer_to(terminal, "wrong\x15\b\b12\n");
  ASSERT_TRUE(answer.is_ok());
  EXPECT_EQ(as_text(answer->reveal()), "12");
}

TEST(SecretPrompt, CtrlCAndCtrlDGiveUpAndLeaveTheTerminalAsItWas) {
  for (const char* keys : {"12\x03", "12\x04"}) {
    Terminal terminal;
    EXPECT_EQ(answer_to(terminal, keys).code(), Code::kPermissionDenied);
    EXPECT_TRUE(terminal.echoes());
  }
}

TEST(SecretPrompt, AnAnswerWithoutEndIsCutOff) {
  Terminal terminal;
  EXPECT_EQ(answer_to(terminal, std::string(256, 'a')).code(), Code::kLimitExceeded);
  Terminal other;
  EXPECT_EQ(answer_to(other, std::string(255, 'a') + "\n")->size(), 255u);
}

TEST(SecretPrompt, NobodyIsAskedWhereThereIsNoTerminal) {
  int pipe[2];
  ASSERT_EQ(::pipe(pipe), 0);
  EXPECT_EQ(ask_secret(pipe[0], pipe[1], "PIN: ", 255).code(), Code::kInvalidArgument);
  ::close(pipe[0]);
  ::close(pipe[1]);
}

// Standard input and error of this process, for the time of a test.
class StandardStreams {
 public:
  StandardStreams(int in, int error) : in_(::dup(0)), error_(::dup(2)) {
    ::dup2(in, 0);
    ::dup2(error, 2);
  }
  ~StandardStreams() {
    ::dup2(in_, 0);
    ::dup2(error_, 2);
    ::close(in_);
    ::close(error_);
  }
  StandardStreams(const StandardStreams&) = delete;
  StandardStreams& operator=(const StandardStreams&) = delete;

 private:
  const int in_, error_;
};

TEST(Pkcs11Prompt, ThePinIsAskedForOnceAndAskedForAgainAfterItWasWrong) {
  SoftToken token;
  token.generate("k", {1});
  const std::string uri = token.uri("k").substr(0, token.uri("k").find("&pin-source"));
  Terminal terminal;
  Status wrong, right, again;
  {
    const StandardStreams streams(terminal.inside, terminal.inside);
    std::thread person([&] {
      terminal.seen_until("PIN of token " + token.label() + ": ");
      terminal.type("0000\n");
      terminal.seen_until("\n");
      terminal.seen.clear();
      terminal.seen_until("PIN of token " + token.label() + ": ");
      terminal.type(std::string(SoftToken::kPin) + "\n");
    });
    wrong = open_provider(uri).value()->current().status();
    right = open_provider(uri).value()->current().status();
    person.join();
    again = open_provider(uri).value()->current().status();
  }
  EXPECT_EQ(wrong.code(), Code::kPermissionDenied) << "and not asked again by itself";
  EXPECT_TRUE(right.is_ok()) << right.to_string();
  EXPECT_TRUE(again.is_ok()) << again.to_string();
}

TEST(Pkcs11Prompt, WithoutATerminalTheErrorSaysWhatToConfigure) {
  SoftToken token;
  token.generate("k", {1});
  const std::string uri = token.uri("k").substr(0, token.uri("k").find("&pin-source"));
  const int null = ::open("/dev/null", O_RDWR);
  Status status;
  {
    const StandardStreams streams(null, 2);
    status = open_provider(uri).value()->current().status();
  }
  ::close(null);
  EXPECT_EQ(status.code(), Code::kPermissionDenied);
  EXPECT_THAT(std::string(status.message()), HasSubstr("pin-source=file:/PATH"));
}

}  // namespace
}  // namespace coffer
