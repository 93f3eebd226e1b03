// A key of the fake Vault as the contract's surroundings.
#include "providers/cloud/fake_server.h"
#include "providers/contract.h"

namespace coffer {
namespace {

constexpr char kToken[] = "hvs.of-the-contract-suite";

class VaultSurroundings final : public ProviderSurroundings {
 public:
  VaultSurroundings() {
    server_.operate(std::string("{\"action\":\"add_token\",\"token\":\"") + kToken + "\"}");
    make();
  }

  std::string uri() const override { return uri_with(server_.file("token", kToken)); }

  std::string uri_of_another_key() override {
    server_.operate(R"({"action":"make_key","name":"other"})");
    const std::string root = uri();
    return std::string(root).replace(root.find("transit/root"), 12, "transit/other");
  }

  void replace_key() override {
    remove_key();
    make();
  }
  void remove_key() override { server_.operate(R"({"action":"remove_key","name":"root"})"); }

  std::vector<Bytes> secrets() const override {
    std::vector<Bytes> out = bytes_in(server_.operate(R"({"action":"secrets"})"), "keys");
    out.emplace_back(std::begin(kToken), std::end(kToken) - 1);
    return out;
  }

  std::optional<std::string> uri_with_wrong_credentials() const override {
    return uri_with(server_.file("wrong_token", "hvs.guessed"));
  }

  bool deactivate_key() override {
    server_.operate(R"({"action":"rotate_key","name":"root"})");
    server_.operate(R"({"action":"configure_key","name":"root","min_encryption_version":2})");
    return true;
  }

  bool make_service_lie() override {
    server_.operate(R"({"action":"lie"})");
    return true;
  }

  bool has_server() const override { return true; }
  void stop_server() override { server_.stop(); }
  void start_server() override { server_.start(); }
  void suspend_server() override { server_.suspend(); }
  void resume_server() override { server_.resume(); }

 private:
  void make() { server_.operate(R"({"action":"make_key","name":"root"})"); }
  std::string uri_with(const std::string& token_file) const {
    return "vault://" + server_.host() + "/transit/root?tls=false&timeout_millis=2500&token_file=" + token_file;
  }

  FakeServer server_{"fake_vault.py"};
};

}  // namespace

ProviderUnderTest vault_under_test() {
  return {"Vault", [] { return std::make_unique<VaultSurroundings>(); }};
}

}  // namespace coffer
