#include "coffer/ops/import_hcd_kmip.h"

#include <algorithm>

#include "coffer/base/text.h"
#include "coffer/ops/import_hcd_cipher.h"

namespace coffer {
namespace {

// One group of kmip_hosts. Coffer's own section has the same words, but for passwords.
class HcdKmipGroup {
 public:
  HcdKmipGroup(const YamlReader& reader, std::string name, Imported& out)
      : reader_(reader), name_(std::move(name)), what_("kmip_hosts: " + name_ + ": "), out_(out) {}

  Status take(const YamlReader::Entry& entry) {
    if (entry.key == "hosts") {
      COFFER_ASSIGN(uri_.authority, reader_.text_or_list(entry.value, what_ + entry.key));
      return Status::ok();
    }
    if (entry.key == "keystore_password" || entry.key == "truststore_password") return password(entry);
    for (const std::string_view known : {"keystore_path", "keystore_type", "truststore_path", "truststore_type",
                                         "key_cache_millis", "timeout", "protocol", "cipher_suites"}) {
      if (entry.key != known) continue;
      COFFER_ASSIGN(std::string value, reader_.text_or_list(entry.value, what_ + entry.key));
      return option(entry, std::move(value));
    }
    return reader_.error(entry.key_node, what_ + "unknown option \"" + entry.key +
                                             "\"; known are hosts, keystore_path, keystore_type, keystore_password, "
                                             "truststore_path, truststore_type, truststore_password, "
                                             "key_cache_millis, timeout, protocol and cipher_suites");
  }

  Status finish(const YAML::Node& group) {
    if (!uri_.authority || uri_.authority->empty()) return reader_.error(group, what_ + "hosts is missing");
    // What HCD takes where nothing is said.
    for (const std::string store : {"keystore", "truststore"}) {
      if (has(store + "_path") && !has(store + "_type")) uri_.options.emplace_back(store + "_type", "jks");
    }
    uri_.scheme = "kmip";
    uri_.options.emplace_back("start_requires", "all");
    out_.config.providers.kmip_hosts.emplace(name_, std::move(uri_));
    return Status::ok();
  }

 private:
  bool has(const std::string& option) const {
    return std::ranges::any_of(uri_.options, [&](const auto& known) { return known.first == option; });
  }

  Status option(const YamlReader::Entry& entry, std::string value) {
    const std::string& key = entry.key;
    if (key.ends_with("_path") && !value.starts_with('/')) {
      return reader_.error(entry.value, what_ + key + ": expected an absolute path");
    }
    if (key.ends_with("_type")) {
      value = lower_case(value);
      if (value != "jks" && value != "pkcs12")
        return reader_.error(entry.value, what_ + key + ": expected jks or pkcs12");
    }
    if (key == "protocol" && value != "TLS" && value != "TLSv1.2" && value != "TLSv1.3") {
      return reader_.error(entry.value, what_ + "protocol: expected TLS, TLSv1.2 or TLSv1.3; older ones are broken");
    }
    if ((key == "timeout" || key == "key_cache_millis") && !parse_whole_number(value)) {
      return reader_.error(entry.value, what_ + key + ": expected a whole number of milliseconds");
    }
    uri_.options.emplace_back(key == "timeout" ? "timeout_millis" : key, std::move(value));
    return Status::ok();
  }

  // Its value is not even read.
  Status password(const YamlReader::Entry& entry) {
    const std::string file = "/etc/coffer/" + name_ + "." + entry.key;
    uri_.options.emplace_back(entry.key + "_file", file);
    out_.notes.push_back(
        {what_ + entry.key, "a password does not stand in coffer.yaml, and is not shown here",
         "write it into " + file + " (mode 0600, the database's user), or seal it: coffer seal-value"});
    return Status::ok();
  }

  const YamlReader& reader_;
  const std::string name_, what_;
  Imported& out_;
  ProviderUri uri_;
};

}  // namespace

Status import_kmip_hosts(const YamlReader& reader, const YAML::Node& section, Imported& out) {
  return reader.each(section, "kmip_hosts: ", [&](const YamlReader::Entry& entry) -> Status {
    HcdKmipGroup group(reader, entry.key, out);
    COFFER_TRY(reader.each(entry.value, "kmip_hosts: " + entry.key + ": ",
                           [&](const YamlReader::Entry& option) { return group.take(option); }));
    return group.finish(entry.value);
  });
}

}  // namespace coffer
