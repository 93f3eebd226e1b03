#include "coffer/store/rollout_watch.h"

#include <algorithm>

#include "coffer/base/clock.h"
#include "coffer/crypto/random.h"
#include "coffer/format/envelope.h"

namespace coffer {
namespace {

// How many nodes look whether a rollout may go on: one that does not run is no reason to stand still.
constexpr size_t kWatchersMax = 3;

std::string rollout_name(const Rollout& rollout) {
  return "rollout of key " + std::to_string(rollout.version) + " of domain " + rollout.domain;
}

// As nodes_in_share() has it, of one node, and mostly without a look at all of them: files wait for this, and there may
// be many rollouts and nodes.
bool is_among(const Keyring& keyring, const std::string& node, const Id& key, uint16_t share) {
  if (keyring.find_node(node) == nullptr) return false;
  if (is_in_share(node, key, share)) return true;
  const auto is_in = [&](const EnrolledNode& each) { return is_in_share(each.name, key, share); };
  if (std::ranges::any_of(keyring.nodes(), is_in)) return false;
  return nodes_in_share(keyring.nodes(), key, share).front()->name == node;
}

// That a new file under this key opens again.
Status try_key(const DomainKeyEntry& entry, const DomainKey& key, uint64_t keyring_version) {
  EnvelopeFields fields;
  fields.kind = Kind::kLog;
  COFFER_ASSIGN(fields.file_id, random_id());
  fields.domain_key_id = entry.id;
  fields.domain_key_version = entry.version;
  fields.oldest_key_version = fields.newest_key_version = static_cast<uint16_t>(entry.version);
  fields.keyring_version = keyring_version;
  COFFER_ASSIGN(const FileKey file_key, random_key<FileRole>(suite_info(fields.suite).key_size));
  std::array<uint8_t, kEnvelopeSize> envelope{};
  COFFER_TRY(seal_envelope(fields, key, file_key, envelope));
  COFFER_ASSIGN(const EnvelopeScan scan, scan_envelope(envelope));
  return open_envelope(scan, key).status();
}

// Of the very rollout that was looked at; else somebody else was faster.
Status check_same(const Keyring& keyring, const Rollout& seen) {
  const Rollout* now = keyring.find_rollout(seen.domain);
  const bool is_same = now != nullptr && now->version == seen.version && now->keyring_version == seen.keyring_version;
  if (is_same) return Status::ok();
  return {Code::kConflict, "the " + rollout_name(seen) + " was changed meanwhile; look again"};
}

Status halt_in(LiveKeyring& live, const Rollout& seen, const RolloutHalt& halt) {
  return live.update([&](Keyring& keyring) -> Status {
    COFFER_TRY(check_same(keyring, seen));
    if (keyring.find_rollout(seen.domain)->is_halted()) return {Code::kConflict, "it is halted already"};
    return keyring.halt_rollout(seen.domain, halt);
  });
}

Status halted(const Rollout& rollout, const std::string& node, const std::string& why) {
  return {Code::kKeyUnavailable, "the " + rollout_name(rollout) + " is halted" +
                                     (node.empty() ? "" : " by node " + node) + ": " + why +
                                     "; coffer rollout resume or coffer rollout undo"};
}

}  // namespace

std::shared_ptr<const RolloutWatch::Own> RolloutWatch::own_in(const Keyring& keyring) const {
  std::lock_guard lock(mutex_);
  if (own_ != nullptr && own_->version == keyring.version()) return own_;
  auto own = std::make_shared<Own>();
  own->version = keyring.version();
  own->name = own_name_();
  for (const Rollout& rollout : keyring.rollouts()) {
    const DomainKeyEntry* key = keyring.rollout_key(*keyring.find_domain(rollout.domain));
    if (is_among(keyring, own->name, key->id, rollout.share)) own->used.push_back(key->id);
  }
  own_ = own;
  return own;
}

const DomainKeyEntry* RolloutWatch::present_key(const Keyring& keyring, const Domain& domain) const {
  const DomainKeyEntry* next = keyring.rollout_key(domain);
  if (next == nullptr || next->is_expired(now_seconds())) return domain.active();
  const auto own = own_in(keyring);
  return std::ranges::find(own->used, next->id) != own->used.end() ? next : domain.active();
}

RolloutTrial RolloutWatch::try_out(const Keyring& keyring) const {
  RolloutTrial out;
  for (const Rollout& rollout : keyring.rollouts()) {
    const Domain* domain = keyring.find_domain(rollout.domain);
    const DomainKeyEntry* next = keyring.rollout_key(*domain);
    // Nothing of a locked one is read or written.
    if (domain->locked != 0 || !keyring.has_keys()) continue;
    const bool is_shared = present_key(keyring, *domain) == next;
    if (is_shared) out.shared.push_back(rollout.domain);
    const auto key = keyring.open_key({domain, next});
    Status found = key.status();
    if (key.is_ok() && is_shared) found = try_key(*next, *key, keyring.version());
    if (found.is_ok() || !out.found.is_ok()) continue;
    out.failed = rollout.domain;
    out.found = found.with_context(rollout_name(rollout));
  }
  return out;
}

Status RolloutWatch::halt(const Rollout& rollout, std::string why) const {
  if (rollout.is_halted()) return Status::ok();
  const Status done = halt_in(keyring_, rollout, {now_seconds(), own_in(*keyring_.snapshot())->name, std::move(why)});
  return done.code() == Code::kConflict ? Status::ok() : done;
}

bool RolloutWatch::is_mine(const Keyring& keyring, const Rollout& rollout) const {
  const std::string name = own_in(keyring)->name;
  if (keyring.find_node(name) == nullptr) return true;
  const DomainKeyEntry* key = keyring.rollout_key(*keyring.find_domain(rollout.domain));
  const auto nodes = nodes_in_share(keyring.nodes(), key->id, rollout.share);
  const auto first = std::span(nodes).first(std::min(nodes.size(), kWatchersMax));
  return std::ranges::any_of(first, [&](const EnrolledNode* node) { return node->name == name; });
}

Result<std::vector<std::string>> RolloutWatch::go_on(const Policy& policy) const {
  std::vector<std::string> out;
  const auto keyring = keyring_.snapshot();
  std::optional<std::vector<NodeStanding>> standings;
  const uint64_t now = now_seconds();
  for (const Rollout& rollout : keyring->rollouts()) {
    if (rollout.is_halted() || !is_mine(*keyring, rollout)) continue;
    if (!standings) standings = node_standings(keyring_);
    const RolloutOutlook outlook = rollout_outlook(*keyring, rollout, *standings);
    if (outlook.next == RolloutOutlook::Next::kWaits) continue;
    const bool is_time = policy.canary_pause && now >= rollout.begun && now - rollout.begun >= *policy.canary_pause;
    if (outlook.next == RolloutOutlook::Next::kReady && !is_time) continue;
    const auto done = advance_rollout(keyring_, rollout, false);
    if (done.code() == Code::kConflict || done.code() == Code::kBusy) continue;
    if (!done.is_ok() && done.code() != Code::kKeyUnavailable) return done.status();
    out.push_back(done.is_ok() ? *done : std::string(done.status().message()));
  }
  return out;
}

Result<std::string> advance_rollout(LiveKeyring& live, const Rollout& rollout, bool anyway) {
  if (rollout.is_halted()) return halted(rollout, rollout.halt.node, rollout.halt.why);
  const RolloutOutlook outlook = rollout_outlook(*live.snapshot(), rollout, node_standings(live));
  if (outlook.next == RolloutOutlook::Next::kHalts) {
    const RolloutHalt halt{now_seconds(), outlook.node, outlook.why};
    const Status done = halt_in(live, rollout, halt);
    if (!done.is_ok()) return done;
    return halted(rollout, halt.node, halt.why);
  }
  if (outlook.next == RolloutOutlook::Next::kWaits && !anyway) {
    return {Code::kBusy, "the " + rollout_name(rollout) + " (" + share_text(rollout.share) + ") waits: " +
                             (outlook.node.empty() ? "" : "node " + outlook.node + ": ") + outlook.why};
  }
  bool is_over = false;
  uint16_t share = 0;
  const auto advance = [&](Keyring& keyring) -> Status {
    COFFER_TRY(check_same(keyring, rollout));
    COFFER_TRY(keyring.advance_rollout(rollout.domain, now_seconds()));
    const Rollout* next = keyring.find_rollout(rollout.domain);
    is_over = next == nullptr;
    share = is_over ? uint16_t{0} : next->share;
    return Status::ok();
  };
  COFFER_TRY(live.update(advance));
  return "the " + rollout_name(rollout) +
         (is_over ? " is over: it is active, on every node" : " has come to " + share_text(share) + " of the nodes");
}

}  // namespace coffer
