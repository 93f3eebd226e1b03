#include "coffer/config/backup_targets_section.h"

#include <algorithm>

#include "coffer/config/yaml_quoted.h"
#include "coffer/keys/keyring_body.h"

namespace coffer {
namespace {

constexpr size_t kCommandWordsMax = 32;

Result<std::vector<std::string>> read_command(const YamlReader& reader, const YAML::Node& list,
                                              const std::string& what) {
  if (!list.IsSequence() || list.size() == 0 || list.size() > kCommandWordsMax) {
    return reader.error(list, what + ": expected a list of a program and its arguments, 1 to 32 in all: "
                                     "[/usr/local/bin/backup-store, s3]");
  }
  std::vector<std::string> out;
  for (const auto& item : list) {
    auto word = out.empty() ? reader.absolute_path(item, what) : reader.text(item, what);
    if (!word.is_ok()) return word.status();
    out.push_back(std::move(*word));
  }
  return out;
}

Status check_target(const YamlReader& reader, const YAML::Node& node, const std::string& what,
                    const BackupTargetSetting& target) {
  if (target.directory.empty() == target.command.empty()) {
    return reader.error(node, what + ": expected either directory or command");
  }
  if (target.command.empty() != target.scratch.empty()) {
    return reader.error(node, target.scratch.empty()
                                  ? what + ": scratch is missing: a directory where what the command gets is kept "
                                           "while it is read"
                                  : what + ": scratch goes with command; a directory needs none");
  }
  return Status::ok();
}

Result<BackupTargetSetting> read_target(const YamlReader& reader, const YAML::Node& node, const std::string& what) {
  BackupTargetSetting out;
  COFFER_TRY(reader.each(node, what + ": ", [&](const YamlReader::Entry& field) -> Status {
    if (field.key == "command") {
      COFFER_ASSIGN(out.command, read_command(reader, field.value, what + ": command"));
      return Status::ok();
    }
    if (field.key != "directory" && field.key != "scratch") {
      return reader.error(field.key_node,
                          what + ": unknown option \"" + field.key + "\"; known are directory, command and scratch");
    }
    COFFER_ASSIGN((field.key == "scratch" ? out.scratch : out.directory),
                  reader.absolute_path(field.value, what + ": " + field.key));
    return Status::ok();
  }));
  COFFER_TRY(check_target(reader, node, what, out));
  return out;
}

}  // namespace

Result<BackupTargets> read_backup_targets(const YamlReader& reader, const YAML::Node& section) {
  BackupTargets out;
  COFFER_TRY(reader.each(section, "backup_targets: ", [&](const YamlReader::Entry& entry) -> Status {
    if (!valid_root_name(entry.key)) {
      return reader.error(entry.key_node,
                          "backup_targets: expected a name of 1 to 64 letters, digits, dots, underscores or dashes");
    }
    const std::string what = "backup_targets: " + entry.key;
    COFFER_ASSIGN(BackupTargetSetting target, read_target(reader, entry.value, what));
    const auto same = std::ranges::find_if(out, [&](const auto& other) {
      return !target.directory.empty() && other.second.directory == target.directory;
    });
    if (same != out.end()) return reader.error(entry.value, what + ": it is the same directory as " + same->first);
    out.emplace(entry.key, std::move(target));
    return Status::ok();
  }));
  return out;
}

std::string format_backup_targets(const BackupTargets& targets) {
  std::string out = targets.empty() ? "" : "backup_targets:\n";
  for (const auto& [name, target] : targets) {
    out += "  " + yaml_quoted(name) + ":\n";
    if (!target.directory.empty()) {
      out += "    directory: " + yaml_quoted(target.directory) + "\n";
      continue;
    }
    std::string words;
    for (const std::string& word : target.command) words += (words.empty() ? "" : ", ") + yaml_quoted(word);
    out += "    command: [" + words + "]\n    scratch: " + yaml_quoted(target.scratch) + "\n";
  }
  return out;
}

}  // namespace coffer
