// What import-config prints, and what its sources have in common.
#include "coffer/config/policy_section.h"
#include "coffer/ops/import_root.h"

namespace coffer {

std::string Imported::text() const {
  std::string out = format_config(config);
  if (domains.empty()) return out;
  // The keyring of a coffer to be has no domains yet.
  PolicySection section;
  section.ciphers = domains;
  for (const auto& [name, ciphers] : domains) section.policy.domains.emplace(name, config.policy.all);
  const std::string lines = format_policy(section);
  out += "# Once coffer domain add has made them; under a \"policy:\" that stands above, leave that word out here.\n";
  for (size_t start = 0; start < lines.size();) {
    const size_t end = lines.find('\n', start);
    const std::string line = lines.substr(start, end - start);
    // What is for all stands above.
    const bool is_of_domains = line == "policy:" || line.starts_with("  domains:") || line.starts_with("    ");
    if (is_of_domains) out += "#" + line + "\n";
    start = end + 1;
  }
  return out;
}

Status import_root_file(const std::string& path, const std::string& word, bool allow_weak, Imported& out) {
  if (!path.starts_with('/')) return {Code::kInvalidArgument, word + ": expected an absolute path, not " + path};
  COFFER_ASSIGN(ProviderUri uri, parse_provider_uri("file://" + encode_uri_path(path)));
  if (allow_weak) uri.options.emplace_back("allow_weak_root", "true");
  RootSettings& roots = out.config.providers.roots;
  const auto [root, is_new] = roots.emplace("root-1", RootSetting{.uri = uri, .fingerprint = {}});
  if (is_new || root->second.uri == uri) return Status::ok();
  return {Code::kInvalidArgument, word + ": " + path + " is another key than " + root->second.uri.path +
                                      "; one coffer is for what one root key protects: import the others apart"};
}

}  // namespace coffer
