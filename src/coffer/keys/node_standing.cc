#include "coffer/keys/node_standing.h"

#include <map>

namespace coffer {

std::vector<NodeStanding> node_standings(const LiveKeyring& live) {
  const auto keyring = live.snapshot();
  const auto reports = live.load_reports();
  std::map<std::string_view, ByteView> texts;
  if (reports.is_ok()) {
    for (const NodeReportText& each : *reports) texts[each.node] = each.report;
  }
  const auto slots = live.nodes_with_slots();
  std::vector<NodeStanding> out;
  for (const EnrolledNode& node : keyring->nodes()) {
    NodeStanding standing{node, std::nullopt, reports.is_ok() ? slots.status() : reports.status()};
    if (slots.is_ok() && slots->has_value()) standing.has_slot = (*slots)->contains(node.name);
    if (const auto found = texts.find(node.name); found != texts.end()) {
      auto report = open_node_report(found->second, node, keyring->coffer_id());
      standing.doubt = report.status();
      if (report.is_ok()) standing.report = std::move(*report);
    }
    out.push_back(std::move(standing));
  }
  return out;
}

}  // namespace coffer
