// A coffer, opened: its configuration, its keyring, and the envelopes of files, where keys meet files. Every engine,
// tool and command goes through this class. Thread-safe. In a child of fork() whatever needs a key fails with
// kKeyUnavailable.
#pragma once

#include "coffer/config/config.h"
#include "coffer/format/blob.h"
#include "coffer/format/envelope.h"
#include "coffer/store/file_counts.h"
#include "coffer/store/freshness.h"
#include "coffer/store/key_watch.h"
#include "coffer/store/node_reporter.h"
#include "coffer/store/places.h"
#include "coffer/store/policy_watch.h"
#include "coffer/store/rollout_watch.h"
#include "coffer/store/store_register.h"
#include "coffer/store/surroundings.h"

namespace coffer {

// What came of an unlocked file header: enough to open or continue the body.
struct OpenedFile {
  EnvelopeFields fields;
  FileKey file_key;
  KeyLease lease = {};
};

// A new file's header, ready to be written at offset 0, and its key.
struct NewFile {
  EnvelopeFields fields;
  FileKey file_key;
  std::array<uint8_t, kEnvelopeSize> envelope{};
  KeyLease lease = {};
  KeyringUsePtr use = {};  // until the header is written
};

// Whether files of a locked domain are opened: no, but for who rewrites their headers, and nothing else of them.
enum class IfLocked : uint8_t { kRefuse, kOpen };

struct NewFileRequest {
  Kind kind = Kind::kBlocks;
  Suite suite = Suite::kAes256Gcm;
  int chunk_log2 = 0;  // blocks only
  std::string_view domain = kSystemDomain;
  Id store_id{};
  Sha256 earlier_body{};  // of a log that is recycled: earlier_body_of()
};

// A key for an engine that encrypts by itself, of those that a domain key gives.
struct DerivedKeyRequest {
  std::string_view domain;
  uint32_t version = 0;  // the domain key's number
  std::string_view label;  // docs/format.md, "Derivation"
  ByteView context;
  size_t size = 32;
};

class Coffer : public std::enable_shared_from_this<Coffer> {
 public:
  Coffer(const Coffer&) = delete;
  Coffer& operator=(const Coffer&) = delete;

  struct CreateOptions {
    // Where the root key is; or the name that the configuration has for it.
    std::string root_uri;
    Config config = {};
    // The text of coffer.yaml, instead of `config`.
    std::string config_text = {};
    // The keyring's directory, if it is not the coffer's own: then `place` is the configuration file.
    std::string keyring = {};
    AnchorOpener open_anchor = open_anchor_at_path;
    KeyringStoreOpener open_keyring_store = open_no_keyring_store;
  };
  struct OpenOptions {
    // Instead of the URI that is configured: the same root key at another place.
    std::string root_uri = {};
    AnchorOpener open_anchor = open_anchor_at_path;
    KeyringStoreOpener open_keyring_store = open_no_keyring_store;
    // Instead of the keyring's directory that is configured.
    std::string keyring = {};
    // A coffer that was copied or moved is opened too, for looking at: nothing of it may be changed.
    bool may_be_away = false;
    // Else domains in coffer.yaml that the keyring does not have are an error.
    bool domains_may_be_missing = false;
    // Of a program that serves: where the policy has `unlock_spread`, waits a random part of that first, so that a
    // fleet that starts at once does not ask its provider at once.
    bool waits_its_turn = false;
    // Besides those of coffer.yaml, and before them.
    std::vector<StorePlace> stores = {};
    // With `freshness: on`: how often marks of stores are brought up to date.
    std::chrono::milliseconds mark_interval = Freshness::kInterval;
    // How often a node that is of the coffer says at most what it serves.
    std::chrono::milliseconds report_interval = NodeReporter::kInterval;
  };

  // Makes the directory `place` (or takes an empty one) with coffer.yaml and keyring. Fails with kAlreadyExists on a
  // coffer and kInvalidArgument on a directory with other things in it; nothing on disk changes then.
  static Status create(Disk& disk, const std::string& place, const CreateOptions& options, ProviderOpener opener);
  // A new configuration for a keyring that is there and has lost its own: `place` and `options` as create() has them.
  // Of the keyring only the coffer's id and its root's name are taken over, and only if the root key that `options`
  // name opens it; else nothing is written, with open()'s errors. kAlreadyExists: there is a configuration.
  static Status restore_config(Disk& disk, const std::string& place, const CreateOptions& options,
                               ProviderOpener opener);
  // An independent coffer in `directory`, new or empty: the same keys and configuration, an id of its own, no stores
  // and no anchor. From this one or from a copy of it. Errors as create().
  Status clone_to(const std::string& directory, ProviderOpener opener) const;
  // `place` is a coffer's directory or its configuration file. Unlocks the keyring with its root key. kForeign for one
  // that was copied or moved; kPermissionDenied for a configuration that somebody else could have written.
  static Result<std::shared_ptr<Coffer>> open(Disk& disk, const std::string& place, const OpenOptions& options,
                                              ProviderOpener opener);

