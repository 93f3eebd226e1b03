// Key files as the contract's surroundings.
#include <stdexcept>

#include "coffer/config/key_file.h"
#include "coffer/crypto/random.h"
#include "io/temporary_directory.h"
#include "providers/contract.h"

namespace coffer {
namespace {

class KeyFileSurroundings final : public ProviderSurroundings {
 public:
  explicit KeyFileSurroundings(const std::string& form) : form_(form) { replace_key(); }

  std::string uri() const override { return "file://" + path_ + consent(); }

  void replace_key() override {
    if (!write(path_).is_ok()) throw std::runtime_error("no key file at " + path_);
  }
  std::string uri_of_another_key() override {
    if (!write(directory_ / "other.key").is_ok()) throw std::runtime_error("no other key file");
    return "file://" + (directory_ / "other.key") + consent();
  }

  void remove_key() override {
    if (!Disk::posix().remove(path_).is_ok()) throw std::runtime_error("cannot remove " + path_);
  }

  std::vector<Bytes> secrets() const override {
    auto file = read_key_file(Disk::posix(), path_);
    if (!file.is_ok()) throw std::runtime_error(file.status().to_string());
    return {Bytes(file->key.reveal().begin(), file->key.reveal().end())};
  }

 private:
  std::string consent() const { return form_.ends_with("256") ? "" : "?allow_weak_root=true"; }
  Status write(const std::string& path) {
    if (form_ == "Bare256") {
      COFFER_ASSIGN(SecretBytes key, random_secret(32));
      return replace_file(Disk::posix(), path, key.reveal(), 0600);
    }
    KeyFileRequest request;
    request.bits = std::stoi(form_.substr(3));
    request.form = form_.starts_with("Jwk") ? KeyFileForm::kJwk : KeyFileForm::kRaw;
    request.overwrite = true;
    return generate_key_file(Disk::posix(), path, request).status();
  }

  const std::string form_;
  TemporaryDirectory directory_;
  const std::string path_ = directory_ / "root.key";
};

}  // namespace

ProviderUnderTest key_file_under_test(const std::string& form) {
  return {"KeyFile" + form, [form] { return std::make_unique<KeyFileSurroundings>(form); }};
}

}  // namespace coffer
