// The keyring a running program works with: loaded, unlocked, kept up with what others save, changed. It knows its
// surroundings by interfaces only: where the keyring is kept, how root keys are reached, what remembers the newest one.
//
// Thread-safe. Readers take an immutable snapshot, swapped as a whole; they never wait for a reload or a provider.
// In a child of fork() all that needs a key fails with kKeyUnavailable.
//
//              changed            the key in hand opens it
//    CURRENT ──────────▶ LOADED ──────────────────────────────▶ CURRENT, with the new snapshot
//                          ├─ it does not ──▶ ASKING a provider ──▶ CURRENT, or BEHIND
//                          └─ it cannot be read, goes back or sideways, or is not authentic ──▶ BEHIND
//
// BEHIND: the snapshot stays in use, files are made under it; another look after 5 s.
//
// docs/keys.md, "Reload", has it in full.
#pragma once

#include <atomic>
#include <map>
#include <mutex>
#include <thread>

#include "coffer/base/interval_thread.h"
#include "coffer/keys/keyring_surroundings.h"
#include "coffer/keys/live_groups.h"
#include "coffer/keys/move_record.h"
#include "coffer/keys/node_slot_keeper.h"
#include "coffer/keys/succession.h"

namespace coffer {

// What operators are told of a live keyring.
struct KeyringCondition {
  uint64_t version = 0;  // of the keyring in use
  // Ok, or why the stored keyring could not be taken up at the last look; the one in use stays in use meanwhile.
  Status last_refresh;
  // Ok, or why the root key may not go on protecting, at the last look (LiveKeyring::watch_root()).
  Status root_key;
  uint64_t root_key_since = 0;  // Unix seconds of the first look that found something of that kind; 0: all is well
  // Unix seconds of the last look that found it well, or of the opening; 0: none.
  uint64_t root_key_answered = 0;
  // Opened by the local unlock, as the root key did not answer, and has not since (RootMemory).
  bool opened_locally = false;
  // Opened by this node's slot; this program has not found the root key well since, though perhaps another node.
  bool opened_by_node_slot = false;
  Status node_slot;        // Ok, or why this node's slot did not open the last time (NodeSlotKeeper)
  Status node_slots_kept;  // Ok, or why those of all could not be kept
  // Unix seconds: it was opened by this node's copy, which was the newest then, as the store did not answer, nor has
  // since (KeyringCopy); 0: by what is stored.
  uint64_t copied = 0;
  Status copy;                // Ok, or why no copy could be kept
  Status root_memory;         // Ok, or why what a look found could not be remembered
  Status fenced;              // Ok, or why there are no keys: LiveKeyring::fence()
  Status replaced;            // Ok, or why what was replaced can still be read (KeyringStore::forget_replaced())
  uint64_t change_count = 0;  // of this condition since the keyring was opened, which is the first
};

class LiveKeyring {
 public:
  // Loads and unlocks, which waits for the provider.
  static Result<std::unique_ptr<LiveKeyring>> open(KeyringSurroundings surroundings);
  // Waits for a provider that is being asked aside.
  ~LiveKeyring();
  LiveKeyring(const LiveKeyring&) = delete;
  LiveKeyring& operator=(const LiveKeyring&) = delete;

  // What messages call the place that it is kept in.
  std::string name() const { return store()->name(); }
  std::shared_ptr<const Keyring> snapshot() const;
  KeyringCondition condition() const;
  // One line for a log about the condition, if it has changed since `seen`, which then moves up; else "". `seen` is 0
  // at first: the first line says which version is in use.
  std::string news_since(uint64_t& seen) const;
  // The key groups of all its snapshots.
  LiveGroups& groups() const { return *groups_; }
  // Of the keyring in use: its slots.
  std::shared_ptr<const KeyringHeader> header() const;

