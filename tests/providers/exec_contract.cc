// The example command behind an exec: URI as the contract's surroundings.
#include <cstdlib>
#include <filesystem>
#include <stdexcept>

#include "coffer/io/disk.h"
#include "coffer/net/http/json_view.h"
#include "coffer_test_paths.h"
#include "io/temporary_directory.h"
#include "providers/contract.h"

namespace coffer {
namespace {

class ExecSurroundings final : public ProviderSurroundings {
 public:
  ExecSurroundings() {
    std::filesystem::copy_file(COFFER_SOURCE_DIR "/examples/exec_provider.py", command_);
    std::filesystem::permissions(command_, std::filesystem::perms::owner_all);
    administer("add");
  }

  std::string uri() const override { return uri_of("app"); }
  std::string uri_of_another_key() override {
    administer("add", "other");
    return uri_of("other");
  }
  void replace_key() override {
    administer("remove");
    administer("add");
  }
  bool replaces_in_place() const override { return false; }
  void remove_key() override { administer("remove"); }
  bool deactivate_key() override {
    administer("deactivate");
    return true;
  }
  bool is_slow() const override { return true; }

  std::vector<Bytes> secrets() const override {
    auto text = read_file(Disk::posix(), key_file_, 1 << 16);
    if (!text.is_ok()) return {};  // no key, no secret
    auto parsed = http::JsonView::parse(*text);
    std::vector<Bytes> out;
    for (size_t i = 0; parsed.is_ok() && i < (*parsed)["app"].element_count(); ++i) {
      out.push_back(from_hex((*parsed)["app"].at(i)["key"].text(64).value()).value());
    }
    return out;
  }

 private:
  std::string uri_of(const std::string& name) const { return "exec:" + command_ + "/" + name + "?arg1=" + key_file_; }
  void administer(const std::string& verb, const std::string& name = "app") const {
    const std::string line = command_ + " " + key_file_ + " " + verb + " " + name;
    if (std::system(line.c_str()) != 0) throw std::runtime_error(line);
  }

  TemporaryDirectory directory_;
  const std::string command_ = directory_ / "coffer-exec-example";
  const std::string key_file_ = directory_ / "keys.json";
};

}  // namespace

ProviderUnderTest exec_under_test() {
  return {"Exec", [] { return std::make_unique<ExecSurroundings>(); }};
}

}  // namespace coffer
