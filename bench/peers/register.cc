// Loaded with LD_PRELOAD into an unmodified RocksDB tool, makes the peers available by --fs_uri:
//   encrypted-fs-aes://    RocksDB's EncryptedFileSystem and CTR provider, with AES-256 as the block cipher
//   encrypted-fs-rot13://  the same with the only block cipher RocksDB ships: no encryption, the floor of that design
//   context-per-call://    RocksDB's EncryptedFileSystem over AES-256-CTR with a cipher context per call
#include "cipher.h"
#include "rocksdb/convenience.h"
#include "rocksdb/file_system.h"
#include "rocksdb/utilities/object_registry.h"

namespace coffer_peers {
namespace {

using MakeProvider = std::shared_ptr<rocksdb::EncryptionProvider> (*)();

// Null, and then the file system cannot be made, when this RocksDB has no such cipher.
std::shared_ptr<rocksdb::EncryptionProvider> make_rot13_provider() {
  std::shared_ptr<rocksdb::BlockCipher> cipher;
  const auto status = rocksdb::BlockCipher::CreateFromString(rocksdb::ConfigOptions(), "ROT13:16", &cipher);
  return status.ok() ? rocksdb::EncryptionProvider::NewCTRProvider(cipher) : nullptr;
}

// The registry takes raw pointers that it frees, EncryptedFileSystem comes shared: this passes every call on to it.
class SharedFileSystem final : public rocksdb::FileSystemWrapper {
 public:
  SharedFileSystem(std::shared_ptr<rocksdb::FileSystem> target, std::string name)
      : FileSystemWrapper(std::move(target)), name_(std::move(name)) {}
  const char* Name() const override { return name_.c_str(); }

 private:
  const std::string name_;
};

void add(const std::string& scheme, MakeProvider make_provider) {
  auto make_file_system = [scheme, make_provider](const std::string&, std::unique_ptr<rocksdb::FileSystem>* guard,
                                                  std::string* error) -> rocksdb::FileSystem* {
    const auto provider = make_provider();
    if (provider == nullptr) {
      *error = scheme + ": this RocksDB has no such block cipher";
      return nullptr;
    }
    auto encrypted = rocksdb::NewEncryptedFS(rocksdb::FileSystem::Default(), provider);
    *guard = std::make_unique<SharedFileSystem>(std::move(encrypted), scheme);
    return guard->get();
  };
  const auto pattern = rocksdb::ObjectLibrary::PatternEntry(scheme, false).AddSeparator("://", false);
  rocksdb::ObjectLibrary::Default()->AddFactory<rocksdb::FileSystem>(pattern, make_file_system);
}

[[gnu::constructor]] void add_all() {
  add("encrypted-fs-aes", [] { return rocksdb::EncryptionProvider::NewCTRProvider(make_aes_block_cipher()); });
  add("encrypted-fs-rot13", make_rot13_provider);
  add("context-per-call", make_context_per_call_provider);
}

}  // namespace
}  // namespace coffer_peers
