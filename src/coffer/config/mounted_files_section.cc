#include "coffer/config/mounted_files_section.h"

#include <fnmatch.h>

#include <algorithm>

#include "coffer/config/yaml_quoted.h"

namespace coffer {
namespace {

Status read_mounted_kind(const YamlReader& reader, const YAML::Node& value, Kind& out) {
  COFFER_ASSIGN(const std::string name, reader.text(value, "mounted_files: kind"));
  const auto found = std::ranges::find(kMountedKinds, name, kind_name);
  if (found == kMountedKinds.end()) {
    return reader.error(value, "mounted_files: kind: \"" + name + "\" is none; expected pages, blocks or log");
  }
  out = *found;
  return Status::ok();
}

Result<MountedFiles> read_rule(const YamlReader& reader, const YAML::Node& item) {
  MountedFiles out;
  bool has_kind = false;
  COFFER_TRY(reader.each(item, "mounted_files: ", [&](const YamlReader::Entry& field) -> Status {
    if (field.key == "match") {
      COFFER_ASSIGN(out.match, reader.text(field.value, "mounted_files: match"));
      return Status::ok();
    }
    if (field.key != "kind") {
      return reader.error(field.key_node,
                          "mounted_files: unknown option \"" + field.key + "\"; known are match and kind");
    }
    has_kind = true;
    return read_mounted_kind(reader, field.value, out.kind);
  }));
  if (out.match.empty() || !has_kind) return reader.error(item, "mounted_files: match and kind are both needed");
  if (out.match.starts_with('/')) {
    return reader.error(item, "mounted_files: match: \"" + out.match +
                                  "\" would match nothing: paths begin at the store, without a slash");
  }
  return out;
}

}  // namespace

bool MountedFiles::matches(const std::string& path_in_store) const {
  const bool by_path = match.find('/') != std::string::npos;
  const size_t name = by_path ? 0 : path_in_store.rfind('/') + 1;
  return ::fnmatch(match.c_str(), path_in_store.c_str() + name, FNM_PATHNAME) == 0;
}

Result<std::vector<MountedFiles>> read_mounted_files(const YamlReader& reader, const YAML::Node& list) {
  if (!list.IsSequence()) return reader.error(list, "mounted_files: expected a list of {match, kind}");
  std::vector<MountedFiles> out;
  for (const auto& item : list) {
    COFFER_ASSIGN(MountedFiles rule, read_rule(reader, item));
    if (std::ranges::find(out, rule.match, &MountedFiles::match) != out.end()) {
      return reader.error(item, "mounted_files: \"" + rule.match + "\" is listed twice");
    }
    out.push_back(std::move(rule));
  }
  return out;
}

std::string format_mounted_files(const std::vector<MountedFiles>& rules) {
  std::string out = rules.empty() ? "" : "mounted_files:\n";
  for (const MountedFiles& rule : rules) {
    out += "  - match: " + yaml_quoted(rule.match) + "\n    kind: " + std::string(kind_name(rule.kind)) + "\n";
  }
  return out;
}

Kind mounted_kind(const std::vector<MountedFiles>& rules, const std::string& path_in_store) {
  const auto found =
      std::ranges::find_if(rules, [&](const MountedFiles& rule) { return rule.matches(path_in_store); });
  return found == rules.end() ? kMountedKinds.front() : found->kind;
}

}  // namespace coffer
