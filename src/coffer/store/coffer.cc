#include "coffer/store/coffer.h"

#include <algorithm>
#include <ctime>

#include "coffer/crypto/random.h"

namespace coffer {
namespace {

constexpr int kUpdateAttemptsMax = 64;
// A provider that is away is asked again this often, and not for every file.
constexpr std::chrono::seconds kReloadRetryDelay{5};

uint64_t now_seconds() { return static_cast<uint64_t>(std::time(nullptr)); }

std::string join(const std::string& directory, std::string_view name) { return directory + "/" + std::string(name); }

// Fails when `directory` holds anything; makes it when it does not exist. Says whether it was made here.
Result<bool> claim_directory(Disk& disk, const std::string& directory) {
  auto entries = disk.list(directory);
  if (!entries.is_ok() && entries.code() == Code::kNotFound) {
    COFFER_TRY(disk.make_directory(directory, 0700));
    return true;
  }
  if (!entries.is_ok()) return entries.status();
  for (const DirectoryEntry& entry : *entries) {
    if (entry.name == "keyring") {
      return {Code::kAlreadyExists, directory + " is a coffer already; to change its root key use rotate root"};
    }
  }
  if (!entries->empty()) {
    return {Code::kInvalidArgument,
            directory + " is not empty (it holds \"" + entries->front().name + "\"); give a new or empty directory"};
  }
  return false;
}

Result<KeyringSlot> make_slot(RootKeyProvider& provider, const Id& coffer_id, const KeyringKey& keyring_key) {
  KeyringSlot slot;
  COFFER_ASSIGN(slot.id, random_id());
  COFFER_ASSIGN(slot.handle, provider.current());
  COFFER_ASSIGN(slot.wrapped, provider.wrap(slot.handle, WrapContext{coffer_id, slot.id}, keyring_key));
  slot.created = now_seconds();
  slot.provider_uri = provider.uri();
  return slot;
}

bool is_sign_of_attack(const Status& status) {
  return status.code() == Code::kRolledBack || status.code() == Code::kTampered;
}

Result<Config> read_config_of(Disk& disk, const std::string& directory) {
  auto config = read_config(disk, join(directory, "coffer.yaml"));
  if (config.code() != Code::kNotFound) return config;
  return {Code::kNotFound, directory + " is not a coffer: it has no coffer.yaml; coffer init makes one"};
}

// The hash by which the next version, and the anchor, refer to this one.
Result<Sha256> hash_of(ByteView sealed) { return sha256(sealed); }

}  // namespace

Coffer::~Coffer() {
  if (unlocker_.joinable()) unlocker_.join();
}

Status Coffer::create(Disk& disk, const std::string& directory, const CreateOptions& options, ProviderOpener opener) {
  const std::string config_path = join(directory, "coffer.yaml");
  const std::string config_text = options.config_text.empty() ? format_config(options.config) : options.config_text;
  COFFER_ASSIGN(const Config config, parse_config(config_text, config_path));
  COFFER_ASSIGN(auto provider, opener(options.root_uri, config.providers));
  COFFER_ASSIGN(Id coffer_id, random_id());
  COFFER_ASSIGN(KeyringKey keyring_key, random_key<KeyringRole>(32));
  COFFER_ASSIGN(KeyringSlot slot, make_slot(*provider, coffer_id, keyring_key));
  COFFER_ASSIGN(Keyring keyring, Keyring::create(coffer_id, now_seconds()));
  for (const DomainPath& entry : options.config.domains) {
    if (keyring.find_domain(entry.domain) == nullptr) COFFER_TRY(keyring.add_domain(entry.domain, now_seconds()));
  }
  COFFER_ASSIGN(Bytes sealed, KeyringCodec::seal(keyring, std::span(&slot, 1), keyring_key));

  COFFER_ASSIGN(bool made, claim_directory(disk, directory));
  Status status = replace_file(disk, config_path, as_bytes(config_text), 0644);
  if (status.is_ok()) status = open_file_keyring_store(disk, directory)->save(sealed, 0);
  if (status.is_ok()) {
    COFFER_ASSIGN(Sha256 hash, hash_of(sealed));
    if (!options.config.anchor.empty()) {
      auto anchor = options.open_anchor(disk, options.config.anchor, coffer_id, directory);
      status = anchor.is_ok() ? (*anchor)->advance({keyring.version(), hash}) : anchor.status();
    }
  }
  if (!status.is_ok()) {
    // Best effort: the error that counts is the one above.
    for (std::string_view name : {"keyring", "keyring.lock", "anchor.lock", "coffer.yaml"}) {
      if (!disk.remove(join(directory, name)).is_ok()) continue;
    }
    if (made && !disk.remove(directory).is_ok()) status = status.with_context("left behind: " + directory);
  }
  return status;
}

Result<std::shared_ptr<Coffer>> Coffer::open(Disk& disk, const std::string& directory, const OpenOptions& options,
                                             ProviderOpener opener) {
  std::shared_ptr<Coffer> coffer(new Coffer(disk, directory, opener));
  COFFER_TRY(coffer->load(options));
  return coffer;
}

Status Coffer::load(const OpenOptions& options) {
  COFFER_ASSIGN(config_, read_config_of(disk_, directory_));
  root_uri_override_ = options.root_uri;
  keyring_store_ = open_file_keyring_store(disk_, directory_);
  std::lock_guard lock(reload_mutex_);
  if (!config_.anchor.empty()) {
    COFFER_ASSIGN(Stored stored, load_stored());
    COFFER_ASSIGN(KeyringHeader header, KeyringCodec::read_header(stored.sealed));
    COFFER_ASSIGN(anchor_, options.open_anchor(disk_, config_.anchor, header.coffer_id, directory_));
  }
  COFFER_ASSIGN(Stored stored, load_stored());
  COFFER_TRY(adopt(stored, Unlocking::kNow));
  return options.domains_may_be_missing ? Status::ok() : check_domains(config_, *keyring_);
}

Result<Coffer::Stored> Coffer::load_stored() {
  Stored stored;
  // The anchor first: a keyring saved in between is then newer than what it says, never older.
  if (anchor_ != nullptr) {
    COFFER_ASSIGN(stored.mark, anchor_->load());
  }
  auto snapshot = keyring_store_->load();
  if (!snapshot.is_ok()) return snapshot.status();
  stored.sealed = std::move(snapshot->sealed);
  return stored;
}

Result<ProviderConfig> Coffer::provider_config() const {
  COFFER_ASSIGN(Config config, read_config_of(disk_, directory_));
  return std::move(config.providers);
}

Result<KeyringKey> Coffer::unlock(const KeyringHeader& header) const {
  COFFER_ASSIGN(const ProviderConfig config, provider_config());
  Status first_failure;
  for (const KeyringSlot& slot : header.slots) {
    const std::string& uri = root_uri_override_.empty() ? slot.provider_uri : root_uri_override_;
    auto key = [&]() -> Result<KeyringKey> {
      COFFER_ASSIGN(auto provider, opener_(uri, config));
      return provider->unwrap(slot.handle, WrapContext{header.coffer_id, slot.id}, slot.wrapped);
    }();
    if (key.is_ok()) return key;
    if (first_failure.is_ok()) first_failure = key.status();
  }
  return first_failure.with_context("cannot unlock the keyring of " + directory_);
}

Status Coffer::adopt(const Stored& stored, Unlocking unlocking) {
  const Bytes& sealed = stored.sealed;
  COFFER_ASSIGN(KeyringHeader header, KeyringCodec::read_header(sealed));
  COFFER_ASSIGN(Sha256 hash, hash_of(sealed));
  if (keyring_ != nullptr) {
    COFFER_TRY(check_succession(header, hash));
    if (header.version == keyring_->version()) return Status::ok();
  }
  KeyringKey key = keyring_key_.clone();
  auto opened =
      keyring_ != nullptr ? KeyringCodec::open(sealed, key) : Result<Keyring>(Code::kWrongKey, "no keyring key yet");
  if (opened.code() == Code::kWrongKey) {
    // The root key was rotated, or this is the first time.
    if (unlocking == Unlocking::kAside) {
      unlock_aside();
      return {Code::kProviderUnavailable, "the root key was changed; its provider is being asked for the new one"};
    }
    COFFER_ASSIGN(key, unlock(header));
    opened = KeyringCodec::open(sealed, key);
  }
  if (!opened.is_ok()) return opened.status().with_context(join(directory_, "keyring"));
  COFFER_TRY(check_mark(stored.mark, {header.version, hash}).with_context(join(directory_, "keyring")));
  if (anchor_ != nullptr) COFFER_TRY(anchor_->advance({header.version, hash}));
  auto adopted = std::make_shared<const Keyring>(std::move(*opened));
  keyring_key_ = std::move(key);
  sealed_hash_ = hash;
  std::lock_guard lock(mutex_);
  keyring_ = std::move(adopted);
  return Status::ok();
}

Status Coffer::check_succession(const KeyringHeader& header, const Sha256& hash) const {
  const std::string path = join(directory_, "keyring");
  if (header.coffer_id != keyring_->coffer_id()) {
    return {Code::kTampered, path + " now belongs to coffer " + header.coffer_id.short_hex() + ", it was " +
                                 keyring_->coffer_id().short_hex() + "; restore the right one"};
  }
  if (header.version < keyring_->version()) {
    return {Code::kRolledBack, path + " went back from version " + std::to_string(keyring_->version()) + " to " +
                                   std::to_string(header.version) + "; restore the newer one"};
  }
  if (header.version == keyring_->version() && hash != sealed_hash_) {
    return {Code::kTampered, path + " was replaced by another version " + std::to_string(header.version)};
  }
  return Status::ok();
}

std::shared_ptr<const Keyring> Coffer::keyring() const {
  std::lock_guard lock(mutex_);
  return keyring_;
}

Result<KeyringHeader> Coffer::keyring_header() const {
  COFFER_ASSIGN(KeyringStore::Snapshot snapshot, keyring_store_->load());
  return KeyringCodec::read_header(snapshot.sealed);
}

Status Coffer::refresh() {
  std::lock_guard lock(reload_mutex_);
  return reload_if_changed(Unlocking::kNow);
}

void Coffer::unlock_aside() {
  if (unlocker_runs_) return;
  if (unlocker_.joinable()) unlocker_.join();
  unlocker_runs_ = true;
  unlocker_ = std::thread([this] {
    std::lock_guard lock(reload_mutex_);
    // What comes of it is kept for last_refresh(), and for the next who asks.
    [[maybe_unused]] const Status kept = reload_if_changed(Unlocking::kNow);
    unlocker_runs_ = false;
  });
}

Status Coffer::reload_if_changed(Unlocking unlocking) {
  // What could not be taken over must be looked at again, although it has not changed since.
  if (!keyring_store_->may_have_changed() && reload_failure_.is_ok()) return Status::ok();
  reload_failure_ = reload(unlocking);
  last_reload_ = std::chrono::steady_clock::now();
  std::lock_guard lock(mutex_);
  last_refresh_ = reload_failure_;
  return reload_failure_;
}

Status Coffer::reload(Unlocking unlocking) {
  COFFER_ASSIGN(Stored stored, load_stored());
  return adopt(stored, unlocking);
}

Status Coffer::save_successor(Keyring next, ByteView current_sealed, std::span<const KeyringSlot> slots,
                              const KeyringKey& key) {
  const uint64_t expected = keyring_->version();
  COFFER_TRY(KeyringCodec::prepare_successor(next, current_sealed, now_seconds()));
  COFFER_ASSIGN(Bytes sealed, KeyringCodec::seal(next, slots, key));
  COFFER_TRY(keyring_store_->save(sealed, expected));
  keyring_key_ = key.clone();
  return adopt({std::move(sealed), std::nullopt}, Unlocking::kNow);
}

Status Coffer::update(const std::function<Status(Keyring&)>& change) {
  std::lock_guard lock(reload_mutex_);
  for (int attempt = 0; attempt < kUpdateAttemptsMax; ++attempt) {
    COFFER_ASSIGN(Stored stored, load_stored());
    COFFER_TRY(adopt(stored, Unlocking::kNow));
    COFFER_ASSIGN(KeyringHeader header, KeyringCodec::read_header(stored.sealed));
    Keyring next = keyring_->clone();
    COFFER_TRY(change(next));
    Status saved = save_successor(std::move(next), stored.sealed, header.slots, keyring_key_);
    if (saved.code() != Code::kConflict) return saved;
  }
  return {Code::kConflict, "the keyring of " + directory_ + " keeps changing; try again"};
}

Status Coffer::rotate_root(const std::string& root_uri) {
  std::lock_guard lock(reload_mutex_);
  for (int attempt = 0; attempt < kUpdateAttemptsMax; ++attempt) {
    COFFER_ASSIGN(Stored stored, load_stored());
    COFFER_TRY(adopt(stored, Unlocking::kNow));
    COFFER_ASSIGN(KeyringHeader header, KeyringCodec::read_header(stored.sealed));
    std::string uri = root_uri.empty() ? header.slots.front().provider_uri : root_uri;
    COFFER_ASSIGN(const ProviderConfig config, provider_config());
    COFFER_ASSIGN(auto provider, opener_(uri, config));
    // A fresh keyring key: whoever had the old root key and an old keyring learns nothing of this version.
    COFFER_ASSIGN(KeyringKey fresh, random_key<KeyringRole>(32));
    COFFER_ASSIGN(KeyringSlot slot, make_slot(*provider, header.coffer_id, fresh));
    Status saved = save_successor(keyring_->clone(), stored.sealed, std::span(&slot, 1), fresh);
    if (saved.is_ok()) root_uri_override_.clear();
    if (saved.code() != Code::kConflict) return saved;
  }
  return {Code::kConflict, "the keyring of " + directory_ + " keeps changing; try again"};
}

Result<Id> Coffer::store_for(const std::string& directory_of_file) {
  std::string path = directory_of_file;
  while (path.size() > 1 && path.back() == '/') path.pop_back();
  if (const StoreEntry* store = keyring()->store_of(path)) return store->id;
  Id id;
  COFFER_TRY(update([&](Keyring& next) -> Status {
    if (const StoreEntry* store = next.store_of(path)) {
      id = store->id;
      return Status::ok();
    }
    COFFER_ASSIGN(id, next.add_store(path, now_seconds()));
    return Status::ok();
  }));
  return id;
}

Status Coffer::reload_unless_just_failed(Unlocking unlocking) {
  // A failure that says "being asked" is none for who can wait.
  const bool failed = !reload_failure_.is_ok() && !is_sign_of_attack(reload_failure_) &&
                      !(unlocking == Unlocking::kNow && unlocker_runs_);
  if (failed && std::chrono::steady_clock::now() - last_reload_ < kReloadRetryDelay) return reload_failure_;
  return reload_if_changed(unlocking);
}

Status Coffer::refresh_while_serving() {
  std::unique_lock reloading(reload_mutex_, std::try_to_lock);
  // Another thread is at it, perhaps waiting for a provider: this one goes on with the keys there are.
  if (!reloading.owns_lock()) return Status::ok();
  Status status = reload_unless_just_failed(Unlocking::kAside);
  // A provider or disk that is away must not stop a running engine: it goes on with the keys it has. Signs of an attack
  // do.
  return is_sign_of_attack(status) ? status : Status::ok();
}

Status Coffer::refresh_for_file() {
  // The keys there are do not do: this one waits for whoever is at it.
  std::lock_guard reloading(reload_mutex_);
  return reload_unless_just_failed(Unlocking::kNow);
}

Status Coffer::last_refresh() const {
  std::lock_guard lock(mutex_);
  return last_refresh_;
}

Result<NewFile> Coffer::new_file(const NewFileRequest& request) {
  COFFER_TRY(refresh_while_serving());
  std::shared_ptr<const Keyring> keys = keyring();
  const Domain* domain = keys->find_domain(request.domain);
  if (domain == nullptr) {
    return {Code::kNotFound, "no domain \"" + std::string(request.domain) + "\" in the keyring of " + directory_ +
                                 "; coffer domain add makes one"};
  }
  const DomainKeyEntry* active = domain->active();
  if (active == nullptr) {
    return {Code::kKeyUnavailable, "domain \"" + domain->name + "\" has no active key; rotate it to get one"};
  }
  NewFile file;
  file.fields.suite = request.suite;
  file.fields.kind = request.kind;
  file.fields.chunk_log2 = static_cast<uint8_t>(request.chunk_log2);
  COFFER_ASSIGN(file.fields.file_id, random_id());
  file.fields.store_id = request.store_id;
  file.fields.domain_key_id = active->id;
  file.fields.domain_key_version = active->version;
  file.fields.keyring_version = keys->version();
  COFFER_ASSIGN(file.file_key, random_key<FileRole>(suite_info(request.suite).key_size));
  COFFER_TRY(seal_envelope(file.fields, active->key, file.file_key, file.envelope));
  return file;
}

Result<OpenedFile> Coffer::open_file(ByteView envelope, const std::string& path) {
  auto scan = scan_envelope(envelope);
  if (!scan.is_ok()) return scan.status().with_context(path);
  if (scan->current < 0) return {Code::kDamaged, path + ": its header is all zeros: it was never written to the disk"};
  return open_file(*scan, path);
}

Result<OpenedFile> Coffer::open_file(const EnvelopeScan& scan, const std::string& path) {
  const EnvelopeFields& fields = scan.fields;
  std::shared_ptr<const Keyring> keys = keyring();
  if (keys->find_key(fields.domain_key_id).entry == nullptr || fields.keyring_version > keys->version()) {
    const Status refreshed = refresh_for_file();
    keys = keyring();
    // Only a keyring that could be looked at can be called old, or without the key.
    if (!refreshed.is_ok() && fields.keyring_version > keys->version()) {
      return refreshed.with_context(path + " was written under a newer keyring, which cannot be taken up");
    }
  }
  const DomainKeyEntry* entry = keys->find_key(fields.domain_key_id).entry;
  if (fields.keyring_version > keys->version()) {
    return {Code::kRolledBack, path + ": was written under keyring version " + std::to_string(fields.keyring_version) +
                                   ", but the keyring of " + directory_ + " is at version " +
                                   std::to_string(keys->version()) + "; restore the newer keyring"};
  }
  if (entry == nullptr) {
    return {Code::kKeyUnavailable, path + ": needs domain key " + fields.domain_key_id.short_hex() +
                                       ", which is not in the keyring of " + directory_ +
                                       "; is it a file of another coffer?"};
  }
  if (!may_unwrap(entry->state)) {
    return {Code::kKeyUnavailable, path + ": its domain key " + fields.domain_key_id.short_hex() + " is " +
                                       std::string(key_state_name(entry->state))};
  }
  auto file_key = open_envelope(scan, entry->key);
  if (!file_key.is_ok()) return file_key.status().with_context(path);
  return OpenedFile{fields, std::move(*file_key)};
}

Result<SlotUpdate> Coffer::close_ctr_body(const EnvelopeScan& scan, const FileKey& file_key, uint64_t body_size,
                                          const std::array<uint8_t, kTagSize>& body_mac) {
  // A rewrap beside us may have put a newer key there, which a slot of ours must not undo.
  COFFER_TRY(refresh_while_serving());
  std::shared_ptr<const Keyring> keys = keyring();
  const Domain* domain = keys->find_key(scan.fields.domain_key_id).domain;
  const DomainKeyEntry* active = domain != nullptr ? domain->active() : nullptr;
  if (active == nullptr) {
    return {Code::kKeyUnavailable, "its domain has no active key; rotate the domain to get one"};
  }
  EnvelopeFields fields = scan.fields;
  fields.domain_key_id = active->id;
  fields.domain_key_version = active->version;
  fields.keyring_version = keys->version();
  fields.body_sealed = true;
  fields.body_size = body_size;
  fields.body_mac = body_mac;
  return seal_slot_update(scan, fields, active->key, file_key);
}

Result<std::unique_ptr<FileLock>> Coffer::lock_envelopes() const {
  return disk_.lock(join(directory_, "envelope.lock"), true);
}

}  // namespace coffer