  // Remembers how the opening found the root key (RootMemory), which a program that ends at once leaves behind. From
  // now on, and until this object goes, a thread of its own looks at it again and again, as often as its provider
  // advises: may it go on protecting? Where its server has taken that away and has another one under the same URI, the
  // keyring goes over to that one by itself; what else is wrong is in condition().
  void watch_root();
  // Looks at least so often, whatever the provider advises, from the next look on and for good.
  void look_at_least_every(std::chrono::milliseconds interval);
  // What one look finds, without consequences.
  Status check_root() const;
  // Ok, or kProviderUnavailable: it was opened by the local unlock, by which nothing but reading is for who does not
  // serve (watch_root()).
  Status may_change_files() const;

  // Wipes all keys of the keyring, its own too; fence.cc. The snapshot has none from then on, and what needs one fails
  // with `why`, but looks at the root key go on. Users of an earlier snapshot have that one until they let go of it.
  void fence(const Status& why);
  // Asks the root key's provider for the keyring key once more, and takes up what is stored as at any other time. Where
  // that fails it stays fenced.
  Status end_fence();

  // Takes up a newer keyring if there is one, and waits for its root key's provider where that has to be asked. Cheap
  // when nothing changed.
  Status refresh();
  // The same for whoever needs what the snapshot does not have: waits, but does not ask again right after a failure.
  Status refresh_unless_just_failed();
  // The same for whoever can go on with the snapshot there is: never waits. A root key's provider is asked by a thread
  // aside. What failed is in condition().
  void refresh_without_waiting();

  // Applies `change` to the newest keyring and saves it, again after a lost race. `change` must be repeatable.
  // KeyringSurroundings::may_change comes first; where it was opened locally, only who watches the root key changes
  // anything. The audit log has what it changed, and `note` beside that.
  Status update(const std::function<Status(Keyring&)>& change, std::string_view note = {});
  // Destroyed keys are to be read nowhere any more: KeyringStore::forget_replaced().
  Status forget_replaced();
  // What nodes say of themselves: KeyringStore::save_report() and the others.
  Status save_report(const std::string& node, ByteView report) { return store_->save_report(node, report); }
  Result<std::vector<NodeReportText>> load_reports() const { return store_->load_reports(); }
  Status remove_report(const std::string& node) { return store_->remove_report(node); }
  Status save_answers(const std::string& node, ByteView answers) { return store_->save_answers(node, answers); }
  Result<std::vector<NodeReportText>> load_answers() const { return store_->load_answers(); }
  Status remove_answers(const std::string& node) { return store_->remove_answers(node); }
  // NodeSlotKeeper::nodes_with_slots().
  Result<std::optional<std::set<std::string>>> nodes_with_slots() const;
  // NodeSlotKeeper::standing(): waits for what seals this node's keys, and for the store.
  Result<std::optional<NodeSlotStanding>> node_slot_standing() const;
  // KeyringStore::check_shared().
  Status check_shared() const { return store_->check_shared(); }
  // As it is stored: read_audit_log() says what it is worth.
  Result<Bytes> audit_log() const { return store()->load_audit_log(); }
  // As it was loaded last.
  Result<KeyringStore::AuditLogSize> audit_log_size() const { return store()->audit_log_size(); }
  // What it has so far goes elsewhere: `keep` makes that durable there; a line says so, and then the log begins behind
  // it. From three quarters of the size it can have on, nothing else is saved. kTampered, before anything is done:
  // something is wrong with the log. live_audit.cc.
  Status archive_audit_log(const std::function<Status(ByteView log)>& keep, std::string_view note);
  // Moves it to `target`, which is empty, or was left by this coffer's keyring, or by a move that was interrupted: as
  // one version more, with all that it names and its audit log. Where it was, nobody saves any more; there is a record
  // of that, and what else is there, remove_parts() takes away. Of a crash at any time: until that record stands there,
  // nothing has happened; from then on settle_keyring() goes on. kAlreadyExists, kForeign: something else is in
  // `target`; kRolledBack: it had a newer one. live_move.cc; docs/adr/0045.
  Status move_to(std::unique_ptr<KeyringStore> target, std::string_view note);