  // The keyring's.
  const std::string& directory() const { return directory_; }
  // Whether a file of this name in the coffer's directory is the coffer's, and no store's.
  static bool is_own_file(std::string_view name);
  const std::string& config_path() const;
  // Ok, or kForeign: this is a copy, which may be looked at only.
  const Status& at_home() const { return at_home_; }
  const Config& config() const { return config_; }
  Disk& disk() const { return disk_; }
  // The keys there are now: an immutable snapshot, at once.
  std::shared_ptr<const Keyring> keyring() const { return keyring_->snapshot(); }
  // For who changes the keyring, or wants to know how it keeps up.
  LiveKeyring& live_keyring() const { return *keyring_; }

  // coffer.yaml as it is now, where config() is as it was at opening.
  Result<Config> present_config() const { return config_file_->read(); }
  // The same, for opening key providers.
  Result<ProviderConfig> provider_config() const;
  // Changes coffer.yaml: `change` makes its new text of the present one. For commands of an operator; engines never do.
  Status edit_config(const std::function<Result<std::string>(std::string_view yaml)>& change);
  // Nobody else does that while `what` is done; as far as this user may lock it.
  Status with_config_unedited(const std::function<Status()>& what);

  // Where files may be, and the stores there are.
  const Places& places() const { return places_; }
  StoreRegister& stores() { return stores_; }
  // Null unless coffer.yaml has `freshness: on`.
  Freshness* freshness() const { return freshness_.get(); }

  // What is written under which key.
  KeyUsage& usage() { return usage_; }
  // How many files there are under which key, for `coffer status`. Nothing may be decided by it.
  FileCounts& file_counts() { return file_counts_; }
  // Which key this node makes files under while a rotation comes to some nodes first.
  const RolloutWatch& rollouts() const { return rollouts_; }
  // Which keyrings the programs of this machine make headers by.
  KeyringUses& keyring_uses() { return keyring_uses_; }
  // Carries coffer.yaml's policy out, once enabled and as long as this process makes files.
  PolicyWatch& policy() { return policy_; }
  const PolicyWatch& policy() const { return policy_; }
  // This node's keys, by the providers that it was opened by. Errors as open_node_identity().
  Result<NodeIdentity> own_identity() const;
  // For an engine, which has files open for long: from now on this process looks at its root key, takes keys back
  // (store/key_watch.h), and says what it serves where this node has keys of its own (store/node_reporter.h).
  void watch_keys();

  // A fresh file under the domain's active key. Refreshes the keyring first, so a rotation takes effect at once; that
  // of a root key, as soon as its provider has answered, which only the first file waits for, and not where this
  // process watches its keys.
  Result<NewFile> new_file(const NewFileRequest& request);
  // A header for a file that another coffer made, whose key came here: of `body` counts what binds the body. Errors as
  // new_file().
  Result<NewFile> take_over(const EnvelopeFields& body, FileKey file_key, std::string_view domain, const Id& store_id);
  // Gives each domain whose active key has expired a fresh one, and so lets old files be brought under it. Writing new
  // files does the same by itself.
  Status renew_expired_keys();
  // Opens the header of an existing file, if it is at its place: `path` is the one it is opened by. Refreshes once if
  // the key or the place is unknown. Errors as unlock(), and kForeign for a genuine file of another store or domain.
  Result<OpenedFile> open_file(ByteView envelope, const std::string& path);
  // The same for a header scanned already. REQUIRES: scan.current >= 0.
  Result<OpenedFile> open_file(const EnvelopeScan& scan, const std::string& path,
                               IfLocked if_locked = IfLocked::kRefuse);
  // The same wherever the file is: for whoever judges places. `path` is for messages only. kTruncated, kPlaintext,
  // kDamaged, kUnsupported, kWrongKey, kTampered as scan_envelope() and open_envelope(); kKeyUnavailable: an unknown
  // key, a locked domain, or keys that were taken from this process; kKeyDestroyed; kRolledBack when the file, which is
  // genuine, has seen a newer keyring, or why that one could not be taken up.
  Result<OpenedFile> unlock(ByteView envelope, const std::string& path);
  Result<OpenedFile> unlock(const EnvelopeScan& scan, const std::string& path, IfLocked if_locked = IfLocked::kRefuse);
  // kForeign unless a file that was unlocked may be opened at `path`; `shown` as Places::check().
  Status check_place(const EnvelopeFields& fields, const std::string& path, const std::string& shown = {});
  // The replacement slot that says of a complete ctr body how long it is and what its MAC is, under the domain's active
  // key. `scan` is a header that the file has or had; held: lock_envelopes().
  Result<SlotUpdate> close_ctr_body(const EnvelopeScan& scan, const FileKey& file_key, uint64_t body_size,
                                    const std::array<uint8_t, kTagSize>& body_mac);

