#include "coffer/store/root_memory.h"

#include "coffer/base/clock.h"
#include "coffer/base/period.h"

namespace coffer {
namespace {

class FileRootMemory final : public RootMemory {
 public:
  FileRootMemory(Disk& disk, std::shared_ptr<ConfigFile> config, ProviderOpener open_provider, std::string directory)
      : disk_(disk), config_(std::move(config)), open_provider_(open_provider), directory_(std::move(directory)) {}

  Result<std::optional<LocalUnlocking>> unlock(const KeyringHeader& header) override {
    COFFER_ASSIGN(const Config config, config_->read());
    if (!config.local_unlock) return std::optional<LocalUnlocking>();
    COFFER_ASSIGN(const Id machine, own_machine_id());
    COFFER_ASSIGN(LocalUnlocking out,
                  LocalCopyFile(disk_, config, open_provider_, machine).open(header, now_seconds()));
    return std::optional(std::move(out));
  }

  Status confirm(const Keyring& keyring, uint64_t answered) override {
    COFFER_ASSIGN(const Id machine, own_machine_id());
    const auto records = read_root_records(disk_, directory_, keyring);
    // Who takes the record away has less known, and keeps nobody out by that.
    const auto own = records.is_ok() ? records->find(machine.hex()) : RootRecords::const_iterator();
    if (!records.is_ok() || own == records->end()) return Status::ok();
    const RootRecord& record = own->second;
    const std::string back = "; it was put back: bring the root key's provider back";
    if (record.copy_path.empty()) {
      const bool is_revoked = record.sighting.trouble == RootTrouble::kRevoked;
      return {Code::kRolledBack,
              "the local unlock was given up on this machine" +
                  (is_revoked ? ", as the root key was found revoked at " + utc_text(record.sighting.since)
                              : std::string()) +
                  back};
    }
    if (record.copy_answered <= answered) return Status::ok();
    return {Code::kRolledBack, "the local unlock " + record.copy_path + " is of " + utc_text(answered) +
                                   ", and this machine has kept one of " + utc_text(record.copy_answered) + back};
  }

  Status note(const RootSighting& sighting, const Keyring& keyring, const KeyringHeader& header,
              const KeyringKey& key) override {
    COFFER_ASSIGN(const Id machine, own_machine_id());
    Known known;
    if (const auto records = read_root_records(disk_, directory_, keyring); records.is_ok()) {
      const auto own = records->find(machine.hex());
      if (own != records->end()) known = {own->second.copy_path, own->second.copy_answered, true, false};
    }
    const Status kept = follow_copy(sighting, header, key, machine, known);
    const Status recorded = update_root_record(disk_, directory_, keyring, machine, [&](RootRecord& record) {
                              record.add(sighting);
                              if (!known.is_news) return;
                              record.copy_path = known.path;
                              record.copy_answered = known.answered;
                            }).with_context("record of the root key");
    // Who may only read here keeps no record.
    return kept.is_ok() && recorded.code() != Code::kPermissionDenied ? recorded : kept;
  }

 private:
  // Of this machine's copy.
  struct Known {
    std::string path;  // empty: there is none
    uint64_t answered = 0;
    bool is_recorded = false;
    bool is_news = false;  // this program has just made or removed it
  };

  // `known` says afterwards which copy there is.
  Status follow_copy(const RootSighting& sighting, const KeyringHeader& header, const KeyringKey& key,
                     const Id& machine, Known& known) {
    const auto config = config_->read();
    const bool is_revoked = sighting.trouble == RootTrouble::kRevoked;
    if (!config.is_ok() && !is_revoked) return config.status();
    const std::string wanted =
        config.is_ok() && config->local_unlock ? config->local_unlock->path_of(config->coffer_id) : "";
    Status gone;
    if (!known.path.empty() && (is_revoked || known.path != wanted)) {
      gone = LocalCopyFile::destroy(disk_, known.path);
    }
    // Also one that nothing was recorded of.
    if (is_revoked && !wanted.empty() && wanted != known.path) {
      const Status other = LocalCopyFile::destroy(disk_, wanted);
      if (gone.is_ok()) gone = other;
    }
    // Who has lost the record does not know of a copy that was given up.
    if (!known.is_recorded && sighting.trouble == RootTrouble::kUnreachable) known = {wanted, 0, true, true};
    if (is_revoked || (!known.path.empty() && known.path != wanted)) known = {"", 0, true, true};
    if (is_revoked || wanted.empty() || key.empty()) return gone.with_context("a copy that is not to be kept");
    const LocalCopyFile file(disk_, *config, open_provider_, machine);
    if (sighting.trouble == RootTrouble::kUnreachable) return file.see(key);
    COFFER_ASSIGN(known.answered, file.keep(header, key));
    known.path = wanted;
    known.is_news = true;
    return gone.with_context("a copy that is not to be kept");
  }

  Disk& disk_;
  const std::shared_ptr<ConfigFile> config_;
  const ProviderOpener open_provider_;
  const std::string directory_;
};

}  // namespace

std::unique_ptr<RootMemory> open_root_memory(Disk& disk, std::shared_ptr<ConfigFile> config,
                                             ProviderOpener open_provider, std::string directory) {
  return std::make_unique<FileRootMemory>(disk, std::move(config), open_provider, std::move(directory));
}

}  // namespace coffer
