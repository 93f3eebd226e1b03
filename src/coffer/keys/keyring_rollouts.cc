// Rollouts in a keyring: their changes, and what becomes of one when a key that it is about changes.
#include <algorithm>

#include "coffer/base/text.h"
#include "coffer/keys/keyring_shard.h"

namespace coffer {
namespace {

// An excerpt is longer by a character and the sign that it is one.
constexpr size_t kReasonShownMax = kHaltReasonSizeMax - 8;

std::string domain_text(std::string_view name) { return "domain \"" + std::string(name) + "\""; }

}  // namespace

// No key is pre-active but that of a rollout.
bool Domain::is_current(uint32_t version) const {
  return std::ranges::any_of(keys, [&](const DomainKeyEntry& key) {
    return key.version == version && (key.state == KeyState::kActive || key.state == KeyState::kPreActive);
  });
}

const Rollout* Keyring::find_rollout(std::string_view domain) const {
  const auto found = std::ranges::lower_bound(rollouts_, domain, {}, &Rollout::domain);
  return found == rollouts_.end() || found->domain != domain ? nullptr : &*found;
}

const DomainKeyEntry* Keyring::rollout_key(const Domain& domain) const {
  const Rollout* rollout = rollouts_.empty() ? nullptr : find_rollout(domain.name);
  if (rollout == nullptr) return nullptr;
  // Keys stand in the order of their versions, from 1, and none is ever taken out.
  const size_t at = rollout->version - size_t{1};
  const bool fits = at < domain.keys.size() && domain.keys[at].state == KeyState::kPreActive;
  return fits ? &domain.keys[at] : nullptr;
}

Status Keyring::begin_rollout(std::string_view name, uint64_t now) {
  if (find_rollout(name) != nullptr) {
    return {Code::kAlreadyExists, "a rollout of " + domain_text(name) + " is running; coffer rollout list shows it"};
  }
  if (nodes().empty()) {
    return {Code::kInvalidArgument, "a rollout begins with some of the nodes, and the keyring has none; coffer node "
                                    "enrol adds them, and coffer rotate domain rotates for all at once"};
  }
  if (rollouts_.size() >= kRolloutCountMax) {
    return {Code::kLimitExceeded, "1024 rollouts are running, which is as many as there may be"};
  }
  if (const Domain* domain = find_domain(name); domain != nullptr && domain->active() == nullptr) {
    return {Code::kInvalidArgument, domain_text(name) + " has no active key that the other nodes could go on with; "
                                                        "rotate it for all at once"};
  }
  COFFER_TRY(add_domain_key(name, KeyState::kPreActive, now));
  const auto place = std::ranges::lower_bound(rollouts_, name, {}, &Rollout::domain);
  rollouts_.insert(place, {std::string(name), find_domain(name)->keys.back().version, kRolloutShares.front(), now,
                           version_ + 1});
  return Status::ok();
}

Status Keyring::find_running(std::string_view domain, Rollout*& out) {
  const Rollout* found = find_rollout(domain);
  if (found == nullptr) {
    return {Code::kNotFound, "no rollout of " + domain_text(domain) + " is running; coffer rollout list shows them"};
  }
  out = &rollouts_[static_cast<size_t>(found - rollouts_.data())];
  return Status::ok();
}

Status Keyring::advance_rollout(std::string_view domain, uint64_t now) {
  Rollout* rollout = nullptr;
  COFFER_TRY(find_running(domain, rollout));
  if (rollout->is_halted()) {
    return {Code::kKeyUnavailable, "the rollout of " + domain_text(domain) + " is halted: " + rollout->halt.why +
                                       "; coffer rollout resume or coffer rollout undo"};
  }
  const auto next = std::ranges::upper_bound(kRolloutShares, rollout->share);
  if (next == kRolloutShares.end()) return finish_rollout(domain, now);
  rollout->share = *next;
  rollout->begun = now;
  rollout->keyring_version = version_ + 1;
  return Status::ok();
}

Status Keyring::halt_rollout(std::string_view domain, RolloutHalt halt) {
  Rollout* rollout = nullptr;
  COFFER_TRY(find_running(domain, rollout));
  if (rollout->is_halted()) return Status::ok();
  // Once more, as the first time may write control characters longer than they were.
  halt.why = excerpt(excerpt(halt.why, kReasonShownMax), kReasonShownMax);
  rollout->halt = std::move(halt);
  return Status::ok();
}

Status Keyring::resume_rollout(std::string_view domain, uint64_t now) {
  Rollout* rollout = nullptr;
  COFFER_TRY(find_running(domain, rollout));
  if (!rollout->is_halted()) {
    return {Code::kInvalidArgument, "the rollout of " + domain_text(domain) + " is not halted"};
  }
  rollout->halt = {};
  rollout->begun = now;
  rollout->keyring_version = version_ + 1;
  return Status::ok();
}

Status Keyring::undo_rollout(std::string_view domain, uint64_t now) {
  Rollout* rollout = nullptr;
  COFFER_TRY(find_running(domain, rollout));
  end_rollout(domain, now);
  return Status::ok();
}

Status Keyring::finish_rollout(std::string_view name, uint64_t now) {
  const Domain* domain = find_domain(name);
  const DomainKeyEntry* next = domain != nullptr ? rollout_key(*domain) : nullptr;
  if (next == nullptr) return {Code::kInternal, "the rollout of " + domain_text(name) + " has no key"};
  if (next->is_expired(now)) {
    return {Code::kInvalidArgument, "key " + std::to_string(next->version) + " of " + domain_text(name) +
                                        " has expired; coffer rollout undo"};
  }
  const size_t shard = shard_of(tag_of_id(next->id));
  const size_t at = shards_[shard].contents->position(*domain);
  const uint32_t version = next->version;
  for (DomainKeyEntry& entry : own(shard).keys(at)) {
    if (entry.state == KeyState::kActive) entry.enter(KeyState::kDeactivated, now);
    if (entry.version == version) entry.enter(KeyState::kActive, now);
  }
  std::erase_if(rollouts_, [&](const Rollout& rollout) { return rollout.domain == name; });
  return Status::ok();
}

void Keyring::end_rollout(std::string_view name, uint64_t now) {
  if (find_rollout(name) == nullptr) return;
  const Domain* domain = find_domain(name);
  const Rollout ended = *find_rollout(name);
  if (domain != nullptr && rollout_key(*domain) != nullptr) {
    const size_t shard = shard_of(tag_of_id(domain->keys.front().id));
    const size_t at = shards_[shard].contents->position(*domain);
    for (DomainKeyEntry& entry : own(shard).keys(at)) {
      if (entry.version != ended.version) continue;
      // Some nodes had it in use.
      entry.enter(KeyState::kActive, now);
      entry.enter(KeyState::kDeactivated, now);
    }
  }
  std::erase(rollouts_, ended);
}

void Keyring::settle_rollout(std::string_view name, uint64_t now) {
  if (find_rollout(name) == nullptr) return;
  const Domain* domain = find_domain(name);
  if (domain == nullptr || domain->active() == nullptr || rollout_key(*domain) == nullptr) end_rollout(name, now);
}

Status Keyring::check_rollouts() const {
  for (const Rollout& rollout : rollouts_) {
    const Domain* domain = find_domain(rollout.domain);
    if (domain != nullptr && domain->active() != nullptr && rollout_key(*domain) != nullptr) continue;
    return {Code::kTampered, "the sealed keyring breaks a rule: a rollout must be of a domain with an active key, "
                             "and its own key pre-active"};
  }
  return Status::ok();
}

}  // namespace coffer
