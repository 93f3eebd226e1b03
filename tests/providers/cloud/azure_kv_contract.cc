// A key of the fake Azure Key Vault as the contract's surroundings.
#include "providers/cloud/fake_server.h"
#include "providers/contract.h"

namespace coffer {
namespace {

constexpr char kAzureSecret[] = "secret~of~the~application";

class AzureKvSurroundings final : public ProviderSurroundings {
 public:
  explicit AzureKvSurroundings(const std::string& type) : type_(type) {
    act("make_key", ",\"kty\":\"" + type_ + "\"");
    server_.operate(std::string(R"({"action":"add_application","client":"db","secret":")") + kAzureSecret + "\"}");
  }

  std::string uri() const override { return uri_with(server_.file("secret", kAzureSecret)); }

  std::string uri_of_another_key() override {
    server_.operate(R"({"action":"make_key","name":"other","kty":")" + type_ + "\"}");
    const std::string root = uri();
    return std::string(root).replace(root.find("/keys/root"), 10, "/keys/other");
  }

  void replace_key() override {
    act("make_key", ",\"kty\":\"" + type_ + "\"");
    act("drop_first_version");
  }
  bool replaces_in_place() const override { return false; }
  void remove_key() override { act("remove_key"); }
  bool deactivate_key() override {
    act("set_attributes", R"(,"exp":1000000000)");
    return true;
  }
  bool is_slow() const override { return type_ == "RSA"; }
  std::vector<Bytes> secrets() const override {
    const std::string answer = server_.operate(R"({"action":"secrets"})");
    std::vector<Bytes> out = bytes_in(answer, "keys");
    const std::vector<Bytes> tokens = bytes_in(answer, "tokens");
    out.insert(out.end(), tokens.begin(), tokens.end());
    out.emplace_back(std::begin(kAzureSecret), std::end(kAzureSecret) - 1);
    return out;
  }
  std::optional<std::string> uri_with_wrong_credentials() const override {
    return uri_with(server_.file("wrong_secret", "guessed"));
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
  void act(const std::string& action, const std::string& more = "") {
    server_.operate("{\"action\":\"" + action + "\",\"name\":\"root\"" + more + "}");
  }
  std::string uri_with(const std::string& secret_file) const {
    return "azure-kv://" + server_.host() + "/keys/root?client=db&authority=https://" + server_.host() +
           "&tenant=11111111-2222-3333-4444-555555555555&timeout_millis=4000&ca_file=" + kmip::certificates() +
           "/ca.pem&secret_file=" + secret_file;
  }

  const std::string type_;
  FakeServer server_{"fake_azure_kv.py", {}, /*tls=*/true};
};

}  // namespace

ProviderUnderTest azure_kv_under_test(const std::string& key_type) {
  return {key_type == "RSA" ? "AzureKvRsa" : "AzureKvAes",
          [key_type] { return std::make_unique<AzureKvSurroundings>(key_type); }};
}

}  // namespace coffer
