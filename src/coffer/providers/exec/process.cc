#include "coffer/providers/exec/process.h"

#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "coffer/base/deadline.h"

namespace coffer::exec {
namespace {

// How long a look at the command's end may be late when its output does not tell.
constexpr std::chrono::milliseconds kTick(10);
constexpr int kReadsAtOnce = 64;

// The whole input, in the pipe before anybody reads it: nothing to wait for, and no SIGPIPE for the host process.
Result<Descriptor> filled_pipe(const SecretBytes& input) {
  if (input.size() > kInputSizeMax) return {Code::kLimitExceeded, "a request of more than 4096 bytes"};
  COFFER_ASSIGN(Pipe pipe, make_pipe(&Pipe::writing));
  const ssize_t written = ::write(pipe.writing.get(), input.reveal().data(), input.size());
  if (written != static_cast<ssize_t>(input.size())) return unavailable("the request could not be written", errno);
  return std::move(pipe.reading);
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
      : output_(std::move(output)), errors_(std::move(errors)), program_(pid) {}

  Result<ProcessResult> wait_until(Deadline deadline, std::chrono::milliseconds time_max) {
    while (!program_.has_ended()) {
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
    return ProcessResult{program_.end(), output_.kept(), errors_.kept()};
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

  Stream output_;
  Stream errors_;
  Spawned program_;
};

}  // namespace

Result<ProcessResult> run_process(const ProcessRequest& request) {
  const Deadline deadline = deadline_in(request.time_max);
  COFFER_ASSIGN(Descriptor input, filled_pipe(request.input));
  COFFER_ASSIGN(Pipe output, make_pipe(&Pipe::reading));
  COFFER_ASSIGN(Pipe errors, make_pipe(&Pipe::reading));
  COFFER_ASSIGN(const pid_t pid,
                 spawn(request.arguments, request.environment,
                       {input.get(), output.writing.get(), errors.writing.get()}));
  input.close();
  output.writing.close();
  errors.writing.close();
  Running running(pid, Stream(std::move(output.reading), kOutputSizeMax, /*keeps_end=*/false),
                  Stream(std::move(errors.reading), kErrorTailSize, /*keeps_end=*/true));
  return running.wait_until(deadline, request.time_max);
}

}  // namespace coffer::exec
