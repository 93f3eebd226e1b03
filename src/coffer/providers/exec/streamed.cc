#include "coffer/providers/exec/streamed.h"

#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "coffer/base/pipe_signal.h"
#include "coffer/base/text.h"

namespace coffer::exec {
namespace {

using std::chrono::steady_clock;

constexpr std::chrono::milliseconds kLookInterval(10);
constexpr size_t kPieceSize = size_t{256} << 10;
constexpr size_t kSaidSizeMax = 512;

enum class Moved { kNothing, kSome, kEnd };

// Into `out` what is there now.
Moved read_now(Descriptor& from, MutableBytes out, size_t& count) {
  if (!from.is_open()) return Moved::kEnd;
  ssize_t got;
  do got = ::read(from.get(), out.data(), out.size());
  while (got < 0 && errno == EINTR);
  if (got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) return Moved::kNothing;
  if (got <= 0) {
    from.close();
    return Moved::kEnd;
  }
  count = static_cast<size_t>(got);
  return Moved::kSome;
}

// Whatever happens, its process group is dead before its input is closed.
class StreamedRun {
 public:
  StreamedRun(const StreamedCommand& command, pid_t pid, Descriptor input, Descriptor output, Descriptor errors)
      : command_(command),
        input_(std::move(input)),
        output_(std::move(output)),
        errors_(std::move(errors)),
        piece_(kPieceSize),
        took_all_(!command.source),
        program_(pid) {
    if (took_all_) input_.close();
  }

  Result<StreamedEnd> run() {
    for (auto last_move = steady_clock::now(); !program_.has_ended();) {
      wait();
      COFFER_ASSIGN(const bool moved, move());
      const auto now = steady_clock::now();
      if (moved) last_move = now;
      if (now - last_move < command_.stall_max) continue;
      const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(command_.stall_max).count();
      return {Code::kProviderUnavailable,
              "it took and gave nothing for " + std::to_string(seconds) + " s, and was ended"};
    }
    StreamedEnd end{program_.end(), {}};
    for (bool more = true; more;) {
      COFFER_ASSIGN(more, move_output());  // what it wrote just before its end
    }
    if (end.exit_code == 0 && !took_all_) {
      return {Code::kIo, "it ended before it had taken all its input, and said that this was a success"};
    }
    const std::string_view said = trimmed(said_);
    end.said = excerpt(said.substr(0, said.find('\n')));
    return end;
  }

 private:
  void wait() {
    pollfd waiting[] = {{output_.get(), POLLIN, 0}, {errors_.get(), POLLIN, 0}, {input_.get(), POLLOUT, 0}};
    const bool hears = output_.is_open() || errors_.is_open();
    ::poll(waiting, std::size(waiting), hears ? static_cast<int>(kLookInterval.count()) : 1);
  }

  Result<bool> move() {
    COFFER_ASSIGN(const bool given, move_input());
    COFFER_ASSIGN(const bool taken, move_output());
    return given || taken;
  }

  Result<bool> move_input() {
    if (!input_.is_open()) return false;
    if (rest_.empty()) {
      input_buffer_.resize(kPieceSize);
      COFFER_ASSIGN(const size_t count, command_.source(input_buffer_));
      rest_ = ByteView(input_buffer_).first(count);
      if (count == 0) {
        took_all_ = true;
        input_.close();
        return true;
      }
    }
    const HeldPipeSignal held;
    ssize_t count;
    do count = ::write(input_.get(), rest_.data(), rest_.size());
    while (count < 0 && errno == EINTR);
    if (count < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) return false;
    if (count < 0) {
      input_.close();  // it hears no more; how it ends says why
      return false;
    }
    rest_ = rest_.subspan(static_cast<size_t>(count));
    return true;
  }

  // Of both outputs.
  Result<bool> move_output() {
    size_t count = 0;
    const bool complained = read_now(errors_, piece_, count) == Moved::kSome;
    if (complained && said_.size() < kSaidSizeMax) {
      said_ += as_text(ByteView(piece_).first(std::min(count, kSaidSizeMax)));
    }
    if (read_now(output_, piece_, count) != Moved::kSome) return complained;
    if (command_.sink) COFFER_TRY(command_.sink(ByteView(piece_).first(count)));
    return true;
  }

  const StreamedCommand& command_;
  Descriptor input_;
  Descriptor output_;
  Descriptor errors_;
  Bytes piece_;
  Bytes input_buffer_;
  ByteView rest_;  // of it, that has yet to go
  bool took_all_;
  std::string said_;
  Spawned program_;  // the last: it ends before the others do
};

}  // namespace

Result<StreamedEnd> run_streamed(const StreamedCommand& command) {
  COFFER_ASSIGN(Pipe input, make_pipe(&Pipe::writing));
  COFFER_ASSIGN(Pipe output, make_pipe(&Pipe::reading));
  COFFER_ASSIGN(Pipe errors, make_pipe(&Pipe::reading));
  COFFER_ASSIGN(const pid_t pid,
                spawn(command.arguments, command.environment,
                      {input.reading.get(), output.writing.get(), errors.writing.get()}));
  input.reading.close();
  output.writing.close();
  errors.writing.close();
  return StreamedRun(command, pid, std::move(input.writing), std::move(output.reading), std::move(errors.reading))
      .run();
}

}  // namespace coffer::exec
