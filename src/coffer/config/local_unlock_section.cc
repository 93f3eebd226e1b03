#include "coffer/config/local_unlock_section.h"

#include "coffer/base/path.h"
#include "coffer/config/yaml_quoted.h"

namespace coffer {
namespace {

Status read_unlock_key(const YamlReader& reader, const YamlReader::Entry& entry, ProviderUri& out) {
  const std::string what = "policy: local_unlock: key";
  COFFER_ASSIGN(const std::string text, reader.text(entry.value, what));
  auto uri = parse_provider_uri(text);
  if (!uri.is_ok()) return reader.error(entry.value, what + ": " + std::string(uri.status().message()));
  // What other machines have as well binds nothing to this one.
  if (!is_key_of_this_machine(*uri)) {
    return reader.error(entry.value, what + ": expected a key of this machine: tpm:/PATH or file:///PATH");
  }
  out = std::move(*uri);
  out.place = reader.place(entry.value) + ": " + what;
  return Status::ok();
}

}  // namespace

bool is_key_of_this_machine(const ProviderUri& uri) {
  return (uri.scheme == "file" || uri.scheme == "tpm") && uri.path.starts_with('/');
}

Result<std::optional<LocalUnlock>> read_local_unlock(const YamlReader& reader, const YAML::Node& section) {
  const std::string what = "policy: local_unlock: ";
  if (section.IsScalar() && section.Scalar() == "off") return std::optional<LocalUnlock>();
  if (!section.IsMap()) return reader.error(section, what + "expected off, or a key and a directory");
  LocalUnlock out;
  COFFER_TRY(reader.each(section, what, [&](const YamlReader::Entry& entry) -> Status {
    if (entry.key == "key") return read_unlock_key(reader, entry, out.key);
    if (entry.key == "directory") {
      COFFER_ASSIGN(out.directory, reader.absolute_path(entry.value, what + "directory"));
      return Status::ok();
    }
    return reader.error(entry.key_node, what + "unknown option \"" + entry.key + "\"; known are key and directory");
  }));
  if (out.key.scheme.empty()) return reader.error(section, what + "key is missing; name a key of this machine");
  return std::optional(std::move(out));
}

std::string format_local_unlock(const std::optional<LocalUnlock>& local) {
  if (!local) return "";
  return "  local_unlock:\n    key: " + yaml_quoted(format_provider_uri(local->key)) +
         "\n    directory: " + yaml_quoted(local->directory) + "\n";
}

Status check_local_unlock(const LocalUnlock& local, const RootSettings& roots, const std::string& keyring) {
  for (const auto& [name, root] : roots) {
    if (root.uri.scheme != local.key.scheme || root.uri.path != local.key.path) continue;
    return {Code::kInvalidArgument, "policy: local_unlock: key: it is the key of root " + name +
                                        ", which opens the coffer by itself; name another key of this machine"};
  }
  if (keyring.empty() || !is_within(local.directory, keyring)) return Status::ok();
  return {Code::kInvalidArgument, "policy: local_unlock: directory: " + local.directory +
                                      " is in the coffer's own directory, whose backups would take the copy along; "
                                      "name one outside"};
}

}  // namespace coffer
