// `mounted_files` of coffer.yaml: which new files of a mount are of another kind than pages. docs/mount.md.
#pragma once

#include <array>
#include <vector>

#include "coffer/config/yaml_reader.h"
#include "coffer/format/envelope.h"

namespace coffer {

// The default first.
inline constexpr std::array kMountedKinds{Kind::kPages, Kind::kBlocks, Kind::kLog};

struct MountedFiles {
  // As a shell's: with a slash it is to match the path in the store, of which * and ? match no slash; without one the
  // file's name, in any directory.
  std::string match;
  Kind kind = Kind::kPages;

  bool matches(const std::string& path_in_store) const;
  bool operator==(const MountedFiles&) const = default;
};

// Errors: an entry without one of its two fields or with others, and patterns that begin with a slash.
Result<std::vector<MountedFiles>> read_mounted_files(const YamlReader& reader, const YAML::Node& list);
// Empty where there are none.
std::string format_mounted_files(const std::vector<MountedFiles>& rules);
// The kind of the first rule that matches.
Kind mounted_kind(const std::vector<MountedFiles>& rules, const std::string& path_in_store);

}  // namespace coffer
