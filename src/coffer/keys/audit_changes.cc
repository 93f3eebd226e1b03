#include "coffer/keys/audit_changes.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "coffer/base/text.h"

namespace coffer {
namespace {

using Json = nlohmann::ordered_json;

// More than a person changes at once; what is beyond is counted.
constexpr size_t kChangesMax = 100;

// JSON is UTF-8; a path may be any bytes.
std::string json_text(const std::string& text) {
  if (is_utf8(text)) return text;
  std::string out;
  for (const char c : text) {
    if (static_cast<uint8_t>(c) < 0x80) {
      out += c;
    } else {
      out += "\\x" + to_hex(as_bytes({&c, 1}));
    }
  }
  return out;
}

class Changes {
 public:
  void add(Json change) {
    if (list_.size() < kChangesMax) {
      list_.push_back(std::move(change));
    } else {
      ++left_out_;
    }
  }
  std::string text() {
    if (left_out_ > 0) list_.push_back({{"what", "more"}, {"count", left_out_}});
    return list_.dump();
  }

 private:
  Json list_ = Json::array();
  uint64_t left_out_ = 0;
};

Json key_change(std::string_view what, const Domain& domain, const DomainKeyEntry& key) {
  return {{"what", what}, {"domain", domain.name}, {"version", key.version}, {"key", key.id.hex()}};
}

void compare_key(const Domain& domain, const DomainKeyEntry* before, const DomainKeyEntry& after, Changes& out) {
  if (before == nullptr) {
    Json change = key_change("key made", domain, after);
    change["state"] = key_state_name(after.state);
    if (after.expires != 0) change["expires"] = after.expires;
    return out.add(std::move(change));
  }
  if (before->state != after.state) {
    Json change = key_change("key state", domain, after);
    change["from"] = key_state_name(before->state);
    change["to"] = key_state_name(after.state);
    out.add(std::move(change));
  }
  if (before->expires != after.expires) {
    Json change = key_change("key expiry", domain, after);
    change["from"] = before->expires;
    change["to"] = after.expires;
    out.add(std::move(change));
  }
}

// By its first key: every domain has one.
bool has_domain(const Keyring* keyring, const Domain& domain) {
  return keyring != nullptr && keyring->find_key(domain.keys.front().id).entry != nullptr;
}

void compare_lock(const Keyring* before, const Domain& after, Changes& out) {
  const Domain* earlier = before != nullptr ? before->find_key(after.keys.front().id).domain : nullptr;
  const bool was_locked = earlier != nullptr && earlier->locked != 0;
  if (was_locked == (after.locked != 0)) return;
  out.add({{"what", after.locked != 0 ? "domain locked" : "domain unlocked"}, {"domain", after.name}});
}

const KeyGroup* group_in(const Keyring& keyring, const Domain* domain) {
  return domain != nullptr ? keyring.group_of(*domain) : nullptr;
}

// Numbers are those of one keyring.
void compare_group(const Keyring& before, const Keyring& after, const Domain& domain, Changes& out) {
  const KeyGroup* from = group_in(before, before.find_key(domain.keys.front().id).domain);
  const KeyGroup* to = group_in(after, &domain);
  if (from == to || (from != nullptr && to != nullptr && from->id == to->id)) return;
  Json change{{"what", "domain moved"}, {"domain", domain.name}};
  if (from != nullptr) change["from"] = from->name;
  if (to != nullptr) change["to"] = to->name;
  out.add(std::move(change));
}

Json added_domain(const Keyring& keyring, const Domain& domain) {
  Json out{{"what", "domain added"}, {"domain", domain.name}};
  if (const KeyGroup* group = keyring.group_of(domain)) out["group"] = group->name;
  return out;
}

// Shards that the two share do not differ.
std::vector<const Domain*> differing(const Keyring& keyring, const Keyring* from) {
  if (from != nullptr) return keyring.domains_unlike(*from);
  std::vector<const Domain*> out;
  for (const Domain& domain : keyring.domains()) out.push_back(&domain);
  return out;
}

void compare_keys(const Keyring* before, const Keyring& after, Changes& out) {
  for (const Domain* domain : differing(after, before)) {
    if (!has_domain(before, *domain)) {
      out.add(added_domain(after, *domain));
    } else {
      compare_group(*before, after, *domain, out);
    }
    compare_lock(before, *domain, out);
    for (const DomainKeyEntry& key : domain->keys) {
      compare_key(*domain, before != nullptr ? before->find_key(key.id).entry : nullptr, key, out);
    }
  }
  if (before == nullptr) return;
  for (const Domain* domain : before->domains_unlike(after)) {
    if (!has_domain(&after, *domain)) out.add({{"what", "domain removed"}, {"domain", domain->name}});
    for (const DomainKeyEntry& key : domain->keys) {
      if (after.find_key(key.id).entry == nullptr) out.add(key_change("key removed", *domain, key));
    }
  }
}

std::span<const KeyGroup> groups_of(const Keyring* keyring) {
  return keyring != nullptr ? std::span<const KeyGroup>(keyring->groups()) : std::span<const KeyGroup>();
}

const KeyGroup* find_group_by_id(std::span<const KeyGroup> groups, const Id& id) {
  const auto found = std::ranges::find(groups, id, &KeyGroup::id);
  return found == groups.end() ? nullptr : &*found;
}

void compare_groups(const Keyring* before, const Keyring& after, Changes& out) {
  const auto change = [&](std::string_view what, const KeyGroup& group) {
    out.add({{"what", what}, {"group", group.name}, {"root", group.slots.front().root}, {"key", group.key_id.hex()}});
  };
  for (const KeyGroup& group : after.groups()) {
    const KeyGroup* earlier = find_group_by_id(groups_of(before), group.id);
    if (earlier == nullptr) {
      change("group added", group);
    } else if (earlier->key_id != group.key_id) {
      change("group renewed", group);
    }
  }
  for (const KeyGroup& group : groups_of(before)) {
    if (find_group_by_id(after.groups(), group.id) == nullptr) change("group removed", group);
  }
}

Json store_change(std::string_view what, const StoreEntry& store) {
  Json out = {{"what", what}, {"store", store.id.hex()}, {"path", json_text(store.path)}};
  if (!store.node.empty()) out["node"] = store.node;
  return out;
}

void compare_places(const StoreEntry& before, const StoreEntry& after, Changes& out) {
  if (before.path != after.path) {
    Json change = store_change("store moved", after);
    change["from"] = json_text(before.path);
    out.add(std::move(change));
  }
  if (before.also_at != after.also_at && !after.also_at.empty()) {
    Json change = store_change("store is being moved", after);
    change["to"] = json_text(after.also_at);
    out.add(std::move(change));
  }
  if (after.confirmed && !before.confirmed) out.add(store_change("store confirmed", after));
  if (after.names_encrypted && !before.names_encrypted) out.add(store_change("store names encrypted", after));
}

// Whose files it may hold from now on.
void compare_lineage(const StoreEntry& before, const StoreEntry& after, Changes& out) {
  if (before.lineage == after.lineage) return;
  for (const Lineage& each : after.lineage) {
    if (std::ranges::find(before.lineage, each) != before.lineage.end()) continue;
    Json change = store_change("store lineage", after);
    change["of"] = each.store.hex();
    change["how"] = lineage_name(each.how);
    out.add(std::move(change));
  }
}

void compare_stores(const Keyring* before, const Keyring& after, Changes& out) {
  std::unordered_map<Id, const StoreEntry*, IdHash> known;
  if (before != nullptr) {
    for (const StoreEntry& store : before->stores()) known[store.id] = &store;
  }
  for (const StoreEntry& store : after.stores()) {
    const auto found = known.find(store.id);
    const StoreEntry none{store.id, store.created, store.path, {}, store.node, false, false, {}, store.domains};
    if (found == known.end()) out.add(store_change("store added", store));
    const StoreEntry& earlier = found != known.end() ? *found->second : none;
    compare_places(earlier, store, out);
    compare_lineage(earlier, store, out);
    if (earlier.domains != store.domains) out.add(store_change("store domains", store));
    if (found != known.end()) known.erase(found);
  }
  // In the order of the keyring.
  if (known.empty()) return;
  for (const StoreEntry& store : before->stores()) {
    if (known.contains(store.id)) out.add(store_change("store forgotten", store));
  }
}

void compare_nodes(const Keyring* before, const Keyring& after, Changes& out) {
  const auto change = [&](std::string_view what, const EnrolledNode& node) {
    out.add({{"what", what}, {"node", node.name}, {"key", to_hex(node.signing)}});
  };
  for (const EnrolledNode& node : after.nodes()) {
    const EnrolledNode* earlier = before != nullptr ? before->find_node(node.name) : nullptr;
    if (earlier == nullptr) {
      change("node enrolled", node);
    } else if (earlier->signing != node.signing) {
      change("node renewed", node);
    } else if (node.is_leaving() && !earlier->is_leaving()) {
      change("node leaving", node);
    }
  }
  if (before == nullptr) return;
  for (const EnrolledNode& node : before->nodes()) {
    if (after.find_node(node.name) == nullptr) change("node removed", node);
  }
}

void compare_backups(const Keyring* before, const Keyring& after, Changes& out) {
  const auto change = [&](std::string_view what, const ListedBackup& backup) {
    out.add({{"what", what}, {"backup", backup.id.hex()}, {"target", json_text(backup.target)}});
  };
  for (const ListedBackup& backup : after.backups()) {
    const ListedBackup* earlier = before != nullptr ? before->find_backup(backup.id) : nullptr;
    if (earlier != nullptr && earlier->state == backup.state) continue;
    switch (backup.state) {
      case BackupState::kBeingMade: change("backup begun", backup); break;
      case BackupState::kWhole: change("backup made", backup); break;
      case BackupState::kBeingForgotten: change("backup being forgotten", backup); break;
    }
  }
  if (before == nullptr) return;
  for (const ListedBackup& backup : before->backups()) {
    if (after.find_backup(backup.id) == nullptr) change("backup forgotten", backup);
  }
}

Json rollout_change(std::string_view what, const Rollout& rollout) {
  return {{"what", what}, {"domain", rollout.domain}, {"version", rollout.version}};
}

void compare_rollout(const Rollout* before, const Rollout& after, Changes& out) {
  if (before == nullptr || before->version != after.version || before->share != after.share) {
    Json change = rollout_change("rollout share", after);
    change["share"] = share_text(after.share);
    return out.add(std::move(change));
  }
  if (before->halt == after.halt) return;
  if (!after.is_halted()) return out.add(rollout_change("rollout resumed", after));
  Json change = rollout_change("rollout halted", after);
  if (!after.halt.node.empty()) change["node"] = after.halt.node;
  change["why"] = json_text(after.halt.why);
  out.add(std::move(change));
}

void compare_rollouts(const Keyring* before, const Keyring& after, Changes& out) {
  for (const Rollout& rollout : after.rollouts()) {
    compare_rollout(before != nullptr ? before->find_rollout(rollout.domain) : nullptr, rollout, out);
  }
  if (before == nullptr) return;
  for (const Rollout& rollout : before->rollouts()) {
    const Rollout* now = after.find_rollout(rollout.domain);
    if (now == nullptr || now->version != rollout.version) out.add(rollout_change("rollout ended", rollout));
  }
}

Json question_change(std::string_view what, const Keyring& keyring, const Id& key) {
  const FoundKey found = keyring.find_key(key);
  return key_change(what, *found.domain, *found.entry);
}

// That a key was destroyed says the change of its state.
void compare_questions(const Keyring* before, const Keyring& after, Changes& out) {
  for (const KeyQuestion& question : after.questions()) {
    const KeyQuestion* earlier = before != nullptr ? before->find_question(question.key) : nullptr;
    if (earlier == nullptr || earlier->id != question.id) {
      out.add(question_change("nodes asked", after, question.key));
    }
  }
  if (before == nullptr) return;
  for (const KeyQuestion& question : before->questions()) {
    const FoundKey key = after.find_key(question.key);
    const bool is_open = after.find_question(question.key) != nullptr;
    if (is_open || key.entry == nullptr || key.entry->state == KeyState::kDestroyed) continue;
    out.add(question_change("question withdrawn", after, question.key));
  }
}

void compare_slots(std::span<const KeyringSlot> before, std::span<const KeyringSlot> after, Changes& out) {
  const auto report = [&](std::string_view what, std::span<const KeyringSlot> slots, std::span<const KeyringSlot> in) {
    for (const KeyringSlot& slot : slots) {
      const bool found = std::ranges::any_of(in, [&](const KeyringSlot& other) { return other.id == slot.id; });
      if (!found) out.add({{"what", what}, {"slot", slot.id.hex()}, {"root", slot.root}});
    }
  };
  report("slot added", after, before);
  report("slot removed", before, after);
}

}  // namespace

std::string changes_between(const KeyringContents* before, const KeyringContents& after) {
  Changes out;
  const Keyring* keyring = before != nullptr ? &before->keyring : nullptr;
  compare_slots(before != nullptr ? before->slots : std::span<const KeyringSlot>(), after.slots, out);
  compare_groups(keyring, after.keyring, out);
  compare_keys(keyring, after.keyring, out);
  compare_stores(keyring, after.keyring, out);
  compare_nodes(keyring, after.keyring, out);
  compare_backups(keyring, after.keyring, out);
  compare_rollouts(keyring, after.keyring, out);
  compare_questions(keyring, after.keyring, out);
  return out.text();
}

}  // namespace coffer
