#include "coffer/keys/live_keyring.h"

#include "coffer/base/clock.h"
#include "coffer/base/period.h"
#include "coffer/keys/audit_log.h"

namespace coffer {
namespace {

using Clock = std::chrono::steady_clock;

// Who loses the race for the next version again and again gives up after this time.
constexpr std::chrono::seconds kRacePatience{30};
// A keyring that was replaced while it was being opened is opened anew, so often at most.
constexpr int kLooksAgainMax = 3;
// The same where a shard of it was replaced: those that were there are open by then, so each time there is less to do.
constexpr int kLooksAgainForShardsMax = 100;

bool same(const Status& a, const Status& b) { return a.code() == b.code() && a.message() == b.message(); }

// "system:3 (1fce00b2aabb), tenant-7:1 (…) and those of 12 other domains": a line for a log.
std::string active_keys_text(const Keyring& keyring) {
  constexpr size_t kNamedMax = 8;
  std::string out;
  size_t named = 0;
  for (const Domain& domain : keyring.domains()) {
    if (++named > kNamedMax) break;
    const DomainKeyEntry* active = domain.active();
    out += (out.empty() ? "" : ", ") + domain.name + ":" +
           (active != nullptr ? std::to_string(active->version) + " (" + active->id.short_hex() + ")" : "none");
  }
  if (named <= kNamedMax) return out;
  return out + " and those of " + std::to_string(keyring.domains().size() - kNamedMax) + " other domains";
}

}  // namespace

LiveKeyring::LiveKeyring(KeyringSurroundings surroundings)
    : store_(std::move(surroundings.store)),
      follow_store_(std::move(surroundings.follow_store)),
      open_root_(only_of_group(surroundings.open_root, "")),
      groups_(std::make_shared<LiveGroups>(std::move(surroundings.open_root), surroundings.retry_delay)),
      coffer_id_(surroundings.coffer_id),
      open_anchor_(std::move(surroundings.open_anchor)),
      may_change_(std::move(surroundings.may_change)),
      root_memory_(std::move(surroundings.root_memory)),
      copy_(std::move(surroundings.copy)),
      node_slots_(surroundings.own_node == nullptr
                      ? nullptr
                      : std::make_unique<NodeSlotKeeper>(std::move(surroundings.own_node))),
      starts_by_node_slot_(surroundings.starts_by_node_slot),
      retry_delay_(surroundings.retry_delay),
      root_uri_(std::move(surroundings.root_uri)),
      check_interval_(surroundings.check_interval) {}

LiveKeyring::~LiveKeyring() {
  watcher_.stop();
  if (!asker_.joinable()) return;
  // A child of fork() does not have that thread, and would wait for it for ever.
  if (watcher_.is_forked()) {
    asker_.detach();
  } else {
    asker_.join();
  }
}

Result<std::unique_ptr<LiveKeyring>> LiveKeyring::open(KeyringSurroundings surroundings) {
  std::unique_ptr<LiveKeyring> live(new LiveKeyring(std::move(surroundings)));
  COFFER_TRY(live->start());
  return live;
}

Status LiveKeyring::start() {
  std::lock_guard turn(turn_);
  if (open_anchor_) {
    COFFER_ASSIGN(anchor_, open_anchor_());
  }
  COFFER_TRY(reload(Unlocking::kNow).status());
  return confirm_opening();
}

// --- what readers see

std::shared_ptr<const Keyring> LiveKeyring::snapshot() const {
  std::lock_guard lock(mutex_);
  return keyring_;
}

std::shared_ptr<const KeyringHeader> LiveKeyring::header() const {
  std::lock_guard lock(mutex_);
  return header_;
}

KeyringCondition LiveKeyring::condition() const {
  std::lock_guard lock(mutex_);
  return condition_;
}

std::string LiveKeyring::news_since(uint64_t& seen) const {
  const KeyringCondition now = condition();
  if (std::exchange(seen, now.change_count) == now.change_count) return {};
  const std::string version = "version " + std::to_string(now.version);
  if (!now.fenced.is_ok()) {
    return "keyring " + name() + ": its keys were wiped from memory, " + now.fenced.to_string();
  }
  if (now.copied != 0) {
    return "keyring " + name() + ": OPENED BY THIS NODE'S COPY, " + version + " of " + utc_text(now.copied) +
           " is in use: " + now.last_refresh.to_string();
  }
  if (now.opened_locally) {
    return "keyring " + name() + ": OPENED BY THE LOCAL UNLOCK of this machine, " + version +
           " is in use: its root key does not answer since " + utc_text(now.root_key_answered) + ": " +
           now.root_key.to_string();
  }
  if (!now.root_key.is_ok()) {
    return "keyring " + name() + ": its root key may not go on protecting, " + version +
           " stays in use: " + now.root_key.to_string();
  }
  if (!now.copy.is_ok()) {
    return "keyring " + name() + ": no copy of it can be kept on this node: " + now.copy.to_string();
  }
  if (!now.root_memory.is_ok()) {
    return "keyring " + name() +
           ": how its root key was found cannot be remembered: " + now.root_memory.to_string();
  }
  if (now.last_refresh.is_ok()) {
    const std::string by = now.opened_by_node_slot ? ", opened by this node's slot" : "";
    const std::string not_by = now.node_slot.is_ok() ? "" : "; not by this node's slot: " + now.node_slot.to_string();
    const std::string not_kept =
        now.node_slots_kept.is_ok() ? "" : "; node slots cannot be kept: " + now.node_slots_kept.to_string();
    return "keyring " + name() + ": " + version + " is in use" + by +
           "; active keys: " + active_keys_text(*snapshot()) + not_by + not_kept;
  }
  return "keyring " + name() + ": what is stored cannot be taken up, " + version +
         " stays in use: " + now.last_refresh.to_string();
}

void LiveKeyring::publish(const Status& outcome) {
  std::shared_ptr<const Keyring> before;  // dies when the lock is free again
  std::lock_guard lock(mutex_);
  const bool copy_stays = of_copy_ || condition_.copied == 0;
  if (keyring_ == in_use_.keyring && same(condition_.last_refresh, outcome) && copy_stays) return;
  if (in_use_.keyring != nullptr && in_use_.keyring != keyring_) groups_->follow(in_use_.keyring->groups());
  before = std::exchange(keyring_, in_use_.keyring);
  header_ = in_use_.header;
  condition_.version = keyring_ != nullptr ? keyring_->version() : 0;
  condition_.last_refresh = outcome;
  if (outcome.is_ok() && !of_copy_) condition_.copied = 0;
  ++condition_.change_count;
}

void LiveKeyring::note_replaced(const Status& forgotten) {
  std::lock_guard lock(mutex_);
  condition_.replaced = forgotten;
}

Status LiveKeyring::forget_replaced() {
  const Status forgotten = store()->forget_replaced();
  note_replaced(forgotten);
  return forgotten;
}

// --- keeping up

Status LiveKeyring::refresh() {
  COFFER_TRY(here_.usable());
  std::lock_guard turn(turn_);
  return reload_if_changed(Unlocking::kNow);
}

Status LiveKeyring::refresh_unless_just_failed() {
  COFFER_TRY(here_.usable());
  // The keys there are do not do: this one waits for whoever is at it.
  std::lock_guard turn(turn_);
  return reload_unless_just_failed(Unlocking::kNow);
}

void LiveKeyring::refresh_without_waiting() {
  if (!here_.is_here()) return;
  std::unique_lock turn(turn_, std::try_to_lock);
  // Another thread is at it, perhaps waiting for a provider: this one goes on with the keys there are.
  if (!turn.owns_lock()) return;
  [[maybe_unused]] const Status kept = reload_unless_just_failed(Unlocking::kAside);
}

Status LiveKeyring::reload_unless_just_failed(Unlocking unlocking) {
  const Status last = condition().last_refresh;
  // A failure that says "being asked" is none for who can wait.
  const bool failed = !last.is_ok() && !(unlocking == Unlocking::kNow && asker_runs_);
  if (failed && Clock::now() - last_reload_ < retry_delay_) return last;
  return reload_if_changed(unlocking);
}

Status LiveKeyring::reload_if_changed(Unlocking unlocking) {
  COFFER_TRY(check_fence());
  // What could not be taken up must be looked at again, although it has not changed since. That a store elsewhere has
  // changed is heard a moment later: who needs what the snapshot lacks looks for himself.
  const bool is_remote = store_->is_remote();
  const bool must_look = is_remote && unlocking == Unlocking::kNow;
  if (!must_look && !store_->may_have_changed() && condition().last_refresh.is_ok()) return Status::ok();
  if (is_remote && unlocking == Unlocking::kAside) {
    ask_aside();
    return condition().last_refresh;
  }
  return reload(unlocking).status();
}

Result<LiveKeyring::Stored> LiveKeyring::reload(Unlocking unlocking) {
  keep_shards_of(in_use_.keyring.get());
  Result<Stored> stored = load_where_it_is(unlocking);
  Status outcome = stored.is_ok() ? take_up(*stored, unlocking) : stored.status();
  // Whoever has rotated the root key meanwhile may have taken the old one out of the configuration.
  const auto looks_max = [&] { return outcome.code() == Code::kNotFound ? kLooksAgainForShardsMax : kLooksAgainMax; };
  const auto may_help = [&] { return (stored.is_ok() || !store_->is_remote()) && store_->may_have_changed(); };
  for (int again = 0; !outcome.is_ok() && again < looks_max() && may_help(); ++again) {
    stored = load();
    outcome = stored.is_ok() ? take_up(*stored, unlocking) : stored.status();
  }
  last_reload_ = Clock::now();
  // That a provider is asked once more is no news while it is known why it did not unlock the last time.
  const bool asked_again = unlocking == Unlocking::kAside && asker_runs_ &&
                           outcome.code() == Code::kProviderUnavailable && !condition().last_refresh.is_ok();
  of_copy_ = stored.is_ok() && stored->is_copy;
  if (!asked_again) publish(outcome);
  if (!outcome.is_ok()) return outcome;
  return stored;
}

Result<LiveKeyring::Stored> LiveKeyring::load() {
  Stored stored;
  // The anchor first: a keyring saved in between is then newer than what it says, never older.
  if (anchor_ != nullptr) {
    COFFER_ASSIGN(stored.remembered, anchor_->load());
  }
  COFFER_TRY(follow_store());
  auto loaded = store_->load();
  departed_ = loaded.code() == Code::kForeign;
  if (departed_) loaded = departure(loaded.status());
  if (!loaded.is_ok()) loaded = load_copy(loaded.status(), stored.is_copy);
  COFFER_ASSIGN(stored.snapshot, std::move(loaded));
  const Id& found = stored.snapshot.header.coffer_id;
  if (found == coffer_id_) return stored;
  return {Code::kForeign, store_->name() + " is the keyring of coffer " + found.short_hex() +
                              ", and the configuration " + "is that of coffer " + coffer_id_.short_hex() +
                              "; put the two together that belong so"};
}

Status LiveKeyring::take_up(const Stored& stored, Unlocking unlocking) {
  const KeyringHeader& header = stored.snapshot.header;
  KeyringIdentity found{header.coffer_id, {header.version, {}}};
  COFFER_ASSIGN(found.mark.hash, sha256(stored.snapshot.sealed));
  std::optional<KeyringMark> seen;
  if (in_use_.keyring != nullptr) {
    seen = {in_use_.keyring->version(), in_use_.hash};
    COFFER_TRY(check_succession({in_use_.keyring->coffer_id(), *seen}, found).with_context(store_->name()));
  }
  for (const std::optional<KeyringMark>& known : {stored.remembered, gone_}) {
    COFFER_TRY(check_mark(known, found.mark).with_context(store_->name()));
  }
  const bool has_keys = in_use_.keyring != nullptr && in_use_.keyring->has_keys();
  if (has_keys && header.version == in_use_.keyring->version()) return Status::ok();

  COFFER_ASSIGN(InUse next, open_stored(stored, unlocking));
  next.hash = found.mark.hash;
  for (const std::optional<KeyringMark>& known : {seen, stored.remembered, gone_}) {
    if (known.has_value()) COFFER_TRY(check_descent(*known, *next.keyring).with_context(store_->name()));
  }
  if (anchor_ != nullptr) COFFER_TRY(anchor_->advance(found.mark));
  const bool has_fresh_key =
      in_use_.header != nullptr && in_use_.header->slots.front().id != next.header->slots.front().id;
  in_use_ = std::move(next);
  if (has_fresh_key && serves_) keep_node_pin();
  // A key that was destroyed is not to stay in memory with the shard of before.
  keep_shards_of(in_use_.keyring.get());
  return Status::ok();
}

Result<LiveKeyring::InUse> LiveKeyring::open_stored(const Stored& from, Unlocking unlocking) {
  const KeyringStore::Snapshot& stored = from.snapshot;
  COFFER_ASSIGN(KeyringKey key, in_use_.key.open());
  const auto shards = [&](const ShardEntry& shard, const Keyring& of) { return open_shard(shard, of, from.is_copy); };
  auto opened = key.empty() ? Result<Keyring>(Code::kWrongKey, "no keyring key yet, or none any more")
                            : KeyringCodec::open(stored.sealed, key, shards);
  if (opened.code() == Code::kWrongKey) {
    // The root key was rotated, or this is the first time.
    if (unlocking == Unlocking::kAside) {
      ask_aside();
      return {Code::kProviderUnavailable, "the root key was changed; its provider is being asked for the new one"};
    }
    if (auto by_slot = open_by_node_slot(stored, shards, key)) {
      opened = std::move(*by_slot);
    } else {
      COFFER_ASSIGN(key, ask_providers(stored.header));
      opened = KeyringCodec::open(stored.sealed, key, shards);
    }
  }
  if (!opened.is_ok()) return opened.status().with_context(store_->name());
  if (from.is_copy) {
    COFFER_ASSIGN(const uint64_t answered, copy_->confirm(*opened, stored.sealed));
    std::lock_guard lock(mutex_);
    condition_.copied = answered;
  }
  InUse next;
  COFFER_ASSIGN(next.key, RestingKey<KeyringRole>::seal(key));
  opened->open_groups_with(groups_);
  next.keyring = std::make_shared<const Keyring>(std::move(*opened));
  next.header = std::make_shared<const KeyringHeader>(stored.header);
  return next;
}

Result<std::shared_ptr<const Shard>> LiveKeyring::open_shard(const ShardEntry& shard, const Keyring& of,
                                                             bool is_copy) {
  const auto known = opened_shards_.find(shard.name);
  if (known != opened_shards_.end() && known->second.first == shard.first && known->second.depth == shard.depth) {
    return known->second.contents;
  }
  COFFER_ASSIGN(const Bytes sealed, is_copy ? copy_->load_shard(shard) : store_->load_shard(shard));
  auto contents = ShardCodec::open(sealed, shard, of);
  if (!contents.is_ok()) return contents.status().with_context(store_->shard_name(shard.name));
  ShardEntry& opened = opened_shards_[shard.name] = shard;
  opened.contents = *contents;
  return contents;
}

void LiveKeyring::keep_shards_of(const Keyring* keyring) {
  opened_shards_.clear();
  if (keyring == nullptr || !keyring->has_keys() || keyring->shards().size() == 1) return;
  for (const ShardEntry& shard : keyring->shards()) opened_shards_[shard.name] = shard;
}

Result<KeyringKey> LiveKeyring::ask_providers(const KeyringHeader& header) {
  auto unlocked = unlock_slots(header, open_root_, root_uri_);
  if (!unlocked.is_ok()) {
    return open_locally(header, unlocked.status()).with_context("cannot unlock the keyring " + store_->name());
  }
  unlocked_by_ = std::move(unlocked->root);
  return std::move(unlocked->key);
}

void LiveKeyring::ask_aside() {
  if (asker_runs_) return;
  if (asker_.joinable()) asker_.join();
  asker_runs_ = true;
  asker_ = std::thread([this] {
    std::lock_guard turn(turn_);
    // What comes of it is kept for condition(), and for the next who asks.
    [[maybe_unused]] const Status kept = reload_if_changed(Unlocking::kNow);
    asker_runs_ = false;
  });
}

// --- changing

Status LiveKeyring::update(const std::function<Status(Keyring&)>& change, std::string_view note) {
  COFFER_TRY(here_.usable());
  COFFER_TRY(may_change_files());
  std::lock_guard turn(turn_);
  const auto make = [&](const KeyringHeader& current) -> Result<Successor> {
    COFFER_ASSIGN(KeyringKey key, in_use_.key.open());
    Successor next{*in_use_.keyring, current.slots, std::move(key)};
    COFFER_TRY(change(next.keyring));
    return next;
  };
  return replace(make, note);
}

Status LiveKeyring::replace(const std::function<Result<Successor>(const KeyringHeader& current)>& make,
                            std::string_view note, const std::optional<AuditHead>& archived) {
  COFFER_TRY(check_fence());
  COFFER_TRY(may_change_);
  const auto started = Clock::now();
  do {
    COFFER_ASSIGN(Stored stored, reload(Unlocking::kNow));
    COFFER_ASSIGN(Successor next, make(stored.snapshot.header));
    if (!archived) COFFER_TRY(check_audit_room());
    const Status saved = save(std::move(next), stored.snapshot, note, archived);
    if (saved.code() != Code::kConflict) return saved;
  } while (Clock::now() - started < kRacePatience);
  return {Code::kConflict, "the keyring " + store_->name() + " keeps changing; try again"};
}

Status LiveKeyring::save(Successor next, const KeyringStore::Snapshot& current, std::string_view note,
                         const std::optional<AuditHead>& archived) {
  const uint64_t expected = in_use_.keyring->version();
  COFFER_TRY(KeyringCodec::prepare_successor(next.keyring, current.sealed, now_seconds()));
  const KeyringContents before{*in_use_.keyring, current.header.slots};
  COFFER_ASSIGN(const AuditRecord record,
                make_audit_record(&before, {next.keyring, next.slots}, note, next.keyring.updated(), archived));
  next.keyring.set_audit_head(record.head);
  COFFER_ASSIGN(const std::vector<SealedShard> added, ShardCodec::seal_changed(next.keyring));
  std::vector<Sha256> named;
  for (const ShardEntry& shard : next.keyring.shards()) named.push_back(shard.name);
  Stored stored;
  COFFER_ASSIGN(stored.snapshot.sealed, KeyringCodec::seal(next.keyring, next.slots, next.key));
  COFFER_ASSIGN(stored.snapshot.header, KeyringCodec::read_header(stored.snapshot.sealed));
  prepare_node_slots(next, stored.snapshot.header);
  COFFER_TRY(store_->save(stored.snapshot.sealed, expected, record.text, {added, named}));
  const bool has_fresh_key = stored.snapshot.header.slots.front().id != current.header.slots.front().id;
  if (node_slots_ != nullptr && has_fresh_key) {
    note_node_slot(&KeyringCondition::node_slots_kept, node_slots_->clean(*store_, stored.snapshot.header));
  }
  keep_shards_of(&next.keyring);
  COFFER_ASSIGN(in_use_.key, RestingKey<KeyringRole>::seal(next.key));
  const Status outcome = take_up(stored, Unlocking::kNow);
  publish(outcome);
  note_replaced(store_->forget_replaced());
  return outcome;
}

}  // namespace coffer