  // Messages that a program keeps for itself: format/blob.h. kInvalidArgument and kLimitExceeded for sizes; of keys,
  // errors as new_file(). REQUIRES: out.size() is kBlobOverhead more than plaintext.size()
  Status seal_blob(BlobPurpose purpose, std::string_view domain, ByteView context, ByteView plaintext,
                   MutableBytes out);
  // Nothing of the message is left in `out` on failure. kInvalidArgument for a blob of another purpose, and where `out`
  // is shorter than its message. Of keys, errors as unlock(); of bytes, as read_blob() and coffer::open_blob().
  Status open_blob(ByteView blob, BlobPurpose purpose, ByteView context, MutableBytes out);
  // The same message, under the active key of its domain. REQUIRES: out.size() is blob.size(); they do not overlap
  Status reseal_blob(ByteView blob, ByteView context, MutableBytes out);

  // Whether reseal_blob() would bring it under another key. Nothing of the blob is proved. Errors as read_blob(), and
  // of its key as unlock().
  Result<bool> is_blob_outdated(ByteView blob);

  // For an engine that encrypts by itself: the number of the domain's key that may protect now; derived_key.cc. As the
  // keyring in hand has it, at once, but where that key has expired. kNotFound: no such domain; kKeyUnavailable: it is
  // locked, has no active key, or keys were taken from this process.
  Result<uint32_t> protecting_version(std::string_view domain);
  // Errors as protecting_version(); kKeyDestroyed; kKeyUnavailable also for a version that the stored keyring does not
  // have, or that is only to become active.
  Result<SecretBytes> derive_key(const DerivedKeyRequest& request);

  // Held by whoever rewrites an envelope in place (rewrap, closing a ctr body, recycling a file).
  Result<std::unique_ptr<FileLock>> lock_envelopes() const;

 private:
  Coffer(Disk& disk, KeyringPlace place, Config config, std::shared_ptr<ConfigFile> config_file,
         std::unique_ptr<LiveKeyring> keyring, const OpenOptions& options, std::unique_ptr<Freshness> freshness,
         ProviderOpener opener)
      : disk_(disk),
        directory_(std::move(place.directory)),
        at_home_(std::move(place.at_home)),
        config_(std::move(config)),
        config_file_(std::move(config_file)),
        keyring_(std::move(keyring)),
        places_(disk, config_, directory_, options.stores),
        stores_(disk, *keyring_, places_),
        freshness_(std::move(freshness)),
        usage_(disk, directory_, *keyring_),
        file_counts_(disk, directory_, *keyring_, places_),
        keyring_uses_(disk, directory_, *keyring_),
        rollouts_(*keyring_, [this] { return own_node_name(); }),
        policy_(*keyring_, *config_file_, usage_, file_counts_, rollouts_, config_.policy),
        key_watch_(*keyring_, policy_, keyring_uses_),
        opener_(opener),
        reporter_(
            *keyring_, rollouts_, [this] { return own_identity(); }, ServingMark(disk_, directory_),
            options.report_interval) {}
  std::string own_node_name() const;
  // A domain, and its key that may wrap now.
  struct Wrapping {
    std::shared_ptr<const Keyring> keys;
    const Domain* domain = nullptr;
    const DomainKeyEntry* key = nullptr;
    KeyLease lease = {};
    KeyringUsePtr use = {};

    Result<DomainKey> open_key() const { return keys->open_key({domain, key}); }
  };
  // `fields` but for what says under which key.
  Result<NewFile> seal_new(Wrapping wrapping, const EnvelopeFields& fields, FileKey file_key);
  // A key that may unwrap now.
  struct Unwrapping {
    std::shared_ptr<const Keyring> keys;
    FoundKey key = {};
    KeyLease lease = {};
    Status refreshed = {};  // what came of a look at the stored keyring

    Result<DomainKey> open_key() const { return keys->open_key(key); }
  };
  Result<Wrapping> wrapping_key(std::string_view domain);
  // The same for what is new, if the policy lets this process write now.
  Result<Wrapping> begin_writing(std::string_view domain);
  // What was sealed under this key while the keyring had this version. Refreshes once if need be. Errors as unlock()'s
  // of the key.
  Result<Unwrapping> unwrapping_key(const Id& key, uint64_t keyring_version, const std::string& path,
                                    IfLocked if_locked);
  // kRolledBack, or why the newer keyring could not be taken up, of what is genuine.
  Status check_not_older(const Unwrapping& by, uint64_t keyring_version, const std::string& path) const;
  // Ok, or why this keyring's key opens nothing.
  Status check_key(const Keyring& keys, const FoundKey& key, const std::string& path, IfLocked if_locked) const;
  Status open_blob_of(const BlobFields& fields, ByteView blob, ByteView context, MutableBytes out);
  Status unknown_key(const Id& key, uint64_t keyring_version, const Unwrapping& by) const;

  const OfOneProcess process_;
  Disk& disk_;
  const std::string directory_;
  const Status at_home_;
  const Config config_;
  const std::shared_ptr<ConfigFile> config_file_;
  const std::unique_ptr<LiveKeyring> keyring_;
  const Places places_;
  StoreRegister stores_;
  const std::unique_ptr<Freshness> freshness_;
  KeyUsage usage_;
  FileCounts file_counts_;
  KeyringUses keyring_uses_;
  RolloutWatch rollouts_;
  PolicyWatch policy_;
  KeyWatch key_watch_;
  const ProviderOpener opener_;
  NodeReporter reporter_;
};

}  // namespace coffer
