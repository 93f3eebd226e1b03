#include "coffer/cli/pipes.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>

#include "coffer/io/posix_file.h"

namespace coffer::cli {
namespace {

// Of a pipe, whatever else is one. As much as every user may have.
void widen(int descriptor) { (void)::fcntl(descriptor, F_SETPIPE_SZ, int{1} << 20); }

}  // namespace

StreamSink to_output() {
  widen(STDOUT_FILENO);
  return [](ByteView bytes) -> Status {
    while (!bytes.empty()) {
      const ssize_t count =
          posix::retry_interrupted([&] { return ::write(STDOUT_FILENO, bytes.data(), bytes.size()); });
      if (count < 0) return posix::failure("write", "standard output");
      bytes = bytes.subspan(static_cast<size_t>(count));
    }
    return Status::ok();
  };
}

StreamSource from_input() {
  widen(STDIN_FILENO);
  return [](MutableBytes out) -> Result<size_t> {
    size_t done = 0;
    while (done < out.size()) {
      const ssize_t count =
          posix::retry_interrupted([&] { return ::read(STDIN_FILENO, out.data() + done, out.size() - done); });
      if (count < 0) return posix::failure("read", "standard input");
      if (count == 0) break;
      done += static_cast<size_t>(count);
    }
    return done;
  };
}

}  // namespace coffer::cli
