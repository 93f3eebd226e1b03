#include "providers/cloud/raw_server.h"

#include <arpa/inet.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <stdexcept>

namespace coffer {
namespace {

constexpr int kWaitMillis = 5000;

int listen_on_loopback(int& port) {
  const int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  if (bind(listener, reinterpret_cast<sockaddr*>(&address), size) != 0 || listen(listener, 16) != 0 ||
      getsockname(listener, reinterpret_cast<sockaddr*>(&address), &size) != 0) {
    throw std::runtime_error("no port on the loopback interface");
  }
  port = ntohs(address.sin_port);
  return listener;
}

bool is_whole(const std::string& request) {
  const size_t end = request.find("\r\n\r\n");
  if (end == std::string::npos) return false;
  const size_t length = request.find("Content-Length: ");
  size_t body = 0;
  if (length < end) std::from_chars(request.data() + length + 16, request.data() + end, body);
  return request.size() >= end + 4 + body;
}

std::string read_request(int connection) {
  std::string request;
  char piece[4096];
  while (!is_whole(request)) {
    pollfd ready{connection, POLLIN, 0};
    if (poll(&ready, 1, kWaitMillis) <= 0) break;
    const ssize_t size = recv(connection, piece, sizeof piece, 0);
    if (size <= 0) break;
    request.append(piece, static_cast<size_t>(size));
  }
  return request;
}

}  // namespace

RawServer::RawServer(std::vector<RawAnswer> answers) : answers_(std::move(answers)) {
  listener_ = listen_on_loopback(port_);
  thread_ = std::thread([this] { serve(); });
}

RawServer::~RawServer() {
  ending_ = true;
  shutdown(listener_, SHUT_RDWR);
  thread_.join();
  close(listener_);
}

std::vector<std::string> RawServer::requests() const {
  const std::lock_guard lock(mutex_);
  return requests_;
}

void RawServer::serve() {
  for (size_t count = 0; !ending_; ++count) {
    const int connection = accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
    if (connection < 0) continue;
    std::string request = read_request(connection);
    {
      const std::lock_guard lock(mutex_);
      requests_.push_back(std::move(request));
    }
    answer(connection, answers_[std::min(count, answers_.size() - 1)]);
    close(connection);
  }
}

void RawServer::answer(int connection, const RawAnswer& answer) {
  std::this_thread::sleep_for(answer.delay);
  size_t sent = 0;
  while (sent < answer.bytes.size()) {
    const ssize_t size = send(connection, answer.bytes.data() + sent, answer.bytes.size() - sent, MSG_NOSIGNAL);
    if (size <= 0) return;
    sent += static_cast<size_t>(size);
  }
  pollfd gone{connection, POLLIN, 0};
  if (answer.hang) poll(&gone, 1, kWaitMillis);
}

std::string http_answer(int status, const std::string& body, const std::string& headers) {
  return "HTTP/1.1 " + std::to_string(status) + " It is so\r\nContent-Length: " + std::to_string(body.size()) +
         "\r\nConnection: close\r\n" + headers + "\r\n" + body;
}

int closed_port() {
  int port = 0;
  close(listen_on_loopback(port));
  return port;
}

}  // namespace coffer
