// coffer.yaml: how new files are written, and where root keys are. Everything in it may be changed while stores are in
// use; existing files say for themselves how they are to be read. docs/operating.md, "coffer.yaml".
#pragma once

#include <array>
#include <optional>
#include <span>

#include "coffer/config/backup_targets_section.h"
#include "coffer/config/cipher_options.h"
#include "coffer/config/local_unlock_section.h"
#include "coffer/config/mariadb_section.h"
#include "coffer/config/mounted_files_section.h"
#include "coffer/config/peers_section.h"
#include "coffer/config/provider_config.h"
#include "coffer/format/envelope.h"
#include "coffer/io/disk.h"
#include "coffer/keys/keyring.h"
#include "coffer/keys/policy.h"

namespace coffer {

// A directory whose data files (SST, blob) belong to a domain of their own; or, where `domain` is kEachItsOwn, whose
// directories do, each to the domain that is called as it is.
inline constexpr std::string_view kEachItsOwn = "*";
struct DomainPath {
  std::string domain;
  std::string path;  // absolute
  int line = 0;      // of the configuration, for errors

  friend bool operator==(const DomainPath& a, const DomainPath& b) { return a.domain == b.domain && a.path == b.path; }
};

// A store whose directory has another path here than where it was made: in a container, on its host, restored. Or whose
// disk goes from node to node.
struct StorePlace {
  std::string path;     // as the keyring knows it; absolute
  std::string at;       // where it is here; absolute
  bool shared = false;  // new stores there are every node's, and not this one's

  friend bool operator==(const StorePlace& a, const StorePlace& b) = default;
};

// What a file must fit to be opened at a path; docs/adr/0019.
enum class Binding : uint8_t {
  kStore,   // the store and the domain of the path
  kDomain,  // the domain alone
};

// How data files are read; docs/adr/0018.
enum class ReadMode : uint8_t {
  kAuto,     // from a mapping where that is safe and the pages are in memory, else by pread
  kPread,    // never from a mapping
  kMapping,  // from a mapping wherever there can be one
};
std::string_view read_mode_name(ReadMode mode);  // "auto", "pread", "mapping"

// What data_files and log_files may be, the default first.
inline constexpr std::array kDataKinds{Kind::kBlocks, Kind::kCtr};
inline constexpr std::array kLogKinds{Kind::kLog, Kind::kCtr};
// The one of `kinds` that is called so; nothing if none is.
std::optional<Kind> find_kind(std::span<const Kind> kinds, std::string_view name);

struct Config {
  Id coffer_id;         // of the coffer that this file is for; zero: init has not written it yet
  std::string keyring;  // absolute path of the keyring's directory, where the coffer is at home; empty: as above
  // Where the keyring itself is, if not in a file there: etcd.
  std::optional<ProviderUri> keyring_store = {};
  bool fips = false;    // nothing computes but OpenSSL's FIPS provider
  Suite suite = Suite::kAes256Gcm;      // of blocks and log files
  Suite ctr_suite = Suite::kAes256Ctr;  // of ctr files
  int chunk_log2 = 10;                  // of blocks files; docs/adr/0008
  int page_log2 = 12;                   // of pages files
  Kind data_kind = Kind::kBlocks;       // SST and blob files
  Kind log_kind = Kind::kLog;           // everything else
  ReadMode read_mode = ReadMode::kAuto;
  std::string anchor;      // absolute path of the version anchor, "tpm:…" or "etcd:…"; empty: none
  bool freshness = false;  // the anchor's file has marks of stores beside it
  std::vector<DomainPath> domains;
  std::vector<StorePlace> stores;
  Binding bind = Binding::kStore;
  Policy policy;
  CiphersOfDomains domain_ciphers;          // of domains that `policy` names
  std::optional<LocalUnlock> local_unlock;  // nothing: only a root key opens the coffer
  MariadbKeys mariadb_keys;
  std::vector<MountedFiles> mounted_files;
  Peers peers;
  BackupTargets backup_targets;
  ProviderConfig providers;

  // What new files of this kind and domain are sealed with, and the chunk size their headers name: 0 for kinds without
  // one.
  Suite suite_of(Kind kind, std::string_view domain = kSystemDomain) const;
  int chunk_log2_of(Kind kind, std::string_view domain = kSystemDomain) const;
  // The domain of a data file, by the longest matching path; "system" if none matches. A part of `path`, or of this.
  std::string_view domain_of(std::string_view path) const;
  // Where data files of the domain are.
  std::vector<std::string> paths_of(std::string_view domain) const;
  bool operator==(const Config&) const = default;
};

// Unknown keys, keys given twice, wrong types, control characters and contradictions are errors that name the file, the
// line and the key.
Result<Config> parse_config(std::string_view yaml, const std::string& name_for_errors);
inline constexpr size_t kConfigSizeMax = size_t{1} << 20;
// The same of a file.
Result<Config> read_config(Disk& disk, const std::string& path);
// The text that parse_config() makes the same configuration of. REQUIRES: no control characters in texts.
std::string format_config(const Config& config);
// Has this process use no other cryptography than the configuration allows: require_fips(), and its errors.
Status apply_crypto(const Config& config);
// kInvalidArgument for a domain that the keyring does not have: says what to do.
Status check_domains(const Config& config, const Keyring& keyring);

}  // namespace coffer
