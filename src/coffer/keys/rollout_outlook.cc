#include "coffer/keys/rollout_outlook.h"

#include <algorithm>

namespace coffer {
namespace {

using Next = RolloutOutlook::Next;

// They stand in the order of their names.
const NodeStanding* standing_of(std::string_view node, std::span<const NodeStanding> standings) {
  const auto name_of = [](const NodeStanding& standing) -> std::string_view { return standing.node.name; };
  const auto found = std::ranges::lower_bound(standings, node, {}, name_of);
  return found == standings.end() || found->node.name != node ? nullptr : &*found;
}

// What one node of the share says; nothing: it has ended.
std::optional<RolloutOutlook> outlook_of(const Rollout& rollout, const NodeStanding* standing) {
  if (standing == nullptr || (standing->doubt.is_ok() && !standing->report)) {
    return RolloutOutlook{Next::kWaits, {}, "has not reported"};
  }
  // Whoever can write there could make it so: nothing is halted by that.
  if (!standing->doubt.is_ok()) return RolloutOutlook{Next::kWaits, {}, standing->doubt.to_string()};
  const NodeReport& report = *standing->report;
  if (report.ended) return std::nullopt;
  if (!report.error.empty()) {
    // One that was not well before, and has said nothing since, is away: that is no news of this key.
    const bool is_news = report.keyring_version >= rollout.keyring_version || report.time >= rollout.begun;
    const bool halts = is_news && !passes_by_itself(report.code());
    return RolloutOutlook{halts ? Next::kHalts : Next::kWaits, {}, report.error};
  }
  if (report.keyring_version >= rollout.keyring_version) return RolloutOutlook();
  return RolloutOutlook{Next::kWaits, {}, "serves version " + std::to_string(report.keyring_version) +
                                              " of the keyring, and this share began with " +
                                              std::to_string(rollout.keyring_version)};
}

}  // namespace

bool passes_by_itself(std::string_view code) { return code == code_name(Code::kProviderUnavailable); }

RolloutOutlook rollout_outlook(const Keyring& keyring, const Rollout& rollout,
                               std::span<const NodeStanding> standings) {
  RolloutOutlook out;
  const Domain* domain = keyring.find_domain(rollout.domain);
  const DomainKeyEntry* key = domain != nullptr ? keyring.rollout_key(*domain) : nullptr;
  if (key == nullptr) return {Next::kWaits, {}, "its key is not in the keyring"};
  for (const EnrolledNode* node : nodes_in_share(keyring.nodes(), key->id, rollout.share)) {
    ++out.nodes;
    std::optional<RolloutOutlook> one = outlook_of(rollout, standing_of(node->name, standings));
    if (!one.has_value()) continue;
    if (one->next == Next::kReady) ++out.well;
    if (one->next <= out.next) continue;
    out.next = one->next;
    out.node = node->name;
    out.why = std::move(one->why);
  }
  if (out.next == Next::kReady && out.well == 0) return {Next::kWaits, {}, "no node of the share serves", out.nodes, 0};
  return out;
}

}  // namespace coffer
