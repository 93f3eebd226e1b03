// The copy of the keyring key that a machine keeps for an outage of the root key's provider: what is in its file, and
// how that is kept, opened and given up. docs/format.md, "Local unlock".
#pragma once

#include "coffer/config/config.h"
#include "coffer/keys/root_memory.h"

namespace coffer {

struct LocalCopy {
  Id coffer_id;
  Id machine;  // on which it was kept: machine_id_of()
  Id slot_id;  // the keyring's first; another one after each change of the keyring key
  uint64_t keyring_version = 0;
  // Unix seconds: when the root key was last found well, and when a program last used this copy.
  uint64_t answered = 0;
  uint64_t seen = 0;
  RootKeyHandle handle;       // of the local key
  WrappedKeyringKey wrapped;  // the keyring key, by it, bound to coffer and slot
};

// The file's text, authenticated by the keyring key.
Result<std::string> seal_local_copy(const LocalCopy& copy, const KeyringKey& key);
// Nothing is authenticated yet. kDamaged for anything else; `name` is the file's, for errors.
Result<LocalCopy> read_local_copy(std::string_view text, const std::string& name);
// kTampered where whoever wrote it did not have this key.
Status authenticate_local_copy(std::string_view text, const std::string& name, const KeyringKey& key);

// What an installation of an operating system is known by: not the id itself, which is not for other files.
Result<Id> machine_id_of(std::string_view machine_id);
// Of this one. Where a system has no id, all such are one.
Result<Id> own_machine_id();

// Thread-safe, between processes as well. `disk` outlives it.
class LocalCopyFile {
 public:
  // REQUIRES: config.local_unlock.
  LocalCopyFile(Disk& disk, const Config& config, ProviderOpener open_provider, const Id& machine)
      : disk_(disk),
        config_(config),
        open_provider_(open_provider),
        machine_(machine),
        path_(config.local_unlock->path_of(config.coffer_id)) {}

  const std::string& path() const { return path_; }
  // The root key was just found well. Old or new after a crash. Returns when that was.
  Result<uint64_t> keep(const KeyringHeader& header, const KeyringKey& key) const;
  // It was not: what time it is by now, so that the clock cannot go back behind it.
  Status see(const KeyringKey& key) const;
  // As RootMemory::unlock().
  Result<LocalUnlocking> open(const KeyringHeader& header, uint64_t now) const;
  // Overwritten, removed, synced; ok where there is none.
  static Status destroy(Disk& disk, const std::string& path);

 private:
  Result<std::string> load() const;
  Status store(const LocalCopy& copy, const KeyringKey& key) const;
  Status check_belongs(const LocalCopy& copy, const KeyringHeader& header) const;
  Status check_time(const LocalCopy& copy, uint64_t now) const;
  // A root's key would open more than this copy.
  Status check_no_root(RootKeyProvider& local, const RootKeyHandle& handle) const;

  Disk& disk_;
  const Config config_;
  const ProviderOpener open_provider_;
  const Id machine_;
  const std::string path_;
};

}  // namespace coffer
