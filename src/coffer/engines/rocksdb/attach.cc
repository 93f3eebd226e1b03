#include "coffer/engines/rocksdb/attach.h"

#include <rocksdb/listener.h>

#include "coffer/engines/rocksdb/coffer_file_system.h"
#include "coffer/engines/rocksdb/opening.h"
#include "coffer/providers/registry.h"

namespace coffer {
namespace {

using ::rocksdb::Env;
using SharedEnv = std::shared_ptr<Env>;

// Tells the file system which domain the data file that comes next belongs to. RocksDB calls it on the thread that
// makes the file, right before.
class ColumnFamilyListener final : public ::rocksdb::EventListener {
 public:
  ColumnFamilyListener(std::shared_ptr<rocks::AnnouncedDomains> announced, std::map<std::string, std::string> domains)
      : announced_(std::move(announced)), domains_(std::move(domains)) {}

  const char* Name() const override { return "CofferColumnFamilyListener"; }
  void OnTableFileCreationStarted(const ::rocksdb::TableFileCreationBriefInfo& info) override { announce(info); }
  void OnTableFileCreated(const ::rocksdb::TableFileCreationInfo& info) override { withdraw(info); }
  void OnBlobFileCreationStarted(const ::rocksdb::BlobFileCreationBriefInfo& info) override { announce(info); }
  void OnBlobFileCreated(const ::rocksdb::BlobFileCreationInfo& info) override { withdraw(info); }

 private:
  void announce(const ::rocksdb::FileCreationBriefInfo& info) {
    const auto found = domains_.find(info.cf_name);
    if (found != domains_.end()) announced_->announce(rocks::absolute_path(info.file_path), found->second);
  }
  // A file that was never made leaves its announcement behind.
  void withdraw(const ::rocksdb::FileCreationBriefInfo& info) {
    if (domains_.contains(info.cf_name)) announced_->withdraw(rocks::absolute_path(info.file_path));
  }

  const std::shared_ptr<rocks::AnnouncedDomains> announced_;
  const std::map<std::string, std::string> domains_;
};

Status check_domains(Coffer& coffer, const AttachOptions& options) {
  COFFER_TRY(coffer.live_keyring().refresh());
  for (const auto& [family, domain] : options.column_families) {
    if (coffer.keyring()->find_domain(domain) != nullptr) continue;
    return {Code::kNotFound, "column family \"" + family + "\": no domain \"" + domain + "\" in the keyring of " +
                                 coffer.directory() + "; coffer domain add makes one"};
  }
  return Status::ok();
}

Result<SharedEnv> attach_to(::rocksdb::DBOptions& options, std::shared_ptr<Coffer> coffer,
                            const AttachOptions& attach_options) {
  COFFER_TRY(check_domains(*coffer, attach_options));
  std::shared_ptr<::rocksdb::FileSystem> base;
  if (options.env != nullptr && options.env != Env::Default()) base = options.env->GetFileSystem();
  COFFER_ASSIGN(auto file_system, rocks::wrap(std::move(coffer), std::move(base)));
  auto listener =
      std::make_shared<ColumnFamilyListener>(file_system->announced_domains(), attach_options.column_families);
  SharedEnv env(::rocksdb::NewCompositeEnv(std::shared_ptr<::rocksdb::FileSystem>(std::move(file_system))));
  options.listeners.push_back(std::move(listener));
  options.env = env.get();
  return env;
}

}  // namespace

Result<SharedEnv> attach(::rocksdb::DBOptions& options, const std::string& coffer_directory,
                         const AttachOptions& attach_options) noexcept {
  return rocks::no_throw<SharedEnv>([&]() -> Result<SharedEnv> {
    COFFER_ASSIGN(auto coffer,
                  Coffer::open(Disk::posix(), coffer_directory,
                               {.root_uri = attach_options.root_uri,
                                .open_anchor = open_anchor,
                                .open_keyring_store = open_keyring_store,
                                .waits_its_turn = true},
                               open_provider));
    return attach_to(options, std::move(coffer), attach_options);
  });
}

Result<SharedEnv> attach(::rocksdb::DBOptions& options, std::shared_ptr<Coffer> coffer,
                         const AttachOptions& attach_options) noexcept {
  return rocks::no_throw<SharedEnv>([&] { return attach_to(options, std::move(coffer), attach_options); });
}

}  // namespace coffer
