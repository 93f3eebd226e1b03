// A key sealed to swtpm, to two of its PCRs and with a password, as the contract's surroundings.
#include "providers/contract.h"

#include <stdexcept>

#include "coffer/io/disk.h"
#include "coffer/providers/registry.h"
#include "providers/tpm/soft_tpm.h"

namespace coffer {
namespace {

constexpr char kPassword[] = "open, sesame, and a little more than 32 bytes";

class TpmSurroundings final : public ProviderSurroundings {
 public:
  TpmSurroundings() {
    write("password", kPassword);
    write("wrong", "abracadabra");
    replace_key();
  }

  std::string uri() const override { return uri_with("password"); }
  std::string uri_of_another_key() override {
    const std::string root = uri();
    const std::string other = std::string(root).replace(root.find("root.tpm"), 8, "other.tpm");
    make(other);
    return other;
  }
  void replace_key() override {
    remove_key();
    make(uri());
  }
  void remove_key() override { std::filesystem::remove(tpm_.path("root.tpm")); }
  std::vector<Bytes> secrets() const override {
    const ByteView password = as_bytes(kPassword);
    return {Bytes(password.begin(), password.end())};
  }
  std::optional<std::string> uri_with_wrong_credentials() const override { return uri_with("wrong"); }
  bool is_slow() const override { return true; }

  bool has_server() const override { return true; }
  void stop_server() override { tpm_.stop(); }
  void start_server() override { tpm_.start(); }
  void suspend_server() override { tpm_.suspend(); }
  void resume_server() override { tpm_.resume(); }

 private:
  static void make(const std::string& uri) {
    auto maker = open_provider(uri + "&pcrs=sha256:7,16&create=true");
    if (!maker.is_ok()) throw std::runtime_error(maker.status().to_string());
    auto made = (*maker)->current();
    if (!made.is_ok()) throw std::runtime_error(made.status().to_string());
  }
  std::string uri_with(const std::string& password) const {
    return "tpm:" + tpm_.path("root.tpm") + "?tcti=" + tpm_.tcti() + "&auth_file=" + tpm_.path(password) +
           "&timeout_millis=4000";
  }
  void write(const std::string& name, std::string_view contents) {
    if (!replace_file(Disk::posix(), tpm_.path(name), as_bytes(contents), 0600).is_ok()) {
      throw std::runtime_error("cannot write " + tpm_.path(name));
    }
  }

  SoftTpm tpm_;
};

}  // namespace

ProviderUnderTest tpm_under_test() {
  return {"Tpm", [] { return std::make_unique<TpmSurroundings>(); }};
}

}  // namespace coffer
