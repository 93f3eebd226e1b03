#include <unistd.h>

#include <algorithm>

#include "coffer/base/path.h"
#include "coffer/ops/doctor.h"
#include "coffer/providers/named.h"

namespace coffer {
namespace {

constexpr uint32_t kWritableByOthers = 022;
constexpr uint32_t kStickyBit = 01000;

bool is_same_file_system(Disk& disk, const std::string& a, const std::string& b) {
  const auto first = disk.info(a), second = disk.info(b);
  return first.is_ok() && second.is_ok() && first->device == second->device;
}

// What of the coffer or its data lies on the file system of `path`; empty if nothing does.
std::string neighbour_of(Disk& disk, const std::string& path, const std::vector<std::string>& directories) {
  const auto found =
      std::ranges::find_if(directories, [&](const std::string& each) { return is_same_file_system(disk, path, each); });
  return found == directories.end() ? "" : *found;
}

// The file of this machine that a root key stands or falls with.
struct RootFile {
  std::string path;  // empty: there is none
  std::string_view what, why;
};

RootFile file_of(const ProviderUri& configured, const ProviderConfig& config) {
  constexpr std::string_view kLost = "a disk or snapshot that is lost takes the key along with what it protects";
  const Result<ProviderUri> expanded = configured.scheme == "provider" ? expand_named(configured, config) : configured;
  if (!expanded.is_ok()) return {};
  if (expanded->scheme == "file") return {expanded->path, "key file", kLost};
  if (expanded->scheme == "keystore") return {expanded->path, "keystore", kLost};
  if (expanded->scheme != "pkcs11") return {};
  return {UriOptions(*expanded).take("module-path", ""), "PKCS#11 module",
          "who can write that file system chooses code that is run with the key's PIN"};
}

void examine_anchor(Disk& disk, const Config& config, const std::string& keyring_directory, Findings& out) {
  const std::string rollback = "who puts an older keyring back, or a snapshot of the disk, undoes rotations unnoticed";
  if (config.anchor.empty()) {
    out.push_back(
        {false, "there is no version anchor", rollback,
         "name one in coffer.yaml: anchor, a file on another file system or a counter of this machine's TPM"});
  } else if (config.anchor.front() == '/' && !config.keyring_store &&
             is_same_file_system(disk, std::string(parent_of(config.anchor)), keyring_directory)) {
    out.push_back({true, config.anchor + ": the version anchor is on the keyring's file system", rollback,
                   "name one on another file system; a snapshot takes this one along"});
  }
  if (!config.keyring_store) return;
  const auto compact = UriOptions(*config.keyring_store).take_switch("compact", true);
  if (compact.is_ok() && !*compact) {
    out.push_back({false, "etcd's history is not compacted after a save: compact is false",
                   "keys that were destroyed can be read at older revisions",
                   "set compact: true, if the coffer has an etcd of its own, or have etcd compact by itself: "
                   "--auto-compaction-retention"});
  }
}

}  // namespace

Result<Findings> examine_permissions(Disk& disk, const std::string& config_path) {
  Findings out;
  const std::string why = "who can change the configuration decides which root keys lock the coffer";
  COFFER_ASSIGN(std::string at, disk.canonical(config_path));
  for (;;) {
    COFFER_ASSIGN(const FileInfo found, disk.info(at));
    if (found.owner != 0 && found.owner != ::geteuid()) {
      out.push_back({true, at + " belongs to user " + std::to_string(found.owner) + ", not to root or this user", why,
                     "run chown on it, or move the configuration"});
    }
    const bool kept_apart = found.is_directory && (found.mode & kStickyBit) != 0;
    if ((found.mode & kWritableByOthers) != 0 && !kept_apart) {
      out.push_back({true, at + " may be written by others", why, "run chmod go-w " + at});
    }
    if (at == "/") return out;
    at = std::string(parent_of(at));
  }
}

Findings examine_placement(Disk& disk, const std::string& config_path, const Config& config,
                           const std::string& keyring_directory, const std::vector<std::string>& stores) {
  Findings out;
  const auto config_directory = disk.canonical(std::string(parent_of(config_path)));
  const auto directory = disk.canonical(keyring_directory);
  if (config_directory.is_ok() && directory.is_ok() && *config_directory == *directory) {
    out.push_back({false, config_path + " is beside the keyring",
                   "the database's user, or who breaks into the database, can write it and so choose another root key; "
                   "apart, only root could",
                   "keep it where the database cannot write: coffer init --config, docs/operating.md"});
  }
  std::vector<std::string> directories = {keyring_directory};
  directories.insert(directories.end(), stores.begin(), stores.end());
  for (const auto& [name, root] : config.providers.roots) {
    const RootFile file = file_of(root.uri, config.providers);
    const std::string neighbour = file.path.empty() ? "" : neighbour_of(disk, file.path, directories);
    if (neighbour.empty()) continue;
    out.push_back(
        {true,
         file.path + ": the " + std::string(file.what) + " of root " + name + " is on the file system of " + neighbour,
         std::string(file.why),
         "move it to another file system, or the key to a key provider; then correct its uri in coffer.yaml"});
  }
  examine_anchor(disk, config, keyring_directory, out);
  return out;
}

Findings examine_roots(const RootSettings& roots, const std::set<std::string>& in_use) {
  Findings out;
  for (const auto& [name, root] : roots) {
    if (in_use.contains(name)) continue;
    out.push_back({true, "root " + name + " is configured and locks nothing",
                   "who has that key can still make a keyring that is believed",
                   "run coffer slot remove COFFER " + name + ", unless a rotation to it is under way"});
  }
  return out;
}

}  // namespace coffer
