#include "coffer/providers/key_file/key_file_provider.h"

#include "coffer/base/check.h"
#include "coffer/config/provider_config.h"
#include "coffer/providers/fetched_root.h"

namespace coffer {
namespace {

// Fields: the key id that the file states; none when it states none. The same key in a file of another form may state
// another id.
class KeyFileRoot final : public FetchedRoot {
 public:
  KeyFileRoot(Disk& disk, const std::string& path, KeyFileOptions options)
      : disk_(disk), path_(path), options_(options) {}

  Result<Found> current() override {
    COFFER_ASSIGN(KeyFile file, read_key_file(disk_, path_, options_.reading));
    KeyFields fields;
    if (!file.key_id.empty()) fields.emplace_back(as_text(file.key_id));
    return Found{std::move(fields), std::move(file.key), {}};
  }

  Result<Found> find(const KeyFields&) override {
    auto found = current();
    if (found.code() != Code::kNotFound) return found;
    return {Code::kNotFound, "the file is gone; restore it, or give the place where it is now"};
  }

  bool weak_is_allowed() const override { return options_.allow_weak; }
  std::string uri() const override {
    std::string options = options_.reading == KeyFileReading::kYugabyte ? "&" + std::string(kYugabyteForm) : "";
    if (options_.allow_weak) options += "&" + std::string(kWeakRootOption) + "=true";
    if (!options.empty()) options.front() = '?';
    return "file://" + encode_uri_path(path_) + options;
  }
  std::string describe() const override { return "key file " + path_; }
  std::optional<std::string> describe(const KeyFields& key) const override {
    if (key.empty()) return "";
    if (key.size() > 1 || key[0].empty() || key[0].size() > kKeyIdSizeMax) return std::nullopt;
    return "key id " + to_hex(as_bytes(key[0]));
  }

 private:
  // The file holds one key, whatever id a handle states: the fingerprint tells whether it is the one.
  Status check_within(const KeyFields&) const override { return Status::ok(); }

  Disk& disk_;
  const std::string path_;
  const KeyFileOptions options_;
};

}  // namespace

Result<std::unique_ptr<RootKeyProvider>> open_key_file(const ProviderUri& uri, const ProviderConfig&) {
  UriOptions options(uri);
  KeyFileOptions wanted;
  COFFER_ASSIGN(wanted.allow_weak, options.take_switch(kWeakRootOption, false));
  COFFER_ASSIGN(wanted.reading, take_key_file_form(options));
  COFFER_TRY(options.finish());
  COFFER_ASSIGN(const std::string path, local_path(uri, "key file", "file:///PATH (three slashes)"));
  return make_key_file_provider(Disk::posix(), path, wanted);
}

std::unique_ptr<RootKeyProvider> make_key_file_provider(Disk& disk, const std::string& path, KeyFileOptions options) {
  COFFER_REQUIRE(path.starts_with('/'), "a key file is named by its absolute path");
  return make_provider("file", std::make_unique<KeyFileRoot>(disk, path, options));
}

}  // namespace coffer
