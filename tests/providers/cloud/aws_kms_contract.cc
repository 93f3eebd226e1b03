// A key of the fake AWS KMS, behind an alias, as the contract's surroundings.
#include <nlohmann/json.hpp>

#include "providers/cloud/fake_server.h"
#include "providers/contract.h"

namespace coffer {
namespace {

constexpr char kSecret[] = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";

std::string profile_with(const std::string& secret) {
  return "[default]\naws_access_key_id = AKIDOTHER\naws_secret_access_key = other\n\n[coffer]\naws_access_key_id = "
         "AKIDEXAMPLE\naws_secret_access_key = " +
         secret + "\n";
}

class AwsKmsSurroundings final : public ProviderSurroundings {
 public:
  AwsKmsSurroundings() { make("root"); }

  std::string uri() const override { return uri_with(server_.file("credentials", profile_with(kSecret))); }
  std::string uri_of_another_key() override {
    make("other");
    const std::string root = uri();
    return std::string(root).replace(root.find("alias/root"), 10, "alias/other");
  }

  void replace_key() override {
    remove_key();
    make("root");
  }
  void remove_key() override { server_.operate(R"({"action":"remove_key","key":"alias/root"})"); }

  std::vector<Bytes> secrets() const override {
    const std::string all = server_.operate(R"({"action":"secrets"})");
    std::vector<Bytes> out = bytes_in(all, "keys");
    for (const Bytes& secret : bytes_in(all, "users")) out.push_back(secret);
    return out;
  }

  std::optional<std::string> uri_with_wrong_credentials() const override {
    return uri_with(server_.file("wrong_credentials", profile_with("guessed")));
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
  void make(const std::string& alias) {
    const auto made = nlohmann::json::parse(server_.operate(R"({"action":"call","operation":"CreateKey"})"));
    server_.operate(R"({"action":"call","operation":"CreateAlias","AliasName":"alias/)" + alias +
                    R"(","TargetKeyId":)" + made.at("KeyMetadata").at("KeyId").dump() + "}");
  }
  std::string uri_with(const std::string& credentials) const {
    return "aws-kms://eu-west-1/alias/root?endpoint=http://" + server_.host() +
           "&timeout_millis=2500&profile=coffer&credentials_file=" + credentials;
  }

  FakeServer server_{"fake_aws_kms.py"};
};

}  // namespace

ProviderUnderTest aws_kms_under_test() {
  return {"AwsKms", [] { return std::make_unique<AwsKmsSurroundings>(); }};
}

}  // namespace coffer
