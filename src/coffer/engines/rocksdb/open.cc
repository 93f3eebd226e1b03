// Opening Coffer file systems, and their place in RocksDB's object registry.
#include <rocksdb/convenience.h>
#include <rocksdb/utilities/object_registry.h>

#include <atomic>
#include <cstdio>
#include <mutex>

#include "coffer/engines/rocksdb/default_base.h"
#include "coffer/engines/rocksdb/file_system.h"
#include "coffer/engines/rocksdb/opening.h"
#include "coffer/engines/rocksdb/uri.h"
#include "coffer/providers/registry.h"

namespace coffer {
namespace {

using rocks::CofferFileSystem;
using rocks::no_throw;
using ::rocksdb::FileSystem;
using SharedFileSystem = std::shared_ptr<FileSystem>;
using Made = std::unique_ptr<FileSystem>;

std::atomic<rocks::DefaultBase> default_base{&FileSystem::Default};

// The file system below all Coffer file systems that `base` begins with. They may come from another copy of this
// library (the preloaded one), so they are known by name.
SharedFileSystem without_coffer(SharedFileSystem base) {
  while (base != nullptr && std::string_view(base->Name()) == CofferFileSystem::kClassName()) {
    FileSystem* inner = static_cast<const ::rocksdb::FileSystemWrapper*>(base.get())->target();
    // What a wrapper wraps lives as long as the wrapper.
    base = SharedFileSystem(base, inner);
  }
  return base;
}

Result<Made> make(std::shared_ptr<Coffer> coffer, SharedFileSystem base) {
  COFFER_ASSIGN(Made made, rocks::wrap(std::move(coffer), std::move(base)));
  return made;
}

Result<Made> make(const std::string& directory, SharedFileSystem base, const FileSystemOptions& options) {
  COFFER_ASSIGN(auto coffer, Coffer::open(Disk::posix(), directory,
                                          {.root_uri = options.root_uri,
                                           .open_anchor = open_anchor,
                                           .open_keyring_store = open_keyring_store,
                                           .waits_its_turn = true},
                                          open_provider));
  return make(std::move(coffer), std::move(base));
}

Result<Made> make(const std::string& uri) {
  COFFER_ASSIGN(rocks::CofferUri parsed, rocks::parse_uri(uri));
  SharedFileSystem base;
  if (!parsed.base.empty()) {
    ::rocksdb::Status status = FileSystem::CreateFromString(::rocksdb::ConfigOptions(), parsed.base, &base);
    if (!status.ok() || base == nullptr) {
      return {Code::kInvalidArgument, "base file system \"" + parsed.base + "\": " + status.ToString()};
    }
  }
  return make(parsed.directory, std::move(base), {parsed.root_uri});
}

Result<SharedFileSystem> shared(Result<Made> made) {
  if (!made.is_ok()) return made.status();
  return SharedFileSystem(std::move(*made));
}

FileSystem* make_registered(const std::string& uri, Made* guard, std::string* message) {
  auto made = no_throw<Made>([&] { return make(uri); });
  if (made.is_ok()) {
    *guard = std::move(*made);
    return guard->get();
  }
  *message = made.status().to_string();
  std::fprintf(stderr, "coffer: %s\n", message->c_str());
  return nullptr;
}

}  // namespace

Result<std::unique_ptr<CofferFileSystem>> rocks::wrap(std::shared_ptr<Coffer> coffer, SharedFileSystem base) {
  if (base == nullptr) base = default_base.load()();
  base = without_coffer(std::move(base));
  if (base == nullptr) return {Code::kInvalidArgument, "there is no file system to wrap"};
  coffer->policy().enable();  // it may want the root key to be watched more closely
  coffer->watch_keys();
  return std::make_unique<CofferFileSystem>(std::move(coffer), base);
}

void rocks::set_default_base(DefaultBase original) { default_base = original; }

Result<SharedFileSystem> open_coffer_file_system(const std::string& coffer_directory, SharedFileSystem base,
                                                 const FileSystemOptions& options) noexcept {
  return no_throw<SharedFileSystem>([&] { return shared(make(coffer_directory, std::move(base), options)); });
}

Result<SharedFileSystem> make_coffer_file_system(std::shared_ptr<Coffer> coffer, SharedFileSystem base) noexcept {
  return no_throw<SharedFileSystem>([&] { return shared(make(std::move(coffer), std::move(base))); });
}

Result<SharedFileSystem> open_coffer_uri(const std::string& uri) noexcept {
  return no_throw<SharedFileSystem>([&] { return shared(make(uri)); });
}

Result<std::shared_ptr<::rocksdb::Env>> open_coffer_env(const std::string& coffer_directory,
                                                        const FileSystemOptions& options) noexcept {
  using SharedEnv = std::shared_ptr<::rocksdb::Env>;
  return no_throw<SharedEnv>([&]() -> Result<SharedEnv> {
    COFFER_ASSIGN(SharedFileSystem file_system, open_coffer_file_system(coffer_directory, nullptr, options));
    return SharedEnv(::rocksdb::NewCompositeEnv(file_system));
  });
}

void register_coffer() {
  static std::once_flag once;
  std::call_once(once, [] {
    ::rocksdb::ObjectLibrary::Default()->AddFactory<FileSystem>(
        ::rocksdb::ObjectLibrary::PatternEntry("coffer", false).AddSeparator("://", false), make_registered);
  });
}

}  // namespace coffer
