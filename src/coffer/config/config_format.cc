// The text of a coffer.yaml that `coffer init` writes.
#include "coffer/config/config.h"
#include "coffer/config/policy_section.h"
#include "coffer/config/provider_sections.h"
#include "coffer/config/yaml_quoted.h"

namespace coffer {
namespace {

std::string format_identity(const Config& config) {
  std::string out;
  if (!config.coffer_id.is_zero()) out += "coffer: \"" + config.coffer_id.hex() + "\"\n";
  if (!config.keyring.empty()) out += "keyring: " + yaml_quoted(config.keyring) + "\n";
  if (config.keyring_store) out += format_keyring_store(*config.keyring_store);
  return out + format_roots(config.providers.roots);
}

}  // namespace

std::string format_config(const Config& config) {
  std::string out =
      "# Which root keys may lock this coffer, and how it writes new files. Whoever can write here decides both.\n"
      "version: 1\n" +
      format_identity(config);
  if (config.fips) out += "crypto: fips  # nothing but OpenSSL's FIPS provider\n";
  out += "cipher: " + std::string(suite_info(config.suite).name) + "        # blocks and log files\n";
  out += "ctr_cipher: " + std::string(suite_info(config.ctr_suite).name) + "    # ctr files\n";
  out += "chunk_size: " + std::to_string(1 << config.chunk_log2) +
         "           # bytes authenticated together in blocks files\n";
  out += "page_size: " + std::to_string(1 << config.page_log2) +
         "            # bytes authenticated together in pages files, which are changed in place\n";
  out += "data_files: " + std::string(kind_name(config.data_kind)) +
         "         # SST and blob files: blocks, or ctr (no integrity per read)\n";
  out += "log_files: " + std::string(kind_name(config.log_kind)) + "             # everything else: log, or ctr\n";
  out += "reads: " + std::string(read_mode_name(config.read_mode)) + "                # auto, pread or mapping\n";
  out += std::string("bind: ") + (config.bind == Binding::kStore ? "store" : "domain") +
         "                # files open in their own store and domain only: store, or domain: the latter alone\n";
  if (!config.anchor.empty()) {
    out += "anchor: " + yaml_quoted(config.anchor) + "  # remembers the newest keyring, to notice a rollback\n";
  }
  if (config.freshness) out += "freshness: on  # beside the anchor: how far logs were durable, to notice old stores\n";
  if (!config.domains.empty()) out += "domains:\n";
  for (const DomainPath& entry : config.domains) {
    out += "  - name: " + yaml_quoted(entry.domain) + "\n    path: " + yaml_quoted(entry.path) + "\n";
  }
  if (!config.stores.empty()) out += "stores:\n";
  for (const StorePlace& entry : config.stores) {
    out += "  - path: " + yaml_quoted(entry.path) + "\n    at: " + yaml_quoted(entry.at) + "\n";
    if (entry.shared) out += "    shared: true\n";
  }
  return out + format_policy({config.policy, config.domain_ciphers, config.local_unlock}) +
         format_mariadb(config.mariadb_keys) + format_mounted_files(config.mounted_files) + format_peers(config.peers) +
         format_backup_targets(config.backup_targets) + format_providers(config.providers);
}

}  // namespace coffer
