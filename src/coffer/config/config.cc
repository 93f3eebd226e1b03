#include "coffer/config/config.h"

#include <algorithm>

#include "coffer/config/policy_section.h"
#include "coffer/config/provider_sections.h"
#include "coffer/crypto/library.h"
#include "coffer/format/pages_layout.h"

namespace coffer {
namespace {

// One method for each setting: what it may be, and how it is taken over.
class Parser {
 public:
  Parser(const YamlReader& reader, Config& config) : reader_(reader), config_(config) {}

  Status parse(const YAML::Node& root) {
    COFFER_TRY(reader_.each(root, "", [&](const YamlReader::Entry& entry) { return option(entry); }));
    if (!root["version"]) return reader_.error(root, "version is missing; write \"version: 1\" in its first line");
    if (config_.freshness) COFFER_TRY(check_freshness(root["freshness"]));
    if (config_.anchor.starts_with("etcd:")) COFFER_TRY(check_anchor_elsewhere(root["anchor"]));
    if (config_.local_unlock) {
      const Status local = check_local_unlock(*config_.local_unlock, config_.providers.roots, config_.keyring);
      if (!local) return reader_.error(root["policy"], std::string(local.message()));
    }
    if (config_.fips && uses_chacha20()) {
      return reader_.error(root["crypto"], "crypto: fips has no chacha20-poly1305; choose another cipher");
    }
    if (config_.fips && config_.policy.node_slots) {
      return reader_.error(root["policy"], "policy: node_slots: under crypto: fips nodes have no keys of their own; "
                                           "leave it out");
    }
    return Status::ok();
  }

 private:
  bool uses_chacha20() const {
    return config_.suite == Suite::kChaCha20Poly1305 ||
           std::ranges::any_of(config_.domain_ciphers,
                               [](const auto& own) { return own.second.suite == Suite::kChaCha20Poly1305; });
  }

  Status option(const YamlReader::Entry& entry) {
    const std::string& key = entry.key;
    const YAML::Node& value = entry.value;
    if (key == "version") return expect_version(value);
    if (key == "coffer") return coffer_id(value);
    if (key == "keyring") return path(value, key, config_.keyring);
    if (key == "keyring_store") return keyring_store(entry);
    if (key == "roots") return take(read_roots(reader_, value), config_.providers.roots);
    if (key == "crypto") return crypto(value);
    if (key == "cipher") return take(read_cipher(reader_, value, key, true), config_.suite);
    if (key == "ctr_cipher") return take(read_cipher(reader_, value, key, false), config_.ctr_suite);
    if (key == "chunk_size") return take(read_chunk_size(reader_, value, key), config_.chunk_log2);
    if (key == "page_size") {
      return take(read_chunk_size(reader_, value, key, kPageLog2Max), config_.page_log2);
    }
    if (key == "data_files") return kind(entry, kDataKinds, config_.data_kind);
    if (key == "log_files") return kind(entry, kLogKinds, config_.log_kind);
    if (key == "reads") return reads(value);
    if (key == "anchor") return anchor(value);
    if (key == "freshness") return freshness(value);
    if (key == "domains") return domains(value);
    if (key == "stores") return stores(value);
    if (key == "bind") return bind(value);
    if (key == "policy") return policy(value);
    if (key == "mariadb") return take(read_mariadb(reader_, value), config_.mariadb_keys);
    if (key == "mounted_files") return take(read_mounted_files(reader_, value), config_.mounted_files);
    if (key == "peers") return take(read_peers(reader_, value), config_.peers);
    if (key == "backup_targets") return take(read_backup_targets(reader_, value), config_.backup_targets);
    if (key == "sealing_key") return path(value, key, config_.providers.sealing_key);
    if (key == "key_providers") return take(read_key_providers(reader_, value), config_.providers.key_providers);
    if (key == "kmip_hosts") return take(read_kmip_hosts(reader_, value), config_.providers.kmip_hosts);
    return reader_.error(entry.key_node,
                         "unknown option \"" + key +
                             "\"; known are version, coffer, keyring, keyring_store, roots, crypto, cipher, "
                             "ctr_cipher, chunk_size, page_size, data_files, log_files, reads, anchor, freshness, "
                             "domains, stores, bind, policy, mariadb, mounted_files, peers, backup_targets, "
                             "key_providers, kmip_hosts and sealing_key");
  }

  template <class T>
  static Status take(Result<T> read, T& out) {
    if (read.is_ok()) out = std::move(*read);
    return read.status();
  }

  Status path(const YAML::Node& value, const std::string& what, std::string& out) {
    return take(reader_.absolute_path(value, what), out);
  }

