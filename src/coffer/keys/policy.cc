#include "coffer/keys/policy.h"

#include <algorithm>

#include "coffer/base/byte_size.h"
#include "coffer/base/period.h"

namespace coffer {
namespace {

uint64_t end_of(uint64_t begin, uint64_t period) { return period > UINT64_MAX - begin ? UINT64_MAX : begin + period; }

// A key that became active in the future was made by a clock that was wrong, and would stay too long.
constexpr uint64_t kClockTolerance = 86400;

// From when on the active key is to be succeeded. One that has a successor on its way does not grow too old.
uint64_t rotation_time(const DomainKeyEntry& key, const KeyPolicy& policy, bool rolls_out, uint64_t now) {
  const bool by_its_age = policy.rotation_period && !rolls_out;
  if (by_its_age && key.activated > end_of(now, kClockTolerance)) return now;
  const uint64_t by_age = by_its_age ? end_of(key.activated, *policy.rotation_period) : UINT64_MAX;
  return std::min(by_age, key.expires == 0 ? UINT64_MAX : key.expires);
}

std::string key_text(const DomainKeyEntry& key) { return "key " + std::to_string(key.version); }

KeyCounts counts_of(const CountsByKey& counts, const Id& key) {
  const auto found = counts.find(key);
  return found == counts.end() ? KeyCounts() : found->second;
}

// Empty: it may go on.
std::string why_used_up(const DomainKeyEntry& key, const KeyPolicy& policy, const KeyCounts& counts) {
  if (policy.max_seals && counts.seals >= *policy.max_seals) {
    return key_text(key) + " has sealed " + std::to_string(counts.seals) + " headers, and max_seals is " +
           std::to_string(*policy.max_seals);
  }
  if (policy.max_bytes && counts.bytes >= *policy.max_bytes) {
    return std::to_string(counts.bytes) + " bytes were written under " + key_text(key) + ", and max_bytes is " +
           byte_size_text(*policy.max_bytes);
  }
  return "";
}

std::string why_too_old(const DomainKeyEntry& key, const KeyPolicy& policy, bool rolls_out, uint64_t now) {
  if (now < rotation_time(key, policy, rolls_out, now)) return "";
  if (key.expires != 0 && key.expires <= now) return key_text(key) + " has expired";
  if (key.activated > now) return key_text(key) + " became active in the future, by a clock that was wrong";
  return key_text(key) + " has been active for " + period_text(now - key.activated) + ", and rotation_period is " +
         period_text(*policy.rotation_period);
}

// Not one file more.
bool must_end_now(const DomainKeyEntry& key, const KeyPolicy& policy, const CountsByKey& counts, uint64_t now) {
  return key.is_expired(now) || !why_used_up(key, policy, counts_of(counts, key.id)).empty();
}

bool was_compromised(const DomainKeyEntry& key) { return key.compromised != 0 || key.state == KeyState::kCompromised; }

bool is_old(const DomainKeyEntry& key, const KeyPolicy& policy, uint64_t now) {
  return now >= end_of(key.deactivated, policy.old_files_after);
}

std::string why_old(const DomainKeyEntry& key, const KeyPolicy& policy, uint64_t now) {
  return "which was deactivated " + period_text(now - std::min(now, key.deactivated)) + " ago, and old_files is " +
         std::string(old_files_name(policy.old_files)) + " after " + period_text(policy.old_files_after);
}

// Empty: not due.
std::string why_rewrap(const DomainKeyEntry& key, const KeyPolicy& policy, uint64_t now) {
  if (key.state == KeyState::kCompromised) return "files need " + key_text(key) + ", which is compromised";
  if (key.state != KeyState::kDeactivated || policy.old_files != OldFiles::kRewrap) return "";
  return is_old(key, policy, now) ? "files need " + key_text(key) + ", " + why_old(key, policy, now) : "";
}

// Empty: not due.
std::string why_destroy(const DomainKeyEntry& key, const KeyPolicy& policy, uint64_t now) {
  if (!policy.destroy_after || !may_become(key.state, KeyState::kDestroyed)) return "";
  const uint64_t since = std::max(key.deactivated, key.compromised);
  if (since == 0 || now < end_of(since, *policy.destroy_after)) return "";
  return "no file needs " + key_text(key) + ", which was deactivated " + period_text(now - since) +
         " ago, and destroy_after is " + period_text(*policy.destroy_after);
}

}  // namespace

std::string_view old_files_name(OldFiles old_files) {
  switch (old_files) {
    case OldFiles::kLazy: return "lazy";
    case OldFiles::kRewrap: return "rewrap";
    case OldFiles::kReencrypt: break;
  }
  return "reencrypt";
}

std::string_view trouble_name(RootTrouble trouble) {
  if (trouble == RootTrouble::kNone) return "none";
  return trouble == RootTrouble::kUnreachable ? "unreachable" : "revoked";
}

std::string_view reaction_name(Reaction reaction, RootTrouble trouble) {
  if (reaction == Reaction::kWarn) return "warn";
  if (reaction == Reaction::kReadOnly) return "read_only";
  return trouble == RootTrouble::kUnreachable ? "stop" : "fence";
}

RootTrouble root_trouble(const Status& found) {
  switch (found.code()) {
    case Code::kOk: return RootTrouble::kNone;
    case Code::kKeyUnavailable:
    case Code::kKeyDestroyed:
    case Code::kWrongKey:
    case Code::kPermissionDenied: return RootTrouble::kRevoked;
    default: return RootTrouble::kUnreachable;
  }
}

RootOutlook root_outlook(const Status& found, uint64_t since, const RootPolicy& policy) {
  RootOutlook out{root_trouble(found), since};
  if (out.trouble == RootTrouble::kNone) return {};
  const bool away = out.trouble == RootTrouble::kUnreachable;
  out.reaction = away ? policy.on_outage : policy.on_revoked;
  out.from = away ? end_of(since, policy.outage_grace) : since;
  return out;
}

std::string outlook_text(const RootOutlook& outlook) {
  if (outlook.trouble == RootTrouble::kNone) return {};
  const bool away = outlook.trouble == RootTrouble::kUnreachable;
  const std::string option = std::string(away ? "on_outage" : "on_revoked") + " is " +
                             std::string(reaction_name(outlook.reaction, outlook.trouble));
  const std::string begin =
      "the root key is " + std::string(trouble_name(outlook.trouble)) + " since " + utc_text(outlook.since) + "; ";
  if (outlook.reaction == Reaction::kWarn) return begin + "work goes on, as " + option;
  const std::string until = away ? "work goes on until " + utc_text(outlook.from) + ", then " : "";
  if (outlook.reaction == Reaction::kReadOnly) return begin + until + "no new files are made, as " + option;
  return begin + until + "no file is read or written and no key is in memory, as " + option;
}

Reaction reaction_at(const RootOutlook& outlook, uint64_t now) {
  // A key that is revoked stays so, whatever the clock says.
  const bool waits = outlook.trouble == RootTrouble::kUnreachable && now < outlook.from;
  return waits ? Reaction::kWarn : outlook.reaction;
}

Status may_protect(const Status& found, uint64_t since, const RootPolicy& policy, uint64_t now) {
  const RootOutlook outlook = root_outlook(found, since, policy);
  if (reaction_at(outlook, now) == Reaction::kWarn) return Status::ok();
  const Code code = outlook.trouble == RootTrouble::kRevoked ? Code::kKeyUnavailable : Code::kProviderUnavailable;
  return {code, outlook_text(outlook) + ": " + found.to_string()};
}

const KeyPolicy& Policy::of(std::string_view domain) const {
  const auto found = domains.find(domain);
  return found == domains.end() ? all : found->second;
}

std::vector<DueAction> due_rotations(const Keyring& keyring, const Policy& policy, const CountsByKey& counts,
                                     uint64_t now) {
  std::vector<DueAction> out;
  for (const Domain& domain : keyring.domains()) {
    const DomainKeyEntry* active = domain.active();
    const KeyPolicy& wanted = policy.of(domain.name);
    if (active == nullptr) continue;
    std::string why = why_too_old(*active, wanted, keyring.find_rollout(domain.name) != nullptr, now);
    if (why.empty()) why = why_used_up(*active, wanted, counts_of(counts, active->id));
    if (!why.empty()) out.push_back({DueAction::What::kRotate, domain.name, std::move(why)});
  }
  return out;
}

std::vector<DueAction> due_rewraps(const Keyring& keyring, const Policy& policy,
                                   const std::function<bool(const Id& key)>& is_needed, uint64_t now) {
  std::vector<DueAction> out;
  for (const Domain& domain : keyring.domains()) {
    if (domain.active() == nullptr) continue;
    for (const DomainKeyEntry& key : domain.keys) {
      std::string why = why_rewrap(key, policy.of(domain.name), now);
      if (why.empty() || !is_needed(key.id)) continue;
      out.push_back({DueAction::What::kRewrap, domain.name, std::move(why)});
      break;
    }
  }
  return out;
}

bool is_reencryption_due(const Domain& domain, const DomainKeyEntry& key, const KeyPolicy& policy, uint64_t now) {
  if (was_compromised(key)) return true;
  if (policy.old_files != OldFiles::kReencrypt || domain.active() == nullptr || domain.locked != 0) return false;
  // One that is destroyed by now may have protected files that were rewrapped since.
  const bool is_over =
      key.state == KeyState::kDeactivated || (key.state == KeyState::kDestroyed && key.deactivated != 0);
  return is_over && is_old(key, policy, now);
}

std::string why_reencrypt(const DomainKeyEntry& key, const KeyPolicy& policy, uint64_t now) {
  return was_compromised(key) ? "which was compromised" : why_old(key, policy, now);
}

std::vector<DueAction> due_destructions(const Keyring& keyring, const Policy& policy,
                                        const std::function<bool(const Id& key)>& is_needed, uint64_t now) {
  std::vector<DueAction> out;
  for (const Domain& domain : keyring.domains()) {
    for (const DomainKeyEntry& key : domain.keys) {
      std::string why = why_destroy(key, policy.of(domain.name), now);
      if (why.empty() || is_needed(key.id)) continue;
      out.push_back({DueAction::What::kDestroy, domain.name, std::move(why), key.id});
    }
  }
  return out;
}

Result<std::vector<DueAction>> apply_rotations(Keyring& keyring, const Policy& policy, const CountsByKey& counts,
                                               uint64_t now) {
  std::vector<DueAction> due = due_rotations(keyring, policy, counts, now);
  for (DueAction& action : due) {
    const bool at_once = !policy.canary_pause || keyring.nodes().empty() ||
                         must_end_now(*keyring.find_domain(action.domain)->active(), policy.of(action.domain), counts,
                                      now);
    action.refused = at_once ? keyring.rotate_domain(action.domain, now) : keyring.begin_rollout(action.domain, now);
    if (keyring.find_domain(action.domain)->group == 0) COFFER_TRY(action.refused);
  }
  return due;
}

uint64_t until_next_rotation(const Keyring& keyring, const Policy& policy, uint64_t now, uint64_t most) {
  uint64_t out = most;
  for (const Domain& domain : keyring.domains()) {
    const DomainKeyEntry* active = domain.active();
    if (active == nullptr) continue;
    const bool rolls_out = keyring.find_rollout(domain.name) != nullptr;
    const uint64_t at = rotation_time(*active, policy.of(domain.name), rolls_out, now);
    out = std::min(out, at > now ? at - now : 0);
  }
  return out;
}

}  // namespace coffer
