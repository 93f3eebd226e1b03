// An open file, pipe or socket of this process, closed when its owner goes.
#pragma once

#include <unistd.h>

#include <atomic>

namespace coffer {

class Descriptor {
 public:
  Descriptor() = default;
  explicit Descriptor(int fd) : fd_(fd) {}
  Descriptor(Descriptor&& other) noexcept : fd_(other.release()) {}
  Descriptor& operator=(Descriptor&& other) noexcept {
    const int fd = other.release();
    close();
    fd_ = fd;
    return *this;
  }
  ~Descriptor() { close(); }

  // -1 once it is closed or released.
  int get() const { return fd_.load(std::memory_order_relaxed); }
  bool is_open() const { return get() >= 0; }
  int release() { return fd_.exchange(-1); }
  void close() {
    if (const int fd = release(); fd >= 0) ::close(fd);
  }

 private:
  std::atomic<int> fd_{-1};  // one thread may close it while another asks for it
};

}  // namespace coffer
