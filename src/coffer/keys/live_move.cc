// LiveKeyring: its keyring moves to another place, and it follows where the configuration says that it is.
//
//   old place   KEYRING n ──────────────────────── GONE, n+1 ─────────────────────
//   new place   (empty)  ── ARRIVING n+1, parts ── ARRIVING n+1 ── KEYRING n+1 ───   then coffer.yaml names it
//
// A keyring that arrives is none yet: nobody loads it, and who moves as well finds and takes it, or replaces one that
// does not follow from what is stored. So whatever the record in the old place names is there, and stays.
#include <algorithm>

#include "coffer/base/clock.h"
#include "coffer/keys/audit_log.h"
#include "coffer/keys/keyring_move.h"
#include "coffer/keys/live_keyring.h"

namespace coffer {
namespace {

using MoveClock = std::chrono::steady_clock;

// Between the record in the old place and the line in coffer.yaml.
constexpr std::chrono::seconds kMovePatience{3};
constexpr std::chrono::milliseconds kMoveLooks{50};
// Who loses against those that save meanwhile gives up after this time.
constexpr std::chrono::seconds kMoveRacePatience{30};

Status in_the_way(ByteView stored, const Id& coffer_id, const std::string& name) {
  const auto header = KeyringCodec::read_header(stored);
  if (!header.is_ok()) return header.status().with_context(name + " is not empty");
  if (header->coffer_id != coffer_id) {
    return {Code::kForeign, name + " is the keyring of another coffer, " + header->coffer_id.short_hex() +
                                "; name a place of its own"};
  }
  return {Code::kAlreadyExists, name + " is a keyring of this coffer already, version " +
                                    std::to_string(header->version) + "; name another place, or remove what is there"};
}

}  // namespace

std::shared_ptr<KeyringStore> LiveKeyring::store() const {
  std::lock_guard lock(mutex_);
  return store_;
}

void LiveKeyring::use_store(std::shared_ptr<KeyringStore> store) {
  std::lock_guard lock(mutex_);
  store_.swap(store);
}

Status LiveKeyring::follow_store() {
  if (!follow_store_) return Status::ok();
  COFFER_ASSIGN(auto other, follow_store_());
  if (other != nullptr) use_store(std::move(other));
  return Status::ok();
}

Result<LiveKeyring::Stored> LiveKeyring::load_where_it_is(Unlocking unlocking) {
  const auto until = MoveClock::now() + kMovePatience;
  while (true) {
    Result<Stored> stored = load();
    const bool may_come = !stored.is_ok() && departed_ && follow_store_ && unlocking == Unlocking::kNow;
    if (!may_come || MoveClock::now() >= until) return stored;
    std::this_thread::sleep_for(kMoveLooks);
  }
}

Status LiveKeyring::departure(const Status& why) {
  if (in_use_.keyring == nullptr || !in_use_.keyring->has_keys()) return why;
  COFFER_ASSIGN(const Bytes stored, store_->load_stored());
  const auto record = read_move_record(stored);
  if (!record.is_ok() || !record->is_gone()) return why;
  COFFER_TRY(check_gone_record(*record, *in_use_.keyring).with_context(store_->name()));
  if (record->mark.version <= in_use_.keyring->version()) return why;
  gone_ = record->mark;
  if (anchor_ != nullptr) COFFER_TRY(anchor_->advance(record->mark));
  return why;
}

Status LiveKeyring::move_to(std::unique_ptr<KeyringStore> target, std::string_view note) {
  COFFER_TRY(here_.usable());
  COFFER_TRY(may_change_files());
  std::lock_guard turn(turn_);
  COFFER_TRY(check_fence());
  COFFER_TRY(may_change_);
  const auto started = MoveClock::now();
  Status moved;
  do {
    COFFER_ASSIGN(const Stored stored, reload(Unlocking::kNow));
    moved = move_present(*target, stored.snapshot, note);
  } while (moved.code() == Code::kConflict && MoveClock::now() - started < kMoveRacePatience);
  COFFER_TRY(moved);
  use_store(std::move(target));
  Stored there;
  COFFER_ASSIGN(there.snapshot, store_->load());
  const Status outcome = take_up(there, Unlocking::kNow);
  if (outcome.is_ok()) make_node_slots();
  publish(outcome);
  return outcome;
}

Status LiveKeyring::move_present(KeyringStore& target, const KeyringStore::Snapshot& current, std::string_view note) {
  COFFER_ASSIGN(const MoveRecord arrival, announce(target, current, note));
  COFFER_TRY(copy_parts(target, arrival));
  COFFER_ASSIGN(const Bytes gone, gone_record(*in_use_.keyring, arrival.mark));
  COFFER_TRY(store_->exchange(gone, current.sealed));
  return settle_keyring(target, arrival);
}

Result<MoveRecord> LiveKeyring::announce(KeyringStore& target, const KeyringStore::Snapshot& current,
                                         std::string_view note) {
  COFFER_ASSIGN(const Bytes there, target.load_stored());
  if (there.empty()) {
    COFFER_ASSIGN(const bool is_empty, target.is_empty());
    if (!is_empty) {
      return {Code::kAlreadyExists, "there is no keyring at " + target.name() +
                                        ", but parts of one are; name another place, or remove them"};
    }
  } else if (!is_move_record(there)) {
    return in_the_way(there, coffer_id_, target.name());
  } else {
    auto record = read_move_record(there);
    if (!record.is_ok()) return record.status().with_context(target.name());
    COFFER_ASSIGN(const bool is_of_present, is_arrival_of_present(*record).with_context(target.name()));
    if (is_of_present) return record;
  }
  Keyring next = *in_use_.keyring;
  COFFER_TRY(KeyringCodec::prepare_successor(next, current.sealed, now_seconds()));
  const KeyringContents before{*in_use_.keyring, current.header.slots};
  COFFER_ASSIGN(const AuditRecord record,
                make_audit_record(&before, {next, current.header.slots}, note, next.updated()));
  next.set_audit_head(record.head);
  COFFER_ASSIGN(const KeyringKey key, in_use_.key.open());
  COFFER_ASSIGN(const Bytes sealed, KeyringCodec::seal(next, current.header.slots, key));
  COFFER_ASSIGN(const Bytes arriving, arriving_record(sealed, record.text));
  COFFER_TRY(target.exchange(arriving, there));
  return read_move_record(arriving);
}

// Else it may be replaced: it is from before what is stored now, or a keyring of this coffer has left it there.
Result<bool> LiveKeyring::is_arrival_of_present(const MoveRecord& record) {
  if (record.coffer_id != coffer_id_) {
    return {Code::kForeign, "that is of another coffer, " + record.coffer_id.short_hex() + "; name another place"};
  }
  const uint64_t newest = in_use_.keyring->version() + (record.is_gone() ? 0 : 1);
  if (record.mark.version > newest) {
    return {Code::kRolledBack, "version " + std::to_string(record.mark.version) +
                                   " was there or was to be, and the keyring is at version " +
                                   std::to_string(in_use_.keyring->version()) + "; restore the newer one"};
  }
  if (record.is_gone()) {
    COFFER_TRY(check_gone_record(record, *in_use_.keyring));
    return false;
  }
  const auto shards = [&](const ShardEntry& shard, const Keyring&) -> Result<std::shared_ptr<const Shard>> {
    const auto& known = in_use_.keyring->shards();
    const auto found = std::ranges::find(known, shard.name, &ShardEntry::name);
    if (found == known.end()) return {Code::kNotFound, "another shard"};
    return found->contents;
  };
  COFFER_ASSIGN(const KeyringKey key, in_use_.key.open());
  const auto opened = KeyringCodec::open(record.keyring, key, shards);
  if (!opened.is_ok() || opened->ancestors().empty() || opened->ancestors().front() != in_use_.hash) return false;
  COFFER_ASSIGN(const AuditTrail trail, read_audit_log(as_bytes(record.audit_record), *opened));
  return trail.records.size() == 1 && trail.records.front().head == opened->audit_head();
}

Status LiveKeyring::copy_parts(KeyringStore& target, const MoveRecord& arrival) {
  const auto& shards = in_use_.keyring->shards();
  for (const ShardEntry& shard : shards) {
    if (shards.size() == 1) break;
    COFFER_ASSIGN(Bytes bytes, store_->load_shard(shard));
    COFFER_ASSIGN(const Sha256 hash, sha256(bytes));
    if (hash != shard.name) {
      return {Code::kTampered, store_->shard_name(shard.name) + " is another one than the keyring names"};
    }
    COFFER_TRY(target.put_shard({shard.name, std::move(bytes)}));
  }
  COFFER_ASSIGN(const Bytes stored, store_->load_audit_log());
  const ByteView lines = whole_audit_lines(stored);
  Bytes log(lines.begin(), lines.end());
  const ByteView record = as_bytes(arrival.audit_record);
  log.insert(log.end(), record.begin(), record.end());
  return target.put_audit_log(log);
}

Result<Bytes> find_arrived(KeyringStore& target, const KeyringMark& gone) {
  COFFER_ASSIGN(Bytes stored, target.load_stored());
  if (stored.empty()) {
    return {Code::kNotFound, "the keyring is not at " + target.name() + "; name the place that it moved to"};
  }
  if (is_move_record(stored)) {
    COFFER_ASSIGN(MoveRecord record, read_move_record(stored).with_context(target.name()));
    if (!record.is_gone() && record.mark == gone) return std::move(record.keyring);
    return moved_keyring(stored, target.name());
  }
  COFFER_ASSIGN(const KeyringHeader header, KeyringCodec::read_header(stored).with_context(target.name()));
  COFFER_ASSIGN(const Sha256 hash, sha256(stored));
  COFFER_TRY(check_mark(gone, {header.version, hash}).with_context(target.name()));
  return stored;
}

Status settle_keyring(KeyringStore& target, const MoveRecord& arrival) {
  COFFER_ASSIGN(const Bytes arriving, arriving_record(arrival.keyring, arrival.audit_record));
  const Status settled = target.exchange(arrival.keyring, arriving);
  if (settled.code() != Code::kConflict) return settled;
  return find_arrived(target, arrival.mark).status();
}

}  // namespace coffer
