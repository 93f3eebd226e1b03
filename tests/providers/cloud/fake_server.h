// A fake key service of this folder as a child process, and what an operator would do to it. Each is as new; the
// process behind it may have served an earlier test. Failures are exceptions, so that they fail a test.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "coffer/base/bytes.h"
#include "io/temporary_directory.h"
#include "providers/kmip/servers.h"

namespace coffer {

class FakeServer {
 public:
  // `script` is one of this folder's; it keeps its keys across stop() and start().
  explicit FakeServer(const std::string& script, std::vector<std::string> arguments = {}, bool tls = false);
  ~FakeServer();

  std::string host() const { return "127.0.0.1:" + std::to_string(port_); }
  // A file in a directory of this server's own, readable for nobody else.
  std::string file(const std::string& name, const std::string& contents) const;

  void stop() { process_.reset(); }
  void start();  // at the same port
  void suspend() {
    process_->suspend();
    serves_again_ = false;
  }
  void resume() { process_->resume(); }

  // {"action": …} and {"kind": …}, as fake_service.py has them. Returns the answer.
  std::string operate(const std::string& json) const { return post("/_fake/do", json); }
  void fault(const std::string& json) {
    post("/_fake/fault", json);
    if (json.find("\"slow\"") != std::string::npos) serves_again_ = false;  // an answer may be under way for long
  }
  // The requests so far, "METHOD PATH" each.
  std::vector<std::string> requests() const;

 private:
  std::string post(const std::string& path, const std::string& json) const;

  std::vector<std::string> arguments_;  // the script, and what it gets
  const bool tls_;
  TemporaryDirectory directory_;
  int port_ = 0;
  bool serves_again_ = true;
  std::unique_ptr<kmip::ServerProcess> process_;
};

// The bytes of the hexadecimal strings of the array `name` in a JSON object.
std::vector<Bytes> bytes_in(const std::string& json, const std::string& name);

}  // namespace coffer