  // Slots; live_slots.cc. These take the root key. A slot that is renewed wraps a fresh keyring key by the current key
  // of its root. Each is whole or not at all: a root that cannot be reached, or is not configured here, is named, and
  // nothing has changed.
  //
  // Renews every slot. The root of this name takes the place of the first slot's (empty: that one stays).
  Status rotate_root(const std::string& root_name, std::string_view note = {});
  // One slot more, which wraps the keyring key there is. kAlreadyExists: the root has a slot; kLimitExceeded: 16 are.
  Status add_slot(const ConfiguredRoot& root);
  // Renews the others: what the root of this name ever wrapped opens nothing newer. kNotFound; kBusy: it is the only
  // slot, or the last one of a root that opens by itself, unless `may_leave_by_hand`.
  Status remove_slot(const std::string& root_name, bool may_leave_by_hand);
  // A group with a fresh key, which this root wraps. kAlreadyExists, kInvalidArgument: also for a root that does not
  // open by itself.
  Status add_group(const std::string& name, const ConfiguredRoot& root);
  // A fresh key for the group, wrapped by the present keys of its roots, or by `root` alone, and its domains' keys
  // under that. As long as the group's domains are many. kNotFound; the group has to open, else with the reason.
  Status rotate_group(const std::string& name, const ConfiguredRoot* root = nullptr);
  // The slots there are, for another coffer with another keyring key.
  Result<std::vector<KeyringSlot>> slots_for(const Id& coffer_id, const KeyringKey& key) const;
  // The same of one of them: that of the root of this name. kNotFound: it has none.
  Result<KeyringSlot> slot_for(const std::string& root_name, const Id& coffer_id, const KeyringKey& key) const;

 private:
  // Whether a provider is waited for, or asked by a thread of its own.
  enum class Unlocking { kNow, kAside };
  // A keyring as loaded, and what the anchor remembered just before.
  struct Stored {
    KeyringStore::Snapshot snapshot;
    std::optional<KeyringMark> remembered = {};
    bool is_copy = false;
  };
  struct InUse {
    std::shared_ptr<const Keyring> keyring;
    std::shared_ptr<const KeyringHeader> header;
    RestingKey<KeyringRole> key;
    Sha256 hash{};
  };
  struct Successor {
    Keyring keyring;
    std::vector<KeyringSlot> slots;
    KeyringKey key;
  };

