// HCD's and DSE's configuration of encryption, in Coffer's words.
#include <algorithm>
#include <bit>

#include "coffer/base/text.h"
#include "coffer/keys/keyring_body.h"
#include "coffer/ops/import_hcd_cipher.h"
#include "coffer/ops/import_hcd_kmip.h"
#include "coffer/ops/import_root.h"

namespace coffer {
namespace {

using Entry = YamlReader::Entry;

constexpr std::string_view kDefaultKeyDirectory = "/etc/dse/conf";
constexpr uint64_t kChunkKilobytesMax = 1024;

// What may stand in system_info_encryption, and among a table's options.
class HcdEncryption {
 public:
  // `what` begins errors, `noted` notes.
  HcdEncryption(const YamlReader& reader, std::string what, std::string noted, Imported& out)
      : reader_(reader), what_(std::move(what)), noted_(std::move(noted)), out_(out) {}

  Status take(const Entry& entry) {
    COFFER_ASSIGN(const std::string value, reader_.text(entry.value, what_ + entry.key));
    const auto number = [&](std::optional<uint64_t>& into) -> Status {
      into = parse_whole_number(value);
      if (into) return Status::ok();
      return reader_.error(entry.value, what_ + entry.key + ": expected a whole number");
    };
    if (entry.key == "class") return encryptor(entry, value);
    if (entry.key == "enabled") return enabled(entry, value);
    if (entry.key == "cipher_algorithm") return keep(value, algorithm_);
    if (entry.key == "secret_key_strength") return number(strength_);
    if (entry.key == "chunk_length_kb") return number(chunk_kilobytes_);
    if (entry.key == "iv_length") return number(iv_length_);
    if (entry.key == "key_provider") return keep(value, provider_);
    if (entry.key == "kmip_host") return keep(value, kmip_host_);
    if (entry.key == "key_namespace") return keep(value, key_namespace_);
    if (entry.key == "secret_key_file") return keep(value, secret_key_file_);
    if (entry.key == "system_key_file") return keep(value, system_key_file_);
    return reader_.error(entry.key_node, what_ + "unknown option \"" + entry.key +
                                             "\"; known are class, enabled, cipher_algorithm, secret_key_strength, "
                                             "chunk_length_kb, iv_length, key_provider, kmip_host, key_namespace, "
                                             "secret_key_file and system_key_file");
  }

  Status finish(const YAML::Node& section, const std::string& key_directory, DomainCiphers& ciphers) {
    if (!enabled_) {
      note("enabled: false",
           "Coffer encrypts every file of a store: write-ahead logs and manifests are never plaintext");
      return Status::ok();
    }
    COFFER_TRY(take_algorithm(section, ciphers));
    COFFER_TRY(take_chunk(section, ciphers));
    COFFER_TRY(take_key(section, key_directory));
    if (iv_length_) {
      note("iv_length: " + std::to_string(*iv_length_), "nonces are of the length that GCM has, and never random");
    }
    return Status::ok();
  }

 private:
  static Status keep(const std::string& value, std::string& into) {
    into = value;
    return Status::ok();
  }

  void note(const std::string& what, const std::string& why, const std::string& remedy = {}) {
    out_.notes.push_back({noted_ + what, why, remedy});
  }

  Status enabled(const Entry& entry, const std::string& value) {
    if (value != "true" && value != "false")
      return reader_.error(entry.value, what_ + "enabled: expected true or false");
    enabled_ = value == "true";
    return Status::ok();
  }

  Status encryptor(const Entry& entry, const std::string& value) {
    const size_t dot = value.rfind('.');
    const std::string name = dot == std::string::npos ? value : value.substr(dot + 1);
    if (name == "Encryptor") return Status::ok();
    for (const std::string_view compressor : {"Deflate", "LZ4", "Snappy"}) {
      if (name != "Encrypting" + std::string(compressor) + "Compressor") continue;
      note("class: " + name, "Coffer only encrypts; the engine compresses before",
           "set " + std::string(compressor == "Deflate" ? "zlib" : lower_case(compressor)) +
               " compression in the engine's own options, as RocksDB's compression");
      return Status::ok();
    }
    return reader_.error(entry.value, what_ +
                                          "class: expected Encryptor, EncryptingDeflateCompressor, "
                                          "EncryptingLZ4Compressor or EncryptingSnappyCompressor");
  }

