// A key of the fake Google Cloud KMS as the contract's surroundings.
#include "providers/cloud/fake_server.h"
#include "providers/contract.h"

namespace coffer {
namespace {

const std::string kKey = "projects/p/locations/global/keyRings/r/cryptoKeys/k";

class GcpKmsSurroundings final : public ProviderSurroundings {
 public:
  GcpKmsSurroundings() {
    act("make_key");
    account_ = server_.file("db.json", server_.operate(R"({"action":"add_account","email":"db@p.iam"})"));
    nobody_ = server_.file("nobody.json",
                           server_.operate(R"({"action":"add_account","email":"nobody@p.iam","may_use":false})"));
  }

  std::string uri() const override { return uri_with(account_); }

  std::string uri_of_another_key() override {
    server_.operate("{\"action\":\"make_key\",\"name\":\"" + kKey + "-other\"}");
    const std::string root = uri();
    return std::string(root).replace(root.find(kKey), kKey.size(), kKey + "-other");
  }

  void replace_key() override {
    act("rotate");
    act("set_state", R"(,"version":"1","state":"DESTROYED")");
  }
  bool replaces_in_place() const override { return false; }
  void remove_key() override { act("remove_key"); }
  std::vector<Bytes> secrets() const override {
    const std::string answer = server_.operate(R"({"action":"secrets"})");
    std::vector<Bytes> out = bytes_in(answer, "keys");
    const std::vector<Bytes> tokens = bytes_in(answer, "tokens");
    out.insert(out.end(), tokens.begin(), tokens.end());
    return out;
  }
  std::optional<std::string> uri_with_wrong_credentials() const override { return uri_with(nobody_); }

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
    server_.operate("{\"action\":\"" + action + "\",\"name\":\"" + kKey + "\"" + more + "}");
  }
  std::string uri_with(const std::string& account) const {
    return "gcp-kms://" + kKey + "?endpoint=http://" + server_.host() +
           "&timeout_millis=2500&credentials_file=" + account;
  }

  FakeServer server_{"fake_gcp_kms.py"};
  std::string account_;
  std::string nobody_;
};

}  // namespace

ProviderUnderTest gcp_kms_under_test() {
  return {"GcpKms", [] { return std::make_unique<GcpKmsSurroundings>(); }};
}

}  // namespace coffer