  Status keyring_store(const YamlReader::Entry& entry) {
    COFFER_ASSIGN(config_.keyring_store, read_keyring_store(reader_, entry));
    return Status::ok();
  }

  static std::string scalar(const YAML::Node& value) { return value.IsScalar() ? value.Scalar() : std::string(); }

  Status expect_version(const YAML::Node& value) {
    if (scalar(value) == "1") return Status::ok();
    return reader_.error(value, "version: this coffer understands version 1 only");
  }

  Status coffer_id(const YAML::Node& value) {
    auto id = Id::parse(scalar(value));
    if (!id.is_ok() || id->is_zero()) {
      return reader_.error(value, "coffer: expected the coffer's id, 32 hexadecimal digits, as init writes it");
    }
    config_.coffer_id = *id;
    return Status::ok();
  }

  Status crypto(const YAML::Node& value) {
    if (scalar(value) != "fips") return reader_.error(value, "crypto: expected fips; leave it out for anything else");
    config_.fips = true;
    return Status::ok();
  }

  Status kind(const YamlReader::Entry& entry, std::span<const Kind> kinds, Kind& out) {
    if (const auto found = find_kind(kinds, scalar(entry.value))) {
      out = *found;
      return Status::ok();
    }
    std::string expected(kind_name(kinds.front()));
    for (const Kind& kind : kinds.subspan(1)) {
      expected += (&kind == &kinds.back() ? " or " : ", ") + std::string(kind_name(kind));
    }
    return reader_.error(entry.value, entry.key + ": expected " + expected);
  }

  Status reads(const YAML::Node& value) {
    const std::string text = scalar(value);
    for (ReadMode mode : {ReadMode::kAuto, ReadMode::kPread, ReadMode::kMapping}) {
      if (text != read_mode_name(mode)) continue;
      config_.read_mode = mode;
      return Status::ok();
    }
    return reader_.error(value, "reads: expected auto, pread or mapping");
  }

  Status anchor(const YAML::Node& value) {
    const bool is_uri = scalar(value).starts_with("tpm:") || scalar(value).starts_with("etcd:");
    if (is_uri) return take(reader_.text(value, "anchor"), config_.anchor);
    return path(value, "anchor", config_.anchor);
  }

  Status freshness(const YAML::Node& value) {
    const std::string text = scalar(value);
    if (text != "on" && text != "off") return reader_.error(value, "freshness: expected on or off");
    config_.freshness = text == "on";
    return Status::ok();
  }

  Status check_freshness(const YAML::Node& value) {
    if (config_.anchor.empty()) {
      return reader_.error(value,
                           "freshness: it is kept beside the anchor; name one with anchor: /path/on/another/disk");
    }
    if (!config_.anchor.starts_with('/')) {
      return reader_.error(value,
                           "freshness: the anchor must be a file; a TPM or etcd has no room for marks of stores");
    }
    if (config_.log_kind != Kind::kLog) {
      return reader_.error(value, "freshness: log_files must be log; a ctr file does not prove how far it reaches");
    }
    return Status::ok();
  }

  // Who can write the one could put both back.
  Status check_anchor_elsewhere(const YAML::Node& value) {
    const auto uri = parse_provider_uri(config_.anchor);
    if (!uri.is_ok()) return reader_.error(value, "anchor: " + std::string(uri.status().message()));
    if (!config_.keyring_store) return Status::ok();
    const auto hosts_of = [](const ProviderUri& of) { return sealed_place(of, "").hosts; };
    const std::string of_keyring = hosts_of(*config_.keyring_store), of_anchor = hosts_of(*uri);
    const std::vector<std::string_view> hosts = split_list(of_keyring);
    for (const std::string_view host : split_list(of_anchor)) {
      if (std::ranges::find(hosts, host) == hosts.end()) continue;
      return reader_.error(value, "anchor: " + std::string(host) +
                                      " has the keyring, too: who puts that back puts the anchor back; name another "
                                      "etcd, a file or a TPM");
    }
    return Status::ok();
  }

  Status domains(const YAML::Node& list) {
    if (!list.IsSequence()) return reader_.error(list, "domains: expected a list of {name, path}");
    for (const auto& item : list) {
      DomainPath entry;
      entry.line = item.Mark().line + 1;
      COFFER_TRY(reader_.each(item, "domains: ", [&](const YamlReader::Entry& field) -> Status {
        if (field.key == "name") return take(reader_.text(field.value, "domains: name"), entry.domain);
        if (field.key == "path") return path(field.value, "domains: path", entry.path);
        return reader_.error(field.key_node, "domains: unknown option \"" + field.key + "\"; known are name and path");
      }));
      if (entry.domain.empty() || entry.path.empty()) {
        return reader_.error(item, "domains: name and path are both needed");
      }
      if (entry.domain != kEachItsOwn && entry.domain.find('*') != std::string::npos) {
        return reader_.error(item,
                             "domains: name: expected a domain, or \"*\" where each directory under the path is one");
      }
      for (const DomainPath& other : config_.domains) {
        if (other.path == entry.path) return reader_.error(item, "domains: " + entry.path + " is listed twice");
      }
      config_.domains.push_back(std::move(entry));
    }
    return Status::ok();
  }

