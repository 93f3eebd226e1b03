// A coffer, opened: where keys meet files. Every engine, tool and command goes through this class.
//
// Thread-safe. The keyring is an immutable snapshot swapped as a whole; readers never wait for a reload.
#pragma once

#include <chrono>
#include <functional>
#include <mutex>
#include <thread>

#include "coffer/config/config.h"
#include "coffer/format/envelope.h"
#include "coffer/keys/keyring_store.h"
#include "coffer/keys/version_anchor.h"

namespace coffer {

// What came of an unlocked file header: enough to open or continue the body.
struct OpenedFile {
  EnvelopeFields fields;
  FileKey file_key;
};

// A new file's header, ready to be written at offset 0, and its key.
struct NewFile {
  EnvelopeFields fields;
  FileKey file_key;
  std::array<uint8_t, kEnvelopeSize> envelope{};
};

struct NewFileRequest {
  Kind kind = Kind::kBlocks;
  Suite suite = Suite::kAes256Gcm;
  int chunk_log2 = 0;  // blocks only
  std::string_view domain = kSystemDomain;
  Id store_id{};
};

class Coffer {
 public:
  ~Coffer();
  Coffer(const Coffer&) = delete;
  Coffer& operator=(const Coffer&) = delete;

  struct CreateOptions {
    std::string root_uri;
    Config config;
    // The text of coffer.yaml; empty: format_config(config). REQUIRES: parse_config() makes `config` of it.
    std::string config_text = {};
    AnchorOpener open_anchor = open_anchor_at_path;
  };
  struct OpenOptions {
    // Instead of the URI in the keyring's slot: the same root key at another place.
    std::string root_uri = {};
    AnchorOpener open_anchor = open_anchor_at_path;
    // Else domains in coffer.yaml that the keyring does not have are an error.
    bool domains_may_be_missing = false;
  };

  // Makes the directory (or takes an empty one) with coffer.yaml and keyring. Fails with kAlreadyExists on a coffer and
  // kInvalidArgument on a directory with other things in it; nothing on disk changes then.
  static Status create(Disk& disk, const std::string& directory, const CreateOptions& options, ProviderOpener opener);
  // Unlocks the keyring with its root key.
  static Result<std::shared_ptr<Coffer>> open(Disk& disk, const std::string& directory, const OpenOptions& options,
                                              ProviderOpener opener);

  const std::string& directory() const { return directory_; }
  const Config& config() const { return config_; }
  Disk& disk() const { return disk_; }
  std::shared_ptr<const Keyring> keyring() const;
  // As stored: for status and inspect.
  Result<KeyringHeader> keyring_header() const;

  // coffer.yaml as it is now, for opening key providers.
  Result<ProviderConfig> provider_config() const;

  // Picks up a newer keyring if there is one. Cheap when nothing changed. kRolledBack when the stored one is older than
  // the one in use (which stays in use).
  Status refresh();
  // Ok, or why the last look at the stored keyring failed while the process went on with the keys it has.
  Status last_refresh() const;
  // Applies `change` to the newest keyring and saves it, repeating after a lost race. `change` must be repeatable.
  Status update(const std::function<Status(Keyring&)>& change);
  // New keyring key, wrapped by the root key of `root_uri` (empty: the current URI's current key). No file is touched.
  Status rotate_root(const std::string& root_uri);

  // The store of a directory or file path: the nearest known one, or `directory_of_file` registered as a new one.
  Result<Id> store_for(const std::string& directory_of_file);

  // A fresh file under the domain's active key. Refreshes the keyring first, so a rotation takes effect at once; that
  // of a root key, as soon as its provider has answered, which this does not wait for.
  Result<NewFile> new_file(const NewFileRequest& request);
  // Opens the header of an existing file. `path` is for messages only. Refreshes once if the key is unknown.
  // kTruncated, kPlaintext, kDamaged, kUnsupported, kWrongKey, kTampered as scan_envelope() and open_envelope();
  // kKeyUnavailable for an unknown or destroyed key; kRolledBack when the file has seen a newer keyring than the stored
  // one, or why that one could not be taken up.
  Result<OpenedFile> open_file(ByteView envelope, const std::string& path);
  // The same for a header scanned already. REQUIRES: scan.current >= 0.
  Result<OpenedFile> open_file(const EnvelopeScan& scan, const std::string& path);
  // The replacement slot that says of a complete ctr body how long it is and what its MAC is, under the domain's active
  // key. `scan` is a header that the file has or had; held: lock_envelopes().
  Result<SlotUpdate> close_ctr_body(const EnvelopeScan& scan, const FileKey& file_key, uint64_t body_size,
                                    const std::array<uint8_t, kTagSize>& body_mac);

  // Held by whoever rewrites an envelope in place (rewrap, closing a ctr body, recycling a file).
  Result<std::unique_ptr<FileLock>> lock_envelopes() const;

 private:
  Coffer(Disk& disk, std::string directory, ProviderOpener opener)
      : disk_(disk), directory_(std::move(directory)), opener_(opener) {}
  Status load(const OpenOptions& options);
  Result<KeyringKey> unlock(const KeyringHeader& header) const;
  // Before a new file: not worth waiting for.
  Status refresh_while_serving();
  // For a file whose key the keyring in use does not have.
  Status refresh_for_file();
  // Whether a keyring whose root key was rotated is unlocked now, which waits for the provider, or by a thread of its
  // own, so that no file operation does.
  enum class Unlocking { kNow, kAside };
  void unlock_aside();
  // REQUIRES for the functions that follow: reload_mutex_ is held.
  Status reload_if_changed(Unlocking unlocking);
  Status reload_unless_just_failed(Unlocking unlocking);
  Status reload(Unlocking unlocking);
  // A keyring as loaded, and what the anchor remembered just before.
  struct Stored {
    Bytes sealed;
    std::optional<KeyringMark> mark;
  };
  Result<Stored> load_stored();
  Status adopt(const Stored& stored, Unlocking unlocking);
  Status check_succession(const KeyringHeader& header, const Sha256& hash) const;
  Status save_successor(Keyring next, ByteView current_sealed, std::span<const KeyringSlot> slots,
                        const KeyringKey& key);

  Disk& disk_;
  std::string directory_;
  ProviderOpener opener_;
  Config config_;
  std::unique_ptr<KeyringStore> keyring_store_;
  std::unique_ptr<VersionAnchor> anchor_;

  // Held while a keyring is loaded, unlocked or saved, which may wait for a provider.
  std::mutex reload_mutex_;
  std::string root_uri_override_;
  KeyringKey keyring_key_;
  Sha256 sealed_hash_{};
  Status reload_failure_;
  std::chrono::steady_clock::time_point last_reload_;
  std::thread unlocker_;
  bool unlocker_runs_ = false;

  // Held for an instant only. keyring_ is written with both held, so either is enough to read it.
  mutable std::mutex mutex_;
  std::shared_ptr<const Keyring> keyring_;
  Status last_refresh_;
};

}  // namespace coffer
