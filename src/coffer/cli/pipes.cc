#include "coffer/cli/pipes.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>

#include "coffer/io/posix_file.h"

namespace coffer::cli {
namespace {

// Of a pipe, whatever else is one. As much as every user may have.
void widen(int descriptor) { (void)::fcntl(descriptor, F_SETPIPE_SZ, int{1} << 20); }

class OutputPipe final : public StreamSink {
 public:
  OutputPipe() { widen(STDOUT_FILENO); }

  Status write(ByteView bytes) override {
    while (!bytes.empty()) {
      const ssize_t count =
          posix::retry_interrupted([&] { return ::write(STDOUT_FILENO, bytes.data(), bytes.size()); });
      if (count < 0) return posix::failure("write", "standard output");
      bytes = bytes.subspan(static_cast<size_t>(count));
    }
    return Status::ok();
  }

  Status write_of_file(const std::string& path, uint64_t offset, ByteView bytes) override {
    if (path != path_) {
      path_ = path;
      file_ = Descriptor(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
    }
    auto at = static_cast<off64_t>(offset);
    while (file_.is_open() && !bytes.empty()) {
      const ssize_t count = posix::retry_interrupted(
          [&] { return ::splice(file_.get(), &at, STDOUT_FILENO, nullptr, bytes.size(), SPLICE_F_MORE); });
      // No pipe, or a file system that does not give its pages.
      if (count <= 0) break;
      bytes = bytes.subspan(static_cast<size_t>(count));
    }
    return write(bytes);
  }

 private:
  std::string path_;
  Descriptor file_;  // of that path
};

}  // namespace

std::unique_ptr<StreamSink> to_output() { return std::make_unique<OutputPipe>(); }

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
