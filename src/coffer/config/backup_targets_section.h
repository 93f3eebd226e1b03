// `backup_targets` of coffer.yaml: where backups are kept. docs/backup-targets.md, "Targets".
#pragma once

#include <map>
#include <vector>

#include "coffer/config/yaml_reader.h"

namespace coffer {

// Either a directory, or a command with its scratch directory; all paths absolute.
struct BackupTargetSetting {
  std::string directory;
  std::vector<std::string> command;  // a program and its first arguments
  std::string scratch;               // for what has to be a file for a while; holds ciphertext only

  bool operator==(const BackupTargetSetting&) const = default;
};
using BackupTargets = std::map<std::string, BackupTargetSetting, std::less<>>;

// A mapping of names, of 1 to 64 letters, digits, dots, underscores or dashes. Errors: neither or both of directory and
// command, a scratch that is missing or not needed, and two names for one directory.
Result<BackupTargets> read_backup_targets(const YamlReader& reader, const YAML::Node& section);
// The lines that read back as the same; empty where there are none.
std::string format_backup_targets(const BackupTargets& targets);

}  // namespace coffer
