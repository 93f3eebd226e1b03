#include "providers/kmip/servers.h"

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <stdexcept>

#include "coffer_test_paths.h"
#include "io/temporary_directory.h"

extern char** environ;

namespace coffer::kmip {
namespace {

void run(const std::string& command) {
  if (std::system(command.c_str()) != 0) throw std::runtime_error("failed: " + command);
}

void make_ca(const std::string& directory, const std::string& name) {
  run("openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 3650 -subj '/CN=" + name +
      "' -addext basicConstraints=critical,CA:TRUE -addext keyUsage=critical,keyCertSign,cRLSign -keyout " + directory +
      "/" + name + ".key -out " + directory + "/" + name + ".pem 2>/dev/null");
}

void make_leaf(const std::string& directory, const std::string& ca, const std::string& name, const std::string& subject,
               const std::string& extensions) {
  const std::string base = directory + "/" + name;
  run("openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj '/CN=" + subject + "' -keyout " + base +
      ".key -out " + base + ".csr 2>/dev/null && printf '" + extensions + "' > " + base +
      ".ext && openssl x509 -req -in " + base + ".csr -CA " + directory + "/" + ca + ".pem -CAkey " + directory + "/" +
      ca + ".key -CAcreateserial -days 3650 -extfile " + base + ".ext -out " + base + ".pem 2>/dev/null && chmod 600 " +
      base + ".key");
}

class Certificates {
 public:
  Certificates() {
    const std::string& at = directory_.path();
    make_ca(at, "ca");
    make_ca(at, "stranger_ca");
    make_leaf(at, "ca", "server", "server",
              "extendedKeyUsage=serverAuth\\nsubjectAltName=DNS:localhost,IP:127.0.0.1\\n");
    make_leaf(at, "ca", "elsewhere", "elsewhere", "extendedKeyUsage=serverAuth\\nsubjectAltName=DNS:hsm9.example\\n");
    make_leaf(at, "ca", "client", "coffer", "extendedKeyUsage=clientAuth\\n");
    make_leaf(at, "ca", "other_client", "somebody", "extendedKeyUsage=clientAuth\\n");
    make_leaf(at, "stranger_ca", "stranger", "stranger",
              "extendedKeyUsage=clientAuth,serverAuth\\nsubjectAltName=DNS:localhost,IP:127.0.0.1\\n");
    run("cd " + at +
        " && openssl pkcs12 -export -inkey client.key -in client.pem -certfile ca.pem -passout pass:swordfish -out "
        "client.p12 && chmod 600 client.p12");
    run("cd " + at + " && printf 'swordfish\\n' > password && chmod 600 password");
  }
  const std::string& path() const { return directory_.path(); }

 private:
  TemporaryDirectory directory_;
};

std::string read_line(int descriptor) {
  std::string line;
  char c;
  while (read(descriptor, &c, 1) == 1 && c != '\n') line += c;
  return line;
}

}  // namespace

const std::string& certificates() {
  static const Certificates made;
  return made.path();
}

ServerDirectory::ServerDirectory() {
  const bool memory = access("/dev/shm", W_OK) == 0;
  path_ = memory ? "/dev/shm/coffer-kmip-XXXXXX" : "/tmp/coffer-kmip-XXXXXX";
  if (mkdtemp(path_.data()) == nullptr) throw std::runtime_error("mkdtemp " + path_);
}

ServerDirectory::~ServerDirectory() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

ServerProcess::ServerProcess(const std::vector<std::string>& command) {
  int input[2], output[2];
  if (pipe2(input, O_CLOEXEC) != 0 || pipe2(output, O_CLOEXEC) != 0) throw std::runtime_error("pipe");
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, input[0], 0);
  posix_spawn_file_actions_adddup2(&actions, output[1], 1);
  std::vector<char*> arguments;
  for (const std::string& argument : command) arguments.push_back(const_cast<char*>(argument.c_str()));
  arguments.push_back(nullptr);
  const int error = posix_spawn(&pid_, arguments[0], &actions, nullptr, arguments.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  close(input[0]);
  close(output[1]);
  input_ = input[1];
  output_ = output[0];
  const std::string line = error == 0 ? read_line(output_) : "";
  if (!line.starts_with("ready ")) {
    kill();
    throw std::runtime_error(command[1] + " did not start; is python3-pykmip installed? it said: " + line);
  }
  port_ = std::stoi(line.substr(6));
}

ServerProcess::~ServerProcess() { kill(); }

void ServerProcess::kill() {
  if (pid_ <= 0) return;
  // It leads a process group of its own once it runs.
  ::kill(-pid_, SIGKILL);
  ::kill(pid_, SIGKILL);
  waitpid(pid_, nullptr, 0);
  close(input_);
  close(output_);
  pid_ = -1;
}

void ServerProcess::suspend() { ::kill(-pid_, SIGSTOP); }
void ServerProcess::resume() { ::kill(-pid_, SIGCONT); }

void ServerProcess::tell(const std::string& line) {
  const std::string all = line + "\n";
  if (::write(input_, all.data(), all.size()) != static_cast<ssize_t>(all.size()) || read_line(output_) != "ok") {
    throw std::runtime_error("the server does not do as told: " + line);
  }
}

std::unique_ptr<ServerProcess> start_pykmip(const std::string& directory, int port) {
  const std::vector<std::string> command = {"/usr/bin/python3",
                                            std::string(COFFER_SOURCE_DIR "/tests/providers/kmip/pykmip_server.py"),
                                            directory, certificates(), std::to_string(port)};
  // The port was free when it was chosen; somebody else may have been quicker.
  for (int attempt = 0; port == 0 && attempt < 3; ++attempt) {
    try {
      return std::make_unique<ServerProcess>(command);
    } catch (const std::runtime_error&) {
    }
  }
  return std::make_unique<ServerProcess>(command);
}

ServerProcess& fresh_fake(const std::string& options) {
  static ServerProcess process(
      {"/usr/bin/python3", std::string(COFFER_SOURCE_DIR "/tests/providers/kmip/fake_kmip.py"), certificates()});
  process.tell(options);
  return process;
}

GroupSettings loopback_settings(int port, const std::string& certificate) {
  GroupSettings out;
  out.hosts = {{"localhost", static_cast<uint16_t>(port)}};
  out.timeout = std::chrono::milliseconds(10000);
  out.tls.identity.path = certificates() + "/" + certificate + ".pem";
  out.tls.identity.key_path = certificates() + "/" + certificate + ".key";
  out.tls.trust.path = certificates() + "/ca.pem";
  return out;
}

Client loopback_client(int port) { return client_of(loopback_settings(port)); }

Client client_of(const GroupSettings& settings) {
  auto group = HostGroup::create(settings);
  if (!group) throw std::runtime_error(group.status().to_string());
  return Client(*group);
}

std::string certificate_options(const std::string& certificate) {
  const std::string at = certificates() + "/";
  return "cert=" + at + certificate + ".pem&key=" + at + certificate + ".key&ca=" + at + "ca.pem";
}

std::string loopback_uri(int port, const std::string& key, const std::string& certificate, const std::string& options) {
  const std::string encoded = encode_uri_path(key);
  return "kmip://127.0.0.1:" + std::to_string(port) + "/" + encoded + "?" + certificate_options(certificate) + "&" +
         options;
}

}  // namespace coffer::kmip
