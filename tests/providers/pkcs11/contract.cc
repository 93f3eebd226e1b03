// Keys in SoftHSM's tokens as the contract's surroundings, once for each mechanism that it has.
#include "providers/contract.h"

#include <stdexcept>

#include "coffer/io/disk.h"
#include "providers/pkcs11/soft_token.h"

namespace coffer {
namespace {

class Pkcs11Surroundings final : public ProviderSurroundings {
 public:
  explicit Pkcs11Surroundings(const std::string& mechanism) : mechanism_(mechanism) {
    token_.generate("root", {0, 1});
    if (!replace_file(Disk::posix(), token_.pin_file() + "-wrong", as_bytes("0000"), 0600).is_ok()) {
      throw std::runtime_error("no file for a wrong PIN");
    }
  }

  std::string uri() const override { return token_.uri("root") + "&mechanism=" + mechanism_; }
  std::string uri_of_another_key() override {
    token_.generate("other", {0, 2});
    return token_.uri("other") + "&mechanism=" + mechanism_;
  }
  void replace_key() override {
    token_.destroy("root");
    token_.generate("root", {0, 1});
  }
  void remove_key() override { token_.destroy("root"); }
  std::vector<Bytes> secrets() const override {
    const ByteView pin = as_bytes(SoftToken::kPin);
    return {Bytes(pin.begin(), pin.end())};
  }
  std::optional<std::string> uri_with_wrong_credentials() const override {
    return uri().replace(uri().find(token_.pin_file()), token_.pin_file().size(), token_.pin_file() + "-wrong");
  }
  bool deactivate_key() override {
    token_.set("root", CKA_ENCRYPT, false);
    token_.set("root", CKA_WRAP, false);
    return true;
  }

 private:
  const std::string mechanism_;
  SoftToken token_;
};

}  // namespace

ProviderUnderTest pkcs11_under_test(const std::string& name, const std::string& mechanism) {
  return {"Pkcs11" + name, [mechanism] { return std::make_unique<Pkcs11Surroundings>(mechanism); }};
}

}  // namespace coffer
