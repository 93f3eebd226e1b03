#include "coffer/config/peers_section.h"

#include <algorithm>

namespace coffer {

Result<Peers> read_peers(const YamlReader& reader, const YAML::Node& section) {
  Peers out;
  COFFER_TRY(reader.each(section, "peers: ", [&](const YamlReader::Entry& entry) -> Status {
    if (!valid_node_name(entry.key)) {
      return reader.error(entry.key_node,
                          "peers: expected a name of 1 to 64 letters, digits, dots, underscores or dashes");
    }
    const std::string what = "peers: " + entry.key;
    COFFER_ASSIGN(const std::string text, reader.text(entry.value, what));
    const auto node = parse_node_public(text);
    if (!node.is_ok()) return reader.error(entry.value, what + ": " + std::string(node.status().message()));
    const auto same = std::ranges::find(out, node->signing, [](const auto& peer) { return peer.second.signing; });
    if (same != out.end()) return reader.error(entry.value, what + ": it is the same node as " + same->first);
    out.emplace(entry.key, *node);
    return Status::ok();
  }));
  return out;
}

std::string format_peers(const Peers& peers) {
  std::string out = peers.empty() ? "" : "peers:\n";
  for (const auto& [name, node] : peers) out += "  \"" + name + "\": " + format_node_public(node) + "\n";
  return out;
}

}  // namespace coffer
