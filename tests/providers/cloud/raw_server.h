// A server on the loopback interface that answers each connection with bytes prepared beforehand, whatever was asked.
#pragma once

#include <atomic>
#include <chrono>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

namespace coffer {

struct RawAnswer {
  std::string bytes;
  std::chrono::milliseconds delay{0};  // before the first byte
  bool hang = false;                   // keeps the connection open after the last byte until the other side closes
};

class RawServer {
 public:
  // The last answer is given again and again.
  explicit RawServer(std::vector<RawAnswer> answers);
  ~RawServer();
  RawServer(const RawServer&) = delete;
  RawServer& operator=(const RawServer&) = delete;

  std::string url(const std::string& path = "/") const { return "http://127.0.0.1:" + std::to_string(port_) + path; }
  int port() const { return port_; }
  // The requests so far, headers and bodies.
  std::vector<std::string> requests() const;

 private:
  void serve();
  void answer(int connection, const RawAnswer& answer);

  const std::vector<RawAnswer> answers_;
  int listener_ = -1;
  int port_ = 0;
  std::atomic<bool> ending_{false};
  mutable std::mutex mutex_;
  std::vector<std::string> requests_;
  std::thread thread_;
};

// HTTP/1.1 with the length of the body; `headers` end with \r\n each.
std::string http_answer(int status, const std::string& body, const std::string& headers = "");
// A port that nobody listens on.
int closed_port();

}  // namespace coffer