  Status take_algorithm(const YAML::Node& section, DomainCiphers& ciphers) {
    auto cipher = hcd_cipher(algorithm_, strength_);
    if (!cipher.is_ok()) return reader_.error(section, what_ + std::string(cipher.status().message()));
    ciphers.suite = cipher->suite;
    note("cipher_algorithm: " + cipher->name, cipher->why, "");
    return Status::ok();
  }

  Status take_chunk(const YAML::Node& section, DomainCiphers& ciphers) {
    if (!chunk_kilobytes_) return Status::ok();
    if (*chunk_kilobytes_ == 0 || *chunk_kilobytes_ > kChunkKilobytesMax || !std::has_single_bit(*chunk_kilobytes_)) {
      return reader_.error(section, what_ + "chunk_length_kb: expected a power of two from 1 to 1024");
    }
    ciphers.chunk_log2 = std::countr_zero(*chunk_kilobytes_ * 1024);
    return Status::ok();
  }

  Status take_key(const YAML::Node& section, const std::string& key_directory) {
    const std::string name = provider_.substr(provider_.rfind('.') + 1);
    if (name == "KmipKeyProviderFactory") return take_kmip(section);
    if (!kmip_host_.empty()) {
      return reader_.error(section, what_ + "kmip_host: only together with key_provider: KmipKeyProviderFactory");
    }
    if (name == "LocalFileSystemKeyProviderFactory" || name == "ReplicatedKeyProviderFactory") {
      return take_file(section, name, key_directory);
    }
    if (name.empty() && secret_key_file_.empty() && system_key_file_.empty()) return Status::ok();
    return reader_.error(section, what_ +
                                      "key_provider: expected KmipKeyProviderFactory, "
                                      "LocalFileSystemKeyProviderFactory or ReplicatedKeyProviderFactory");
  }

  Status take_kmip(const YAML::Node& section) {
    if (kmip_host_.empty()) return reader_.error(section, what_ + "kmip_host is missing");
    if (!out_.config.providers.kmip_hosts.contains(kmip_host_)) {
      return reader_.error(section, what_ + "kmip_host: " + kmip_host_ +
                                        " is not among kmip_hosts; give the file that "
                                        "has that group, too");
    }
    const std::string space = key_namespace_.empty() ? "" : "?namespace=" + encode_uri_option(key_namespace_);
    note("kmip_host: " + kmip_host_,
         "HCD looks keys up by their attributes and makes one for each cipher; a coffer has one root key, by its name",
         "make or choose one (coffer kmip create " + kmip_host_ +
             " NAME) and give it to init: --root 'kmip:" + kmip_host_ + "/NAME" + space + "'");
    return Status::ok();
  }

  Status take_file(const YAML::Node& section, const std::string& provider, const std::string& key_directory) {
    std::string path = secret_key_file_;
    if (provider == "ReplicatedKeyProviderFactory") {
      if (system_key_file_.empty()) return reader_.error(section, what_ + "system_key_file is missing");
      path = system_key_file_.starts_with('/') ? system_key_file_ : key_directory + "/" + system_key_file_;
      note("key_provider: " + provider,
           "the keys in the table dse_system.encrypted_keys are not taken over; domain "
           "keys in the keyring take their place, and the system key locks it");
    }
    if (path.empty()) return reader_.error(section, what_ + "secret_key_file is missing");
    const Status added = import_root_file(path, "key file", false, out_);
    if (!added.is_ok()) return reader_.error(section, what_ + std::string(added.message()));
    note("key file " + path,
         "it becomes the root key; a file with several lines, or with a key that is none of AES "
         "with 256 bits, is refused by init",
         "put the one key into a file of its own; better, make one with coffer keygen");
    return Status::ok();
  }

  const YamlReader& reader_;
  const std::string what_, noted_;
  Imported& out_;
  bool enabled_ = true;
  std::string algorithm_, provider_, kmip_host_, key_namespace_, secret_key_file_, system_key_file_;
  std::optional<uint64_t> strength_, chunk_kilobytes_, iv_length_;
};

class HcdConfig {
 public:
  HcdConfig(const YamlReader& reader, Imported& out) : reader_(reader), out_(out) {}

