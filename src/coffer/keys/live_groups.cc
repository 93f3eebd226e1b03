#include "coffer/keys/live_groups.h"

#include <algorithm>

#include "coffer/base/clock.h"
#include "coffer/keys/policy.h"

namespace coffer {
namespace {

// A group that is opened between two looks waits no longer for its own.
constexpr std::chrono::seconds kGroupLookMax{5};

// A root that is not there is unavailable; what is found of it is said of one group only.
Code code_of_closed(const Status& why) { return why.code() == Code::kNotFound ? Code::kKeyUnavailable : why.code(); }

}  // namespace

Status group_is_closed(const KeyGroup& group, const Status& why) {
  const std::string message(why.message());
  const std::string& root = group.slots.front().root;
  const bool names_root = message.find("root " + root) != std::string::npos;
  return {code_of_closed(why), "key group \"" + group.name +
                                   "\" is closed: " + (names_root ? "" : "root " + root + ": ") + message +
                                   (message.find("; ") == std::string::npos ? "; " : ", then ") +
                                   "its files are read again as soon as that root key is there"};
}

std::shared_ptr<LiveGroups::Standing> LiveGroups::standing_of(const KeyGroup& group) {
  std::lock_guard lock(mutex_);
  std::shared_ptr<Standing>& standing = standings_[group.id];
  if (standing == nullptr) standing = std::make_shared<Standing>();
  return standing;
}

std::optional<Result<GroupKey>> LiveGroups::known(Standing& standing, const KeyGroup& group) const {
  std::lock_guard lock(mutex_);
  if (!standing.fenced.is_ok()) return group_is_closed(group, standing.fenced);
  if (standing.group.key_id != group.key_id) return std::nullopt;
  if (!standing.key.empty()) return standing.key.open();
  if (standing.refusal.is_ok() || Clock::now() - standing.refused_at >= retry_delay_) return std::nullopt;
  return standing.refusal;
}

Result<GroupKey> LiveGroups::key_of(const KeyGroup& group) {
  COFFER_TRY(here_.usable());
  const std::shared_ptr<Standing> standing = standing_of(group);
  if (auto there = known(*standing, group)) return std::move(*there);
  std::lock_guard asking(standing->asking);
  // Somebody else may just have asked.
  if (auto there = known(*standing, group)) return std::move(*there);
  return take(*standing, group, ask(group));
}

Result<LiveGroups::Opened> LiveGroups::ask(const KeyGroup& group) const {
  COFFER_ASSIGN(const Id context, group_slot_context(group.id));
  COFFER_ASSIGN(const UnlockedSlot unlocked,
                unlock_slots({context, 0, group.slots}, only_of_group(open_root_, group.name), ""));
  COFFER_ASSIGN(GroupKey key, as_group_key(unlocked.key));
  COFFER_ASSIGN(const Id id, group_key_id(group.id, key));
  if (id == group.key_id) return Opened{std::move(key), unlocked.root};
  return {Code::kTampered,
          "root " + unlocked.root + " unwraps another key than the group's; restore the keyring " + "from a backup"};
}

Result<GroupKey> LiveGroups::take(Standing& standing, const KeyGroup& group, Result<Opened> opened) {
  std::lock_guard lock(mutex_);
  if (!standing.fenced.is_ok()) return group_is_closed(group, standing.fenced);
  // Of what the group was: whoever has a keyring of that time gets it, and nothing goes by it here.
  if (!standing.followed.is_zero() && standing.followed != group.key_id) {
    if (!opened.is_ok()) return group_is_closed(group, opened.status());
    return std::move(opened->key);
  }
  standing.group = group;
  note_root_key(standing, opened.status());
  standing.looked_at = Clock::now();
  standing.interval = {};
  watch_if_wanted();
  if (!opened.is_ok()) {
    standing.key = {};
    standing.refusal = group_is_closed(group, opened.status());
    standing.refused_at = Clock::now();
    return standing.refusal;
  }
  COFFER_ASSIGN(standing.key, RestingKey<GroupRole>::seal(opened->key));
  standing.refusal = Status::ok();
  standing.opened_by = std::move(opened->root);
  return std::move(opened->key);
}

Status LiveGroups::learn(const KeyGroup& group, const GroupKey& key) {
  const std::shared_ptr<Standing> standing = standing_of(group);
  return take(*standing, group, Opened{key.clone(), group.slots.front().root}).status();
}

void LiveGroups::note_root_key(Standing& standing, const Status& found) const {
  // Another kind of trouble begins now; the same in other words goes on.
  if (root_trouble(found) != root_trouble(standing.root_key)) {
    standing.root_key_since = found.is_ok() ? 0 : now_seconds();
  }
  standing.root_key = found;
}

GroupCondition LiveGroups::condition(const Id& id, const Standing& standing) {
  const std::string& root = standing.opened_by.empty() ? standing.group.slots.front().root : standing.opened_by;
  return {id,
          standing.group.name,
          root,
          !standing.key.empty(),
          standing.root_key,
          standing.root_key_since,
          standing.fenced};
}

std::vector<GroupCondition> LiveGroups::conditions() const {
  std::vector<GroupCondition> out;
  if (!here_.is_here()) return out;
  std::lock_guard lock(mutex_);
  for (const auto& [id, standing] : standings_) {
    // One without slots is just being asked.
    if (!standing->group.slots.empty()) out.push_back(condition(id, *standing));
  }
  return out;
}

std::optional<GroupCondition> LiveGroups::condition_of(const Id& group_id) const {
  if (!here_.is_here()) return std::nullopt;
  std::lock_guard lock(mutex_);
  const auto found = standings_.find(group_id);
  if (found == standings_.end() || found->second->group.slots.empty()) return std::nullopt;
  return condition(group_id, *found->second);
}

// --- while the coffer stays open

void LiveGroups::watch() {
  std::lock_guard lock(mutex_);
  is_watched_ = true;
}

// Its thread waits for mutex_ first.
void LiveGroups::watch_if_wanted() {
  if (is_watched_) watcher_.start([this] { return look(); });
}

void LiveGroups::attend(const KeyGroup& group) {
  const std::shared_ptr<Standing> standing = standing_of(group);
  std::lock_guard lock(mutex_);
  if (standing->group.slots.empty()) standing->group = group;
  standing->is_attended = true;
  watch_if_wanted();
}

void LiveGroups::follow(const std::vector<KeyGroup>& groups) {
  std::lock_guard lock(mutex_);
  for (auto at = standings_.begin(); at != standings_.end();) {
    Standing& standing = *at->second;
    const auto now = std::ranges::find(groups, at->first, &KeyGroup::id);
    if (now == groups.end()) {
      at = standings_.erase(at);
      continue;
    }
    ++at;
    standing.followed = now->key_id;
    if (standing.group.slots.empty() || standing.group.key_id == now->key_id) continue;
    // Its files may be open: its root, another one perhaps, is looked at as the one before was.
    standing.is_attended = matters(standing);
    standing.group = *now;
    standing.key = {};
    standing.opened_by.clear();
    standing.refusal = Status::ok();
    standing.interval = {};
    standing.looked_at = {};
    // Who made the other key could wrap it just now.
    note_root_key(standing, Status::ok());
  }
}

void LiveGroups::look_at_least_every(std::chrono::milliseconds interval) {
  std::lock_guard lock(mutex_);
  interval_max_ = std::min(interval_max_, interval);
}

bool LiveGroups::matters(const Standing& standing) {
  return standing.is_attended || !standing.key.empty() || !standing.fenced.is_ok();
}

std::chrono::milliseconds LiveGroups::look() {
  std::vector<std::shared_ptr<Standing>> due;
  {
    std::lock_guard lock(mutex_);
    for (const auto& [id, standing] : standings_) {
      const auto wait = std::min(standing->interval, interval_max_);
      if (matters(*standing) && Clock::now() - standing->looked_at >= wait) due.push_back(standing);
    }
  }
  for (const auto& standing : due) look_at(*standing);
  std::lock_guard lock(mutex_);
  return std::min<std::chrono::milliseconds>(interval_max_, kGroupLookMax);
}

void LiveGroups::look_at(Standing& standing) {
  KeyGroup group;
  std::string opened_by;
  {
    std::lock_guard lock(mutex_);
    group = standing.group;
    opened_by = standing.opened_by;
  }
  const auto slot = std::ranges::find(group.slots, opened_by, &KeyringSlot::root);
  const KeyringSlot& watched = slot == group.slots.end() ? group.slots.front() : *slot;
  const auto root = only_of_group(open_root_, group.name)(watched.root, "");
  const Status found = root.is_ok() ? root->provider->check(watched.handle) : root.status();
  std::lock_guard lock(mutex_);
  standing.looked_at = Clock::now();
  standing.interval = root.is_ok() ? root->provider->check_interval() : retry_delay_;
  // It may have been renewed meanwhile: then this was of another key.
  if (standing.group.key_id == group.key_id) note_root_key(standing, found);
}

void LiveGroups::fence(const Id& group_id, const Status& why) {
  std::lock_guard lock(mutex_);
  const auto standing = standings_.find(group_id);
  if (standing == standings_.end()) return;
  standing->second->key = {};
  standing->second->fenced = why;
}

void LiveGroups::end_fence(const Id& group_id) {
  std::lock_guard lock(mutex_);
  const auto standing = standings_.find(group_id);
  if (standing == standings_.end()) return;
  standing->second->fenced = Status::ok();
  standing->second->refusal = Status::ok();
}

void LiveGroups::forget_keys() {
  std::lock_guard lock(mutex_);
  for (const auto& [id, standing] : standings_) standing->key = {};
}

}  // namespace coffer
