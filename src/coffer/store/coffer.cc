#include "coffer/store/coffer.h"

#include <algorithm>
#include <thread>

#include "coffer/base/check.h"
#include "coffer/base/clock.h"
#include "coffer/base/period.h"
#include "coffer/crypto/random.h"
#include "coffer/keys/audit_file.h"
#include "coffer/store/keyring_copy.h"
#include "coffer/store/node_key.h"
#include "coffer/store/own_node.h"
#include "coffer/store/root_record.h"
#include "coffer/store/runs.h"

namespace coffer {
namespace {

// Marks that cannot be read are no first use: they are looked at before anything is opened by them.
Result<std::unique_ptr<Freshness>> open_freshness(Disk& disk, const Config& config, const Id& coffer_id,
                                                  std::chrono::milliseconds interval) {
  if (!config.freshness) return std::unique_ptr<Freshness>();
  auto out = std::make_unique<Freshness>(disk, config.anchor + ".stores", coffer_id, interval);
  COFFER_TRY(out->load().status());
  return out;
}

void wait_turn(const Policy& policy) {
  if (!policy.unlock_spread) return;
  const uint64_t millis = random_number() % (*policy.unlock_spread * 1000);
  std::this_thread::sleep_for(std::chrono::milliseconds(static_cast<int64_t>(millis)));
}

// Of a snapshot that has none.
Status why_no_keys(const LiveKeyring& keyring) {
  const Status fenced = keyring.condition().fenced;
  if (!fenced.is_ok()) return fenced;
  return {Code::kKeyUnavailable, "the keys that were taken from this program are just coming back; try again"};
}

Status locked_domain(const Domain& domain) {
  return {Code::kKeyUnavailable, "domain \"" + domain.name + "\" is locked since " + utc_text(domain.locked) +
                                     "; coffer tenant unlock opens it again"};
}

}  // namespace

Result<std::shared_ptr<Coffer>> Coffer::open(Disk& disk, const std::string& place, const OpenOptions& options,
                                             ProviderOpener opener) {
  COFFER_ASSIGN(std::string config_path, config_path_of(disk, place));
  auto file = std::make_shared<ConfigFile>(disk, std::move(config_path));
  COFFER_ASSIGN(Config config, file->read());
  COFFER_TRY(apply_crypto(config));
  COFFER_ASSIGN(KeyringPlace keyring_place, keyring_place_of(disk, file->path(), config, options.keyring));
  if (!options.may_be_away) COFFER_TRY(keyring_place.at_home);
  COFFER_ASSIGN(KeyringSurroundings surroundings,
                surroundings_of(disk, keyring_place, config, file,
                                {opener, options.open_anchor, options.open_keyring_store}));
  surroundings.root_uri = options.root_uri;
  surroundings.starts_by_node_slot = options.waits_its_turn;
  if (options.waits_its_turn) wait_turn(config.policy);
  COFFER_ASSIGN(auto keyring, LiveKeyring::open(std::move(surroundings)));
  if (!options.domains_may_be_missing) COFFER_TRY(check_domains(config, *keyring->snapshot()));
  // The anchor speaks of the original's stores, not of copies.
  std::unique_ptr<Freshness> freshness;
  if (keyring_place.at_home.is_ok()) {
    COFFER_ASSIGN(freshness, open_freshness(disk, config, keyring->snapshot()->coffer_id(), options.mark_interval));
  }
  return std::shared_ptr<Coffer>(new Coffer(disk, std::move(keyring_place), std::move(config), std::move(file),
                                            std::move(keyring), options, std::move(freshness), opener));
}

bool Coffer::is_own_file(std::string_view name) {
  for (const std::string_view own :
       {std::string_view("keyring"), std::string_view("coffer.yaml"), std::string_view("usage"),
        std::string_view("counts"), kAuditFileName, kRunsFileName, kRootRecordName,
        kKeyringCopyName, kNodeKeyName, kNextNodeKeyName, kNodePinName}) {
    if (name == own || (name.starts_with(own) && name.substr(own.size()).starts_with(kTemporaryInfix))) return true;
  }
  if (name.starts_with("plaintext.")) return true;  // what a store still has in clear
  constexpr std::string_view kOthers[] = {
      "anchor.lock", "answers.d", "coffer.yaml.lock", "counts.lock", "envelope.lock", kServingMarkName,
      "keyring.copy.lock", "keyring.d", "keyring.lock", "keyring.turn", "keyring.uses", "mounts.d", "nodes.d",
      "outage.lock", "policy.lock", "reencrypt.lock", "reencrypt.rate", "runs.lock", "slots.d", "usage.lock"};
  return std::ranges::find(kOthers, name) != std::end(kOthers);
}

const std::string& Coffer::config_path() const { return config_file_->path(); }

Status Coffer::edit_config(const std::function<Result<std::string>(std::string_view yaml)>& change) {
  COFFER_TRY(at_home_);
  return config_file_->edit(change);
}

Status Coffer::with_config_unedited(const std::function<Status()>& what) { return config_file_->while_unedited(what); }

Result<ProviderConfig> Coffer::provider_config() const {
  COFFER_ASSIGN(Config config, config_file_->read());
  return std::move(config.providers);
}

void Coffer::watch_keys() {
  keyring_uses_.begin();
  keyring_->watch_root();
  key_watch_.start();
  if (disk_.info(directory_ + "/" + std::string(kNodeKeyName)).is_ok()) reporter_.start();
}

Result<NodeIdentity> Coffer::own_identity() const { return open_node_identity(*this, opener_); }

std::string Coffer::own_node_name() const { return node_key_name(*this); }

Result<Coffer::Wrapping> Coffer::wrapping_key(std::string_view name) {
  for (bool renewed = false;; renewed = true) {
    Wrapping out{keyring()};
    const Domain* domain = out.keys->find_domain(name);
    if (domain == nullptr) {
      return {Code::kNotFound, "no domain \"" + std::string(name) + "\" in the keyring of " + directory_ +
                                   "; coffer domain add makes one"};
    }
    if (domain->locked != 0) return locked_domain(*domain);
    if (!out.keys->has_keys()) return why_no_keys(*keyring_);
    if (domain->active() == nullptr) {
      return {Code::kKeyUnavailable, "domain \"" + domain->name + "\" has no active key; rotate it to get one"};
    }
    out.domain = domain;
    out.key = rollouts_.present_key(*out.keys, *domain);
    if (!out.key->is_expired(now_seconds())) return out;
    if (renewed) {
      // Nothing renews it while its key group is closed.
      COFFER_TRY(out.keys->open_key({domain, domain->active()}).status());
      return {Code::kKeyUnavailable, "the active key of domain \"" + domain->name + "\" has expired again"};
    }
    COFFER_TRY(renew_expired_keys().with_context("the active key of domain \"" + domain->name + "\" has expired"));
  }
}

Status Coffer::renew_expired_keys() {
  Policy nothing_else;
  nothing_else.all.rotation_period.reset();
  return rotate_due(*keyring_, nothing_else, {}).status();
}

Result<Coffer::Wrapping> Coffer::begin_writing(std::string_view domain) {
  COFFER_TRY(process_.usable());
  COFFER_TRY(policy_.on_writing());
  keyring_uses_.begin();
  keyring_->refresh_without_waiting();
  KeyringUsePtr use = keyring_uses_.begin();
  KeyLease lease = key_watch_.lease(domain, weak_from_this());
  COFFER_ASSIGN(Wrapping out, wrapping_key(domain));
  out.lease = std::move(lease);
  out.use = std::move(use);
  if (const KeyGroup* group = out.keys->group_of(*out.domain)) {
    COFFER_TRY(policy_.on_writing_in(keyring_->groups().condition_of(group->id)));
  }
  return out;
}

Result<NewFile> Coffer::new_file(const NewFileRequest& request) {
  COFFER_ASSIGN(Wrapping wrapping, begin_writing(request.domain));
  EnvelopeFields fields;
  fields.suite = request.suite;
  fields.kind = request.kind;
  fields.chunk_log2 = static_cast<uint8_t>(request.chunk_log2);
  COFFER_ASSIGN(fields.file_id, random_id());
  fields.store_id = request.store_id;
  fields.earlier_body = request.earlier_body;
  COFFER_ASSIGN(FileKey file_key, random_key<FileRole>(suite_info(request.suite).key_size));
  return seal_new(std::move(wrapping), fields, std::move(file_key));
}

Result<NewFile> Coffer::take_over(const EnvelopeFields& body, FileKey file_key, std::string_view domain,
                                  const Id& store_id) {
  COFFER_ASSIGN(Wrapping wrapping, begin_writing(domain));
  EnvelopeFields fields = body;
  fields.store_id = store_id;
  return seal_new(std::move(wrapping), fields, std::move(file_key));
}

Result<NewFile> Coffer::seal_new(Wrapping wrapping, const EnvelopeFields& fields, FileKey file_key) {
  const DomainKeyEntry* active = wrapping.key;
  NewFile file;
  file.lease = std::move(wrapping.lease);
  file.use = std::move(wrapping.use);
  file.fields = fields;
  file.file_key = std::move(file_key);
  file.fields.domain_key_id = active->id;
  file.fields.domain_key_version = active->version;
  file.fields.oldest_key_version = file.fields.newest_key_version = static_cast<uint16_t>(active->version);
  file.fields.keyring_version = wrapping.keys->version();
  COFFER_ASSIGN(const DomainKey domain_key, wrapping.open_key());
  COFFER_TRY(seal_envelope(file.fields, domain_key, file.file_key, file.envelope));
  usage_.counter(active->id)->sealed();
  return file;
}

Result<OpenedFile> Coffer::open_file(ByteView envelope, const std::string& path) {
  COFFER_ASSIGN(OpenedFile opened, unlock(envelope, path));
  COFFER_TRY(check_place(opened.fields, path));
  return opened;
}

Result<OpenedFile> Coffer::open_file(const EnvelopeScan& scan, const std::string& path, IfLocked if_locked) {
  COFFER_ASSIGN(OpenedFile opened, unlock(scan, path, if_locked));
  COFFER_TRY(check_place(opened.fields, path));
  return opened;
}

Status Coffer::check_place(const EnvelopeFields& fields, const std::string& path, const std::string& shown) {
  for (bool looked_again = false;; looked_again = true) {
    const std::shared_ptr<const Keyring> keys = keyring();
    const Domain* domain = keys->find_key(fields.domain_key_id).domain;
    Status status = places_.check(*keys, fields, domain != nullptr ? domain->name : kSystemDomain, path, shown);
    if (status.code() != Code::kForeign || looked_again) return status;
    // Another process may just have made, linked or moved it.
    const Status refreshed = keyring_->refresh_unless_just_failed();
    if (!refreshed.is_ok()) return status.with_context("the keyring cannot be looked at: " + refreshed.to_string());
  }
}

Result<OpenedFile> Coffer::unlock(ByteView envelope, const std::string& path) {
  auto scan = scan_envelope(envelope);
  if (!scan.is_ok()) return scan.status().with_context(path);
  if (scan->current < 0) return {Code::kDamaged, path + ": its header is all zeros: it was never written to the disk"};
  return unlock(*scan, path);
}

Status Coffer::check_key(const Keyring& keys, const FoundKey& key, const std::string& path, IfLocked if_locked) const {
  const std::string name = key.entry->id.short_hex();
  if (key.entry->state == KeyState::kDestroyed) {
    return {Code::kKeyDestroyed, path + ": its domain key " + name + " was destroyed"};
  }
  if (!may_unwrap(key.entry->state) && key.entry != keys.rollout_key(*key.domain)) {
    return {Code::kKeyUnavailable,
            path + ": its domain key " + name + " is " + std::string(key_state_name(key.entry->state))};
  }
  if (!keys.has_keys()) return why_no_keys(*keyring_).with_context(path);
  if (key.domain->locked == 0 || if_locked == IfLocked::kOpen) return Status::ok();
  return locked_domain(*key.domain).with_context(path);
}

Result<Coffer::Unwrapping> Coffer::unwrapping_key(const Id& key, uint64_t keyring_version, const std::string& path,
                                                  IfLocked if_locked) {
  COFFER_TRY(process_.usable());
  Unwrapping out{keyring()};
  if (out.keys->find_key(key).entry == nullptr || keyring_version > out.keys->version()) {
    out.refreshed = keyring_->refresh_unless_just_failed();
    out.keys = keyring();
  }
  out.key = out.keys->find_key(key);
  if (out.key.entry == nullptr) return unknown_key(key, keyring_version, out).with_context(path);
  // What is taken back from here on is noticed by whoever uses the key.
  out.lease = key_watch_.lease(out.key.domain->name, weak_from_this());
  out.keys = keyring();
  out.key = out.keys->find_key(key);
  if (out.key.entry == nullptr) return unknown_key(key, keyring_version, out).with_context(path);
  COFFER_TRY(check_key(*out.keys, out.key, path, if_locked));
  return out;
}

Status Coffer::check_not_older(const Unwrapping& by, uint64_t keyring_version, const std::string& path) const {
  if (keyring_version <= by.keys->version()) return Status::ok();
  // Only a keyring that could be looked at can be called old.
  if (!by.refreshed.is_ok()) {
    return by.refreshed.with_context(path + " was written under a newer keyring, which cannot be taken up");
  }
  return {Code::kRolledBack, path + ": was written under keyring version " + std::to_string(keyring_version) +
                                 ", but the keyring of " + directory_ + " is at version " +
                                 std::to_string(by.keys->version()) + "; restore the newer keyring"};
}

Result<OpenedFile> Coffer::unlock(const EnvelopeScan& scan, const std::string& path, IfLocked if_locked) {
  COFFER_REQUIRE(scan.current >= 0, "a file is opened by a header that was written");
  const EnvelopeFields& fields = scan.fields;
  COFFER_ASSIGN(Unwrapping unwrapping,
                unwrapping_key(fields.domain_key_id, fields.keyring_version, path, if_locked));
  const auto domain_key = unwrapping.open_key();
  if (!domain_key.is_ok()) return domain_key.status().with_context(path);
  auto file_key = open_envelope(scan, *domain_key);
  if (!file_key.is_ok()) return file_key.status().with_context(path);
  // Only now the header is known to be genuine, and the version in it to mean something.
  COFFER_TRY(check_not_older(unwrapping, fields.keyring_version, path));
  return OpenedFile{fields, std::move(*file_key), std::move(unwrapping.lease)};
}

// Nothing in a header whose key is unknown can be authenticated: what it says of the keyring's version is a hint.
Status Coffer::unknown_key(const Id& key, uint64_t keyring_version, const Unwrapping& by) const {
  const std::string what = "needs domain key " + key.short_hex();
  if (!by.refreshed.is_ok()) return by.refreshed.with_context(what + ", and the stored keyring cannot be taken up");
  const std::string why = what + ", which is not in the keyring of " + directory_;
  if (keyring_version <= by.keys->version()) {
    return {Code::kKeyUnavailable, why + "; if it is a file of another coffer, name that one"};
  }
  return {Code::kKeyUnavailable, why + "; if it is a file of another coffer, name that one; else restore the newer " +
                                     "keyring: its header speaks of version " + std::to_string(keyring_version) +
                                     ", and this one is version " + std::to_string(by.keys->version())};
}

Result<SlotUpdate> Coffer::close_ctr_body(const EnvelopeScan& scan, const FileKey& file_key, uint64_t body_size,
                                          const std::array<uint8_t, kTagSize>& body_mac) {
  // A rewrap beside us may have put a newer key there, which a slot of ours must not undo.
  keyring_->refresh_without_waiting();
  const std::shared_ptr<const Keyring> known = keyring();
  const Domain* domain = known->find_key(scan.fields.domain_key_id).domain;
  if (domain == nullptr) return {Code::kKeyUnavailable, "its domain key is not in the keyring"};
  COFFER_ASSIGN(const Wrapping wrapping, wrapping_key(domain->name));
  const DomainKeyEntry* active = wrapping.key;
  EnvelopeFields fields = scan.fields;
  fields.domain_key_id = active->id;
  fields.domain_key_version = active->version;
  fields.keyring_version = wrapping.keys->version();
  fields.body_sealed = true;
  fields.body_size = body_size;
  fields.body_mac = body_mac;
  COFFER_ASSIGN(const DomainKey domain_key, wrapping.open_key());
  usage_.counter(active->id)->sealed();
  return seal_slot_update(scan, fields, domain_key, file_key);
}

Result<std::unique_ptr<FileLock>> Coffer::lock_envelopes() const {
  return disk_.lock(directory_ + "/envelope.lock", true);
}

}  // namespace coffer
