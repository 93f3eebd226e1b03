#include "coffer/config/prompt.h"

#include <termios.h>
#include <unistd.h>

#include <cerrno>

namespace coffer {
namespace {

constexpr uint8_t kInterrupt = 3, kEndOfInput = 4, kBackspace = 8, kKillLine = 21, kDelete = 127;

// Keys arrive one by one and without a trace, Ctrl-C among them: no signal can leave the terminal without echo.
class SilentTerminal {
 public:
  explicit SilentTerminal(int terminal) : terminal_(terminal), changed_(::tcgetattr(terminal, &before_) == 0) {
    if (!changed_) return;
    termios silent = before_;
    silent.c_lflag &= static_cast<tcflag_t>(~(ECHO | ICANON | ISIG));
    silent.c_cc[VMIN] = 1;
    silent.c_cc[VTIME] = 0;
    changed_ = ::tcsetattr(terminal_, TCSAFLUSH, &silent) == 0;
  }
  ~SilentTerminal() {
    if (changed_) ::tcsetattr(terminal_, TCSAFLUSH, &before_);
  }
  SilentTerminal(const SilentTerminal&) = delete;
  SilentTerminal& operator=(const SilentTerminal&) = delete;

  bool is_silent() const { return changed_; }

 private:
  const int terminal_;
  termios before_{};
  bool changed_;
};

void show(int out, std::string_view text) {
  while (!text.empty()) {
    const ssize_t count = ::write(out, text.data(), text.size());
    if (count <= 0) return;  // whoever cannot see the question can still answer it
    text.remove_prefix(static_cast<size_t>(count));
  }
}

// How long UTF-8 is without its last character.
size_t without_last_character(ByteView text) {
  while (!text.empty() && text.back() >> 6 == 2) text = text.first(text.size() - 1);
  return text.empty() ? 0 : text.size() - 1;
}

Result<SecretBytes> read_line(int in, size_t size_max) {
  SecretBytes line(size_max), key(1);
  size_t size = 0;
  while (true) {
    const ssize_t count = ::read(in, key.reveal_mutable().data(), 1);
    if (count < 0 && errno == EINTR) continue;
    const uint8_t typed = count == 1 ? key.reveal()[0] : kEndOfInput;
    if (typed == kInterrupt || typed == kEndOfInput) return {Code::kPermissionDenied, "nothing was entered"};
    if (typed == '\n' || typed == '\r') return SecretBytes::copy_of(line.reveal().first(size));
    if (typed == kKillLine) {
      size = 0;
    } else if (typed == kBackspace || typed == kDelete) {
      size = without_last_character(line.reveal().first(size));
    } else if (size == size_max) {
      return {Code::kLimitExceeded, "more than " + std::to_string(size_max) + " bytes were entered"};
    } else {
      line.reveal_mutable()[size++] = typed;
    }
  }
}

}  // namespace

Result<SecretBytes> ask_secret(int in, int out, std::string_view question, size_t size_max) {
  const SilentTerminal terminal(in);
  if (!terminal.is_silent()) return {Code::kInvalidArgument, "not a terminal: nobody can be asked"};
  show(out, question);
  auto answer = read_line(in, size_max);
  show(out, "\n");
  return answer;
}

}  // namespace coffer
