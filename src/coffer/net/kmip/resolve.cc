#include "coffer/net/kmip/resolve.h"

#include <netdb.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <atomic>
#include <cstring>
#include <mutex>
#include <thread>

namespace coffer::kmip {
namespace {

constexpr int kResolversMax = 8;
constexpr size_t kAddressesMax = 16;

Result<std::vector<SocketAddress>> look_up(const std::string& name, uint16_t port, int flags) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_NUMERICSERV | flags;
  addrinfo* found = nullptr;
  const int error = getaddrinfo(name.c_str(), std::to_string(port).c_str(), &hints, &found);
  if (error != 0) {
    return {Code::kProviderUnavailable, std::string("its name cannot be resolved: ") + gai_strerror(error)};
  }
  std::vector<SocketAddress> out;
  for (const addrinfo* at = found; at != nullptr && out.size() < kAddressesMax; at = at->ai_next) {
    SocketAddress address;
    if (at->ai_addrlen > sizeof address.storage) continue;
    std::memcpy(&address.storage, at->ai_addr, at->ai_addrlen);
    address.size = at->ai_addrlen;
    out.push_back(address);
  }
  freeaddrinfo(found);
  if (out.empty()) return {Code::kProviderUnavailable, "its name has no address"};
  return out;
}

// Shared with the thread that resolves, which may outlive whoever asked.
class Resolution {
 public:
  explicit Resolution(int descriptor) : descriptor_(descriptor) {}
  ~Resolution() { close(descriptor_); }
  Resolution(const Resolution&) = delete;
  Resolution& operator=(const Resolution&) = delete;

  int descriptor() const { return descriptor_; }
  void set(Result<std::vector<SocketAddress>> result) {
    std::lock_guard lock(mutex_);
    result_ = std::move(result);
    const uint64_t one = 1;
    [[maybe_unused]] const ssize_t written = write(descriptor_, &one, sizeof one);
  }
  Result<std::vector<SocketAddress>> take() {
    std::lock_guard lock(mutex_);
    return std::move(result_);
  }

 private:
  const int descriptor_;
  std::mutex mutex_;
  Result<std::vector<SocketAddress>> result_{Code::kProviderUnavailable, "its name is still being resolved"};
};

std::atomic<int> resolvers{0};

}  // namespace

Result<std::vector<SocketAddress>> resolve(const std::string& name, uint16_t port, Deadline deadline,
                                           const Interrupt& interrupt) {
  auto numeric = look_up(name, port, AI_NUMERICHOST);
  if (numeric) return numeric;
  if (resolvers.fetch_add(1) >= kResolversMax) {
    resolvers.fetch_sub(1);
    return {Code::kProviderUnavailable, "its name cannot be resolved: earlier resolutions have not come back"};
  }
  const int descriptor = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  if (descriptor < 0) {
    resolvers.fetch_sub(1);
    return {Code::kIo, "eventfd failed; are there too many open files?"};
  }
  const auto resolution = std::make_shared<Resolution>(descriptor);
  std::thread([resolution, name, port] {
    resolution->set(look_up(name, port, AI_ADDRCONFIG));
    resolvers.fetch_sub(1);
  }).detach();
  COFFER_TRY(wait_until(resolution->descriptor(), Readiness::kReadable, deadline, interrupt)
                 .with_context("its name cannot be resolved"));
  return resolution->take();
}

}  // namespace coffer::kmip
