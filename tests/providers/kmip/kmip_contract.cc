// Keys in PyKMIP as the contract's surroundings.
#include <gtest/gtest.h>

#include <ctime>
#include <stdexcept>

#include "coffer/crypto/random.h"
#include "providers/contract.h"
#include "providers/kmip/servers.h"

namespace coffer {
namespace {

using namespace kmip;

// One server for all tests: it takes a second to start.
struct SharedServer {
  ServerDirectory directory;
  std::unique_ptr<ServerProcess> process = start_pykmip(directory.path());
  const int port = process->port();
};

SharedServer& server() {
  static SharedServer shared;
  return shared;
}

class KmipSurroundings final : public ProviderSurroundings {
 public:
  explicit KmipSurroundings(const std::string& use) : use_(use) { make_key(name_); }
  ~KmipSurroundings() override {
    if (!runs_) start_server();
    server().process->resume();
  }

  std::string uri() const override { return uri_of(name_); }
  std::string uri_of_another_key() override {
    make_key(name_ + " other");
    return uri_of(name_ + " other");
  }
  void replace_key() override {
    remove_key();
    make_key(name_);
  }
  bool replaces_in_place() const override { return false; }
  void remove_key() override {
    must(operator_.revoke(ids_.back(), RevocationReason::kKeyCompromise, "test", std::time(nullptr)));
    must(operator_.destroy(ids_.back()));
  }
  std::vector<Bytes> secrets() const override { return keys_; }
  std::optional<std::string> uri_with_wrong_credentials() const override {
    return loopback_uri(server().port, name_, "stranger", "timeout_millis=3000&use=" + use_);
  }
  bool deactivate_key() override {
    must(operator_.revoke(ids_.back(), RevocationReason::kCessation, "test", 0));
    return true;
  }
  bool is_slow() const override { return true; }

  bool has_server() const override { return true; }
  void stop_server() override {
    server().process.reset();
    runs_ = false;
  }
  void start_server() override {
    server().process = start_pykmip(server().directory.path(), server().port);
    runs_ = true;
  }
  void suspend_server() override { server().process->suspend(); }
  void resume_server() override { server().process->resume(); }

 private:
  static void must(const Status& status) {
    if (!status) throw std::runtime_error(status.to_string());
  }

  std::string uri_of(const std::string& name) const {
    return loopback_uri(server().port, name, "client", "timeout_millis=3000&key_cache_millis=0&use=" + use_);
  }
  void make_key(const std::string& name) {
    NewKey wanted;
    wanted.name = name;
    auto id = operator_.create(wanted);
    must(id.status());
    must(operator_.activate(*id));
    const auto got = operator_.get(*id);
    must(got.status());
    keys_.emplace_back(got->key.reveal().begin(), got->key.reveal().end());
    ids_.push_back(std::move(*id));
  }

  const std::string use_;
  const std::string name_ = "contract " + random_id().value().hex();
  const Client operator_ = loopback_client(server().port);
  bool runs_ = true;
  std::vector<std::string> ids_;
  std::vector<Bytes> keys_;
};

}  // namespace

ProviderUnderTest kmip_under_test(const std::string& use) {
  return {use == "get" ? "KmipFetched" : "KmipInService", [use] { return std::make_unique<KmipSurroundings>(use); }};
}

}  // namespace coffer