  explicit LiveKeyring(KeyringSurroundings surroundings);
  Status start();
  // REQUIRES for all that follow: turn_ is held.
  Status check_fence() const;
  Status reload_if_changed(Unlocking unlocking);
  Status reload_unless_just_failed(Unlocking unlocking);
  Result<Stored> reload(Unlocking unlocking);
  // Where it is by the configuration; live_move.cc. With kNow, waits for who moves it and has not said there yet where.
  Result<Stored> load_where_it_is(Unlocking unlocking);
  Status follow_store();
  // Why there is no keyring any more where there was one; believed, and remembered, if whoever had the keyring says so.
  Status departure(const Status& why);
  Status move_present(KeyringStore& target, const KeyringStore::Snapshot& current, std::string_view note);
  Result<MoveRecord> announce(KeyringStore& target, const KeyringStore::Snapshot& current, std::string_view note);
  Result<bool> is_arrival_of_present(const MoveRecord& record);
  Status copy_parts(KeyringStore& target, const MoveRecord& arrival);
  std::shared_ptr<KeyringStore> store() const;
  void use_store(std::shared_ptr<KeyringStore> store);
  Result<Stored> load();
  Status take_up(const Stored& stored, Unlocking unlocking);
  Result<InUse> open_stored(const Stored& stored, Unlocking unlocking);
  // By the copy, where nothing is open yet and `why` is that the store does not answer; else `why`. local_opening.cc.
  Result<KeyringStore::Snapshot> load_copy(const Status& why, bool& is_copy);
  void keep_copy();
  // That of an earlier keyring, or of an earlier attempt, where that is the very same.
  Result<std::shared_ptr<const Shard>> open_shard(const ShardEntry& shard, const Keyring& of, bool is_copy);
  void keep_shards_of(const Keyring* keyring);
  Result<KeyringKey> ask_providers(const KeyringHeader& header);
  // By the local unlock, where `why` is that nobody answers; else `why`. local_opening.cc.
  Result<KeyringKey> open_locally(const KeyringHeader& header, const Status& why);
  Status confirm_opening();
  // Ok, or kProviderUnavailable: it was opened by the local unlock.
  Status check_has_root() const;
  // The root of a slot, where the operator says that it is.
  Result<ConfiguredRoot> root_of(const KeyringSlot& slot) const;
  Result<std::vector<KeyringSlot>> renewed(const KeyringHeader& current, const std::string& without,
                                           const Id& coffer_id, const KeyringKey& key) const;
  // live_node_slots.cc
  std::optional<Keyring> open_by_node_slot(const KeyringStore::Snapshot& stored, const ShardSource& shards,
                                           KeyringKey& key);
  void note_node_slot(Status KeyringCondition::* which, const Status& outcome);
  Status with_node_slots(const std::function<Status(KeyringStore&, const KeyringInHand&)>& use) const;
  bool root_was_seen_by_another();
  void tell_nodes_of_root();
  void keep_node_pin();
  void make_node_slots();
  void prepare_node_slots(const Successor& next, const KeyringHeader& header);
  void ask_aside();
  void publish(const Status& outcome);
  void note_replaced(const Status& forgotten);
  std::string uri_instead() const;  // takes turn_
  void learn_check_interval();
  void look_at_root();
  void remember_root(const Keyring& before);
  // The one loop of compare and swap.
  Status replace(const std::function<Result<Successor>(const KeyringHeader& current)>& make,
                 std::string_view note = {}, const std::optional<AuditHead>& archived = {});
  Status save(Successor next, const KeyringStore::Snapshot& current, std::string_view note,
              const std::optional<AuditHead>& archived);
  Status check_audit_room() const;

  std::shared_ptr<KeyringStore> store_;  // changes under both turn_ and mutex_
  const decltype(KeyringSurroundings::follow_store) follow_store_;
  const RootOpener open_root_;
  const std::shared_ptr<LiveGroups> groups_;
  const Id coffer_id_;
  const decltype(KeyringSurroundings::open_anchor) open_anchor_;
  const Status may_change_;
  const std::unique_ptr<RootMemory> root_memory_;
  const std::unique_ptr<KeyringCopy> copy_;
  const std::unique_ptr<NodeSlotKeeper> node_slots_;
  const bool starts_by_node_slot_;
  const std::chrono::milliseconds retry_delay_;
  std::unique_ptr<VersionAnchor> anchor_;

  // Held by the one whose turn it is to load, unlock or save, and guards what only that one uses. It may be held while
  // a provider answers: refresh_without_waiting() only tries to get it.
  mutable std::mutex turn_;
  std::string root_uri_;     // of that root only which it unlocked:
  std::string unlocked_by_;  // the root whose slot it was
  InUse in_use_;
  Status fenced_;
  std::map<Sha256, ShardEntry> opened_shards_;  // by their names
  bool departed_ = false;            // what was loaded last is the record of a move
  std::optional<KeyringMark> gone_;  // from an earlier place: what is older is not to come back
  std::chrono::steady_clock::time_point last_reload_;
  std::thread asker_;
  bool asker_runs_ = false;
  bool of_copy_ = false;  // what was loaded last was this node's copy
  std::atomic<bool> serves_{false};  // watch_root() was called
  IntervalThread watcher_;
  const OfOneProcess here_;

  // Held for an instant only. What readers see.
  mutable std::mutex mutex_;
  std::shared_ptr<const Keyring> keyring_;
  std::shared_ptr<const KeyringHeader> header_;
  KeyringCondition condition_;
  std::chrono::milliseconds check_interval_;
  std::chrono::milliseconds check_interval_max_ = std::chrono::milliseconds::max();
};

}  // namespace coffer
