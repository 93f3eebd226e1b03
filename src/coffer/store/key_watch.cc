#include "coffer/store/key_watch.h"

#include <algorithm>
#include <vector>

#include "coffer/base/clock.h"
#include "coffer/base/scratch.h"

namespace coffer {
namespace {

using WatchClock = std::chrono::steady_clock;

// A provider that has just refused to unlock is asked again.
constexpr std::chrono::seconds kUnlockInterval{5};

// Then what was read with them, which nothing can be read into any more.
void take_all_back(const std::vector<std::shared_ptr<KeyGate>>& gates) {
  for (const auto& gate : gates) gate->take_back();
  if (!gates.empty()) Scratch::wipe_all();
}

}  // namespace

void KeyWatch::start() {
  thread_.start([this] { return look(); });
}

KeyLease KeyWatch::lease(std::string_view domain, const std::weak_ptr<Coffer>& coffer) {
  std::lock_guard lock(mutex_);
  auto found = gates_.find(domain);
  if (found == gates_.end()) {
    found = gates_.emplace(std::string(domain), Kept{std::make_shared<KeyGate>(coffer), {}}).first;
  }
  return KeyLease::of(found->second.gate);
}

std::chrono::milliseconds KeyWatch::look() {
  keyring_.refresh_without_waiting();
  uses_.keep_up();
  follow_keyring();
  follow_root_key();
  follow_groups();
  return kInterval;
}

KeyWatch::Standing KeyWatch::standing_of(const Keyring& keyring, const Domain& domain) {
  const auto is_living = [](const DomainKeyEntry& key) { return key.state != KeyState::kDestroyed; };
  const KeyGroup* group = keyring.group_of(domain);
  return {domain.locked, std::ranges::any_of(domain.keys, is_living), group != nullptr ? group->id : Id{}};
}

bool KeyWatch::attend_group_of(const Keyring& keyring, const Domain& domain) {
  const KeyGroup& group = *keyring.group_of(domain);
  keyring_.groups().attend(group);
  const auto condition = keyring_.groups().condition_of(group.id);
  return !condition.has_value() || condition->fenced.is_ok();
}

// A gate that is made while this runs is missed by nothing: whoever makes one asks for the keyring afterwards.
void KeyWatch::follow_keyring() {
  const std::shared_ptr<const Keyring> keyring = keyring_.snapshot();
  if (keyring == followed_) return;
  std::vector<std::shared_ptr<KeyGate>> taken;
  {
    std::lock_guard lock(mutex_);
    for (auto& [name, kept] : gates_) {
      const Domain* domain = keyring->find_domain(name);
      if (domain == nullptr) continue;
      const Standing now = standing_of(*keyring, *domain);
      const Standing before = std::exchange(kept.standing, now);
      const bool is_locked = now.locked != 0 && now.locked != before.locked;
      const bool is_shredded = before.has_living && !now.has_living;
      const bool is_in_another_group = !now.group.is_zero() && now.group != before.group;
      const bool is_fenced = is_in_another_group && !attend_group_of(*keyring, *domain);
      if (is_locked || is_shredded || is_fenced) taken.push_back(kept.gate);
    }
  }
  take_all_back(taken);
  followed_ = keyring;
}

void KeyWatch::follow_root_key() {
  if (!policy_.is_enabled()) return;
  const RootPolicy policy = policy_.present()->root;
  const KeyringCondition condition = keyring_.condition();
  const RootOutlook outlook = root_outlook(condition.root_key, condition.root_key_since, policy);
  if (std::exchange(told_, outlook.trouble) != outlook.trouble) {
    policy_.tell(outlook.trouble == RootTrouble::kNone ? "the root key may go on protecting again"
                                                       : outlook_text(outlook) + ": " + condition.root_key.to_string());
  }
  const bool wanted = reaction_at(outlook, now_seconds()) == Reaction::kFence;
  if (wanted && !fenced_) fence(may_protect(condition.root_key, condition.root_key_since, policy, now_seconds()));
  if (!wanted && fenced_) end_fence();
}

void KeyWatch::follow_groups() {
  if (!policy_.is_enabled()) return;
  const RootPolicy policy = policy_.present()->root;
  for (const GroupCondition& group : keyring_.groups().conditions()) {
    const RootOutlook outlook = root_outlook(group.root_key, group.root_key_since, policy);
    if (std::exchange(told_of_groups_[group.id], outlook.trouble) != outlook.trouble) {
      const std::string what = "key group \"" + group.name + "\", root " + group.root + ": ";
      policy_.tell(what + (outlook.trouble == RootTrouble::kNone
                               ? "the root key may go on protecting again"
                               : outlook_text(outlook) + ": " + group.root_key.to_string()));
    }
    const bool wanted = reaction_at(outlook, now_seconds()) == Reaction::kFence;
    if (wanted && group.fenced.is_ok()) {
      fence_group(group, may_protect(group.root_key, group.root_key_since, policy, now_seconds()));
    }
    if (!wanted && !group.fenced.is_ok()) keyring_.groups().end_fence(group.id);
  }
}

// As in follow_keyring(), a gate that is made while this runs is missed by nothing.
void KeyWatch::fence_group(const GroupCondition& group, const Status& why) {
  keyring_.groups().fence(group.id, why);
  const std::shared_ptr<const Keyring> keyring = keyring_.snapshot();
  std::vector<std::shared_ptr<KeyGate>> taken;
  {
    std::lock_guard lock(mutex_);
    for (const auto& [name, kept] : gates_) {
      const Domain* domain = keyring->find_domain(name);
      const KeyGroup* of = domain != nullptr ? keyring->group_of(*domain) : nullptr;
      if (of != nullptr && of->id == group.id) taken.push_back(kept.gate);
    }
  }
  take_all_back(taken);
}

void KeyWatch::fence(const Status& why) {
  keyring_.fence(why);
  fenced_ = true;
  next_attempt_ = {};
  std::vector<std::shared_ptr<KeyGate>> all;
  {
    std::lock_guard lock(mutex_);
    for (const auto& [domain, kept] : gates_) all.push_back(kept.gate);
  }
  take_all_back(all);
  // The last one who has the keys.
  followed_ = keyring_.snapshot();
}

void KeyWatch::end_fence() {
  if (WatchClock::now() < next_attempt_) return;
  next_attempt_ = WatchClock::now() + kUnlockInterval;
  if (keyring_.end_fence().is_ok()) fenced_ = false;
}

}  // namespace coffer