  Status read(const YAML::Node& root) {
    YAML::Node system_info(YAML::NodeType::Undefined);
    COFFER_TRY(reader_.each(root, "", [&](const Entry& entry) -> Status {
      if (entry.key == "kmip_hosts")
        return entry.value.IsNull() ? Status::ok() : import_kmip_hosts(reader_, entry.value, out_);
      if (entry.key == "system_info_encryption") {
        system_info.reset(entry.value);
        return Status::ok();
      }
      if (entry.key == "system_key_directory") {
        COFFER_ASSIGN(key_directory_, reader_.absolute_path(entry.value, entry.key));
        return Status::ok();
      }
      return other(entry);
    }));
    // Behind what it refers to.
    if (!system_info.IsDefined()) return Status::ok();
    const std::string what = "system_info_encryption: ";
    HcdEncryption encryption(reader_, what, what, out_);
    COFFER_TRY(reader_.each(system_info, what, [&](const Entry& e) { return encryption.take(e); }));
    DomainCiphers ciphers;
    COFFER_TRY(encryption.finish(system_info, key_directory_, ciphers));
    if (ciphers.suite) out_.config.suite = *ciphers.suite;
    if (ciphers.chunk_log2) out_.config.chunk_log2 = *ciphers.chunk_log2;
    return Status::ok();
  }

 private:
  Status other(const Entry& entry) {
    if (entry.key == "config_encryption_active" || entry.key == "config_encryption_key_name") {
      out_.notes.push_back({entry.key, "passwords that HCD encrypted are not opened here",
                            "take them from where they were kept, and seal them with coffer seal-value"});
      return Status::ok();
    }
    // A misspelt word must not end as "something else".
    const std::string name = lower_case(entry.key);
    for (const std::string_view part : {"encrypt", "kmip", "key", "cipher", "secret", "tde"}) {
      if (name.find(part) == std::string::npos) continue;
      return reader_.error(entry.key_node, "unknown option \"" + entry.key +
                                               "\"; known of encryption are system_info_encryption, kmip_hosts, "
                                               "system_key_directory, config_encryption_active and "
                                               "config_encryption_key_name");
    }
    out_.notes.push_back({entry.key, "says nothing of the encryption of files", "leave it with the database"});
    return Status::ok();
  }

  const YamlReader& reader_;
  Imported& out_;
  std::string key_directory_{kDefaultKeyDirectory};
};

// Data files that no domain is named for are under the same cipher as the system's.
Status take_for_all(const DomainCiphers& ciphers, Imported& out) {
  const Config before = out.config;
  if (ciphers.suite) out.config.suite = *ciphers.suite;
  if (ciphers.chunk_log2) out.config.chunk_log2 = *ciphers.chunk_log2;
  const Config none;
  const bool differs = (before.suite != none.suite && before.suite != out.config.suite) ||
                       (before.chunk_log2 != none.chunk_log2 && before.chunk_log2 != out.config.chunk_log2);
  if (!differs) return Status::ok();
  return {Code::kInvalidArgument,
          "the table's cipher or chunk_length_kb is another than system_info_encryption has or "
          "another table; give it a domain of its own: NAME={'class': …}"};
}

}  // namespace

Status import_hcd_config(std::string_view yaml, const std::string& name_for_errors, Imported& out) {
  const YamlReader reader(name_for_errors);
  COFFER_ASSIGN(const YAML::Node root, reader.load(yaml));
  return HcdConfig(reader, out).read(root);
}

Status import_hcd_table(const std::string& domain, const std::string& options, Imported& out) {
  const std::string what = domain.empty() ? "table options" : domain;
  if (!domain.empty() && (!valid_domain_name(domain) || domain == kSystemDomain)) {
    return {Code::kInvalidArgument, "\"" + domain +
                                        "\" is no name for a domain of a table; expected 1 to 64 of a-z 0-9 "
                                        ". _ -, and not system"};
  }
  if (!trimmed(options).starts_with('{')) {
    return {Code::kInvalidArgument, what + ": expected a table's compression options: {'class': 'Encryptor', …}"};
  }
  const YamlReader reader(what);
  COFFER_ASSIGN(const YAML::Node root, reader.load(options));
  HcdEncryption encryption(reader, "", domain.empty() ? "" : domain + ": ", out);
  COFFER_TRY(reader.each(root, "", [&](const Entry& entry) { return encryption.take(entry); }));
  DomainCiphers ciphers;
  COFFER_TRY(encryption.finish(root, std::string(kDefaultKeyDirectory), ciphers));
  if (domain.empty()) return take_for_all(ciphers, out);
  if (!out.domains.emplace(domain, ciphers).second) {
    return {Code::kInvalidArgument, domain + " is there twice; give each table's domain once"};
  }
  out.notes.push_back({domain, "a domain is made in the keyring, and takes the files of a directory or column family",
                       "after init: coffer domain add COFFER " + domain +
                           " --path DIRECTORY, then uncomment its lines in coffer.yaml"});
  return Status::ok();
}

}  // namespace coffer
