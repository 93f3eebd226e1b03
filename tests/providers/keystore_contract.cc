// Keystores as the contract's surroundings, made by keytool.
#include <map>
#include <stdexcept>

#include "io/temporary_directory.h"
#include "providers/contract.h"
#include "providers/keystore/keytool.h"

namespace coffer {
namespace {

using namespace testing_keystores;

// Two stores of each type, made once for all tests: keytool takes the better part of a second.
const std::vector<Bytes>& made_stores(const std::string& type) {
  static std::map<std::string, std::vector<Bytes>> made;
  std::vector<Bytes>& out = made[type];
  while (out.size() < 2) {
    const TemporaryDirectory directory;
    make_secret_key(directory / "store", type, "root", 256, kKeyPassword);
    make_secret_key(directory / "store", type, "other", 256, kKeyPassword);
    out.push_back(read_file(Disk::posix(), directory / "store", keystore::kKeystoreSizeMax).value());
  }
  return out;
}

class KeystoreSurroundings final : public ProviderSurroundings {
 public:
  explicit KeystoreSurroundings(const std::string& type) : type_(type) {
    write("store_password", as_bytes(std::string(kStorePassword) + "\n"));
    write("key_password", as_bytes(type == "pkcs12" ? kStorePassword : kKeyPassword));
    write("wrong_password", as_bytes("wrong"));
    replace_key();
  }

  std::string uri() const override { return uri_with("store_password"); }
  std::optional<std::string> uri_with_wrong_credentials() const override { return uri_with("wrong_password"); }

  void replace_key() override {
    const std::vector<Bytes>& stores = made_stores(type_);
    write("store", stores[next_++ % stores.size()]);
  }
  std::string uri_of_another_key() override {
    const std::string root = uri();
    return std::string(root).replace(root.find("alias=root"), 10, "alias=other");
  }
  void remove_key() override {
    if (!Disk::posix().remove(directory_ / "store").is_ok()) throw std::runtime_error("cannot remove the store");
  }
  std::vector<Bytes> secrets() const override {
    const Bytes password(kStorePassword, kStorePassword + std::string_view(kStorePassword).size());
    return {password,
            key_in(directory_ / "store", "root", passwords(kStorePassword, type_ == "pkcs12" ? "" : kKeyPassword))};
  }

 private:
  std::string uri_with(const std::string& password) const {
    return "keystore:" + (directory_ / "store") + "?alias=root&store_password_file=" + (directory_ / password) +
           "&key_password_file=" + (directory_ / "key_password");
  }
  void write(const std::string& name, ByteView contents) {
    if (!replace_file(Disk::posix(), directory_ / name, contents, 0600).is_ok()) {
      throw std::runtime_error("cannot write " + name);
    }
  }

  const std::string type_;
  TemporaryDirectory directory_;
  size_t next_ = 0;
};

}  // namespace

ProviderUnderTest keystore_under_test(const std::string& type) {
  return {"Keystore" + type, [type] { return std::make_unique<KeystoreSurroundings>(type); }};
}

}  // namespace coffer