  Status shared(const YAML::Node& value, bool& out) {
    COFFER_ASSIGN(const std::string text, reader_.text(value, "stores: shared"));
    if (text != "true" && text != "false") return reader_.error(value, "stores: shared: expected true or false");
    out = text == "true";
    return Status::ok();
  }

  Status stores(const YAML::Node& list) {
    if (!list.IsSequence()) return reader_.error(list, "stores: expected a list of {path, at, shared}");
    for (const auto& item : list) {
      StorePlace entry;
      COFFER_TRY(reader_.each(item, "stores: ", [&](const YamlReader::Entry& field) -> Status {
        if (field.key == "path") return path(field.value, "stores: path", entry.path);
        if (field.key == "at") return path(field.value, "stores: at", entry.at);
        if (field.key == "shared") return shared(field.value, entry.shared);
        return reader_.error(field.key_node,
                             "stores: unknown option \"" + field.key + "\"; known are path, at and shared");
      }));
      if (entry.shared && entry.at.empty()) entry.at = entry.path;
      if (entry.path.empty() || entry.at.empty()) {
        return reader_.error(item, "stores: path is needed, and at or shared: true");
      }
      for (const StorePlace& other : config_.stores) {
        if (other.at == entry.at) return reader_.error(item, "stores: " + entry.at + " is listed twice");
        if (other.path == entry.path) return reader_.error(item, "stores: " + entry.path + " is listed twice");
      }
      config_.stores.push_back(std::move(entry));
    }
    return Status::ok();
  }

  Status policy(const YAML::Node& value) {
    COFFER_ASSIGN(PolicySection section, read_policy(reader_, value));
    config_.policy = std::move(section.policy);
    config_.domain_ciphers = std::move(section.ciphers);
    config_.local_unlock = std::move(section.local_unlock);
    return Status::ok();
  }

  Status bind(const YAML::Node& value) {
    const std::string text = scalar(value);
    if (text != "store" && text != "domain") return reader_.error(value, "bind: expected store or domain");
    config_.bind = text == "store" ? Binding::kStore : Binding::kDomain;
    return Status::ok();
  }

  const YamlReader& reader_;
  Config& config_;
};

}  // namespace

std::optional<Kind> find_kind(std::span<const Kind> kinds, std::string_view name) {
  const auto found = std::ranges::find(kinds, name, kind_name);
  return found == kinds.end() ? std::nullopt : std::optional(*found);
}

Suite Config::suite_of(Kind kind, std::string_view domain) const {
  if (is_of_sqlite(kind) || kind == Kind::kDirectory) return Suite::kXaes256Gcm;
  const auto own = domain_ciphers.find(domain);
  if (kind == Kind::kPages) return Suite::kXaes256Gcm;
  if (kind == Kind::kCtr) return own == domain_ciphers.end() ? ctr_suite : own->second.ctr_suite.value_or(ctr_suite);
  return own == domain_ciphers.end() ? suite : own->second.suite.value_or(suite);
}

int Config::chunk_log2_of(Kind kind, std::string_view domain) const {
  if (kind == Kind::kPages) return page_log2;
  if (kind != Kind::kBlocks) return 0;
  const auto own = domain_ciphers.find(domain);
  return own == domain_ciphers.end() ? chunk_log2 : own->second.chunk_log2.value_or(chunk_log2);
}

std::string_view read_mode_name(ReadMode mode) {
  switch (mode) {
    case ReadMode::kAuto: return "auto";
    case ReadMode::kPread: return "pread";
    case ReadMode::kMapping: return "mapping";
  }
  return "auto";
}

Result<Config> parse_config(std::string_view yaml, const std::string& name_for_errors) {
  const YamlReader reader(name_for_errors);
  COFFER_ASSIGN(const YAML::Node root, reader.load(yaml));
  Config config;
  config.providers.name = name_for_errors;
  COFFER_TRY(Parser(reader, config).parse(root));
  return config;
}

Result<Config> read_config(Disk& disk, const std::string& path) {
  COFFER_ASSIGN(const Bytes text, read_file(disk, path, kConfigSizeMax));
  return parse_config(as_text(text), path);
}

Status apply_crypto(const Config& config) {
  return config.fips ? require_fips().with_context(config.providers.name + ": crypto: fips") : Status::ok();
}

}  // namespace coffer
