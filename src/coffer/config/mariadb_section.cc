#include "coffer/config/mariadb_section.h"

#include <algorithm>
#include <charconv>

#include "coffer/config/yaml_quoted.h"

namespace coffer {
namespace {

Status read_mariadb_key(const YamlReader& reader, const YamlReader::Entry& entry, MariadbKeys& out) {
  uint32_t id = 0;
  const char* const end = entry.key.data() + entry.key.size();
  const auto [rest, error] = std::from_chars(entry.key.data(), end, id);
  if (error != std::errc() || rest != end || id == 0) {
    return reader.error(entry.key_node,
                        "mariadb: keys: \"" + entry.key + "\" is no key id: expected a number from 1 to 4294967295");
  }
  COFFER_ASSIGN(std::string domain, reader.text(entry.value, "mariadb: keys: " + entry.key));
  if (!out.emplace(id, std::move(domain)).second) {
    return reader.error(entry.key_node, "mariadb: keys: " + std::to_string(id) + " is there twice");
  }
  return Status::ok();
}

}  // namespace

Result<MariadbKeys> read_mariadb(const YamlReader& reader, const YAML::Node& section) {
  MariadbKeys out;
  COFFER_TRY(reader.each(section, "mariadb: ", [&](const YamlReader::Entry& entry) -> Status {
    if (entry.key != "keys") {
      return reader.error(entry.key_node, "mariadb: unknown option \"" + entry.key + "\"; known is keys");
    }
    return reader.each(entry.value, "mariadb: keys: ",
                       [&](const YamlReader::Entry& key) { return read_mariadb_key(reader, key, out); });
  }));
  if (!out.contains(kMariadbSystemKey)) {
    return reader.error(section, "mariadb: keys: 1 is missing, which the server's own files are under; write keys: "
                                 "{1: system}, or another domain");
  }
  return out;
}

std::string format_mariadb(const MariadbKeys& keys) {
  if (keys.empty()) return "";
  std::string out = "mariadb:\n  keys:\n";
  for (const auto& [id, domain] : keys) out += "    " + std::to_string(id) + ": " + yaml_quoted(domain) + "\n";
  return out;
}

uint32_t mariadb_key_of(const MariadbKeys& keys, std::string_view domain) {
  const auto found = std::ranges::find(keys, domain, [](const auto& key) -> std::string_view { return key.second; });
  return found == keys.end() ? 0 : found->first;
}

}  // namespace coffer
