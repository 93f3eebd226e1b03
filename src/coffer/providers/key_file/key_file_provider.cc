#include "coffer/providers/key_file/key_file_provider.h"

#include "coffer/base/check.h"
#include "coffer/config/key_file.h"
#include "coffer/config/provider_config.h"
#include "coffer/providers/fetched_root.h"

namespace coffer {
namespace {

// Fields: the key id that the file states; none when it states none. The same key in a file of another form may state
// another id.
class KeyFileRoot final : public FetchedRoot {
 public:
  KeyFileRoot(Disk& disk, const std::string& path) : disk_(disk), path_(path) {}

  Result<Found> current() override {
    COFFER_ASSIGN(KeyFile file, read_key_file(disk_, path_));
    KeyFields fields;
    if (!file.key_id.empty()) fields.emplace_back(as_text(file.key_id));
    return Found{std::move(fields), std::move(file.key), {}};
  }

  Result<Found> find(const KeyFields&) override {
    auto found = current();
    if (found.code() != Code::kNotFound) return found;
    return {Code::kNotFound, "the file is gone; restore it, or give the place where it is now"};
  }

  std::string uri() const override { return "file://" + encode_uri_path(path_); }
  std::string describe() const override { return "key file " + path_; }
  std::optional<std::string> describe(const KeyFields& key) const override {
    if (key.empty()) return "";
    if (key.size() > 1 || key[0].empty() || key[0].size() > kKeyIdSizeMax) return std::nullopt;
    return "key id " + to_hex(as_bytes(key[0]));
  }

 private:
  Disk& disk_;
  const std::string path_;
};

}  // namespace

Result<std::unique_ptr<RootKeyProvider>> open_key_file(const ProviderUri& uri, const ProviderConfig&) {
  COFFER_TRY(UriOptions(uri).finish());
  COFFER_ASSIGN(const std::string path, local_path(uri, "key file", "file:///PATH (three slashes)"));
  return make_key_file_provider(Disk::posix(), path);
}

std::unique_ptr<RootKeyProvider> make_key_file_provider(Disk& disk, const std::string& path) {
  COFFER_REQUIRE(path.starts_with('/'), "a key file is named by its absolute path");
  return make_provider("file", std::make_unique<KeyFileRoot>(disk, path));
}

}  // namespace coffer
