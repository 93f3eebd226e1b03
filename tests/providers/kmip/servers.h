// Real and fake KMIP servers on the loopback interface, and certificates for them. Whatever cannot be started is an
// exception, so that a missing server fails a test.
#pragma once

#include <sys/types.h>

#include <memory>
#include <string>
#include <vector>

#include "coffer/net/kmip/client.h"

namespace coffer::kmip {

// ca.pem; server.pem and .key for localhost and 127.0.0.1, elsewhere.pem and .key for another name; client.pem and .key
// (CN coffer) and client.p12; other_client.pem (CN somebody); stranger_ca.pem, stranger.pem and .key, signed by nobody
// we know. Elliptic curves, made by the openssl command, once per process.
const std::string& certificates();

// In memory where there is such a place: PyKMIP's database syncs with every change, and a busy disk makes that slow.
class ServerDirectory {
 public:
  ServerDirectory();
  ~ServerDirectory();
  ServerDirectory(const ServerDirectory&) = delete;
  ServerDirectory& operator=(const ServerDirectory&) = delete;
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

// A child process that ends when this object does, with all it started.
class ServerProcess {
 public:
  // Waits for the line "ready PORT".
  explicit ServerProcess(const std::vector<std::string>& command);
  ~ServerProcess();
  ServerProcess(const ServerProcess&) = delete;
  ServerProcess& operator=(const ServerProcess&) = delete;

  int port() const { return port_; }
  // At once, as a crash would.
  void kill();
  // Stops it where it is: it keeps its port and answers nothing.
  void suspend();
  void resume();
  // A line to its standard input; waits for the line "ok".
  void tell(const std::string& line);

 private:
  pid_t pid_ = -1;
  int input_ = -1;
  int output_ = -1;
  int port_ = 0;
};

std::unique_ptr<ServerProcess> start_pykmip(const std::string& directory, int port = 0);

// The fake server, fresh and with these options: see fake_kmip.py. One process: the next call makes another server of
// it.
ServerProcess& fresh_fake(const std::string& options = "");

// A patient client of a server on this machine, with the certificate NAME of certificates().
GroupSettings loopback_settings(int port, const std::string& certificate = "client");
Client loopback_client(int port);
Client client_of(const GroupSettings& settings);
// "kmip://127.0.0.1:PORT/KEY?…", with the same certificates and with more options.
std::string loopback_uri(int port, const std::string& key, const std::string& certificate, const std::string& options);
// The certificates' part of it: "cert=…&key=…&ca=…".
std::string certificate_options(const std::string& certificate = "client");

}  // namespace coffer::kmip
