#include "providers/cloud/fake_server.h"

#include <map>
#include <nlohmann/json.hpp>
#include <stdexcept>

#include "coffer/io/disk.h"
#include "coffer/net/http/http.h"
#include "coffer_test_paths.h"

namespace coffer {
namespace {

std::string body_of(const std::string& what, const Result<http::Response>& answer) {
  if (!answer.is_ok()) throw std::runtime_error(what + ": " + answer.status().to_string());
  const std::string body(as_text(answer.value().body.reveal()));
  if (!answer.value().is_success()) throw std::runtime_error(what + ": " + body);
  return body;
}

// Processes that nobody needs for now, by what they were started with.
std::multimap<std::vector<std::string>, std::unique_ptr<kmip::ServerProcess>>& idle() {
  static std::multimap<std::vector<std::string>, std::unique_ptr<kmip::ServerProcess>> processes;
  return processes;
}

}  // namespace

FakeServer::FakeServer(const std::string& script, std::vector<std::string> arguments, bool tls)
    : arguments_(std::move(arguments)), tls_(tls) {
  if (tls_) {
    const std::string& certificates = kmip::certificates();
    arguments_.insert(arguments_.end(),
                      {"--tls-cert", certificates + "/server.pem", "--tls-key", certificates + "/server.key"});
  }
  arguments_.insert(arguments_.begin(), COFFER_SOURCE_DIR "/tests/providers/cloud/" + script);
  const auto found = idle().find(arguments_);
  if (found == idle().end()) {
    start();
    return;
  }
  process_ = std::move(found->second);
  idle().erase(found);
  port_ = process_->port();
  post("/_fake/reset", nlohmann::json{{"state", directory_ / "state.json"}}.dump());
}

FakeServer::~FakeServer() {
  if (process_ != nullptr && serves_again_) idle().emplace(arguments_, std::move(process_));
}

void FakeServer::start() {
  std::vector<std::string> command = {"/usr/bin/python3", "-B"};
  command.insert(command.end(), arguments_.begin(), arguments_.end());
  command.insert(command.end(), {"--state", directory_ / "state.json", "--port", std::to_string(port_)});
  process_ = std::make_unique<kmip::ServerProcess>(command);
  port_ = process_->port();
}

std::string FakeServer::file(const std::string& name, const std::string& contents) const {
  const Status status = replace_file(Disk::posix(), directory_ / name, as_bytes(contents), 0600);
  if (!status.is_ok()) throw std::runtime_error(status.to_string());
  return directory_ / name;
}

std::string FakeServer::post(const std::string& path, const std::string& json) const {
  http::HttpSettings settings;
  if (tls_) settings.ca_file = kmip::certificates() + "/ca.pem";
  http::Request request;
  request.method = "POST";
  request.url = (tls_ ? "https://" : "http://") + host() + path;
  request.body = SecretBytes::copy_of(as_bytes(json));
  return body_of(path + " " + json, http::send(settings, request, http::deadline_from_now(settings)));
}

std::vector<std::string> FakeServer::requests() const {
  return nlohmann::json::parse(post("/_fake/requests", "{}")).get<std::vector<std::string>>();
}

std::vector<Bytes> bytes_in(const std::string& json, const std::string& name) {
  std::vector<Bytes> out;
  const auto answer = nlohmann::json::parse(json);  // outlives the loop
  for (const auto& hex : answer.at(name)) out.push_back(from_hex(hex.get<std::string>()).value());
  return out;
}

}  // namespace coffer
