#include "coffer/config/config.h"

#include <yaml-cpp/yaml.h>

#include <bit>
#include <charconv>

namespace coffer {
namespace {

// One setting: its key, what it may be (for messages), and how it is taken over.
class Parser {
 public:
  Parser(std::string name, Config& config) : name_(std::move(name)), config_(config) {}

  Status parse(const YAML::Node& root) {
    if (root.IsNull()) return Status::ok();
    if (!root.IsMap()) return error(root, "expected a mapping of options");
    for (const auto& item : root) COFFER_TRY(option(item.first, item.second));
    return Status::ok();
  }

 private:
  Status option(const YAML::Node& key_node, const YAML::Node& value) {
    const std::string key = key_node.IsScalar() ? key_node.Scalar() : std::string();
    if (key == "version") return expect_version(value);
    if (key == "cipher") return cipher(value, true, config_.suite);
    if (key == "ctr_cipher") return cipher(value, false, config_.ctr_suite);
    if (key == "chunk_size") return chunk_size(value);
    if (key == "data_files") return kind(value, Kind::kBlocks, config_.data_kind);
    if (key == "log_files") return kind(value, Kind::kLog, config_.log_kind);
    if (key == "reads") return reads(value);
    if (key == "anchor") return anchor(value);
    if (key == "domains") return domains(value);
    if (key == "sealing_key") return sealing_key(value);
    // Their contents are the key providers' own, who check them whenever one is opened.
    if (key == "kmip_hosts" || key == "key_providers") return Status::ok();
    return error(key_node, "unknown option \"" + key +
                               "\"; known are version, cipher, ctr_cipher, chunk_size, data_files, log_files, reads, "
                               "anchor, domains, key_providers, kmip_hosts and sealing_key");
  }

  Status expect_version(const YAML::Node& value) {
    if (value.IsScalar() && value.Scalar() == "1") return Status::ok();
    return error(value, "version: this coffer understands version 1 only");
  }

  Status cipher(const YAML::Node& value, bool authenticated, Suite& out) {
    const SuiteInfo* info = value.IsScalar() ? find_suite(value.Scalar()) : nullptr;
    if (info == nullptr || info->authenticated != authenticated) {
      return error(value, authenticated ? "cipher: expected aes-128-gcm, aes-192-gcm, aes-256-gcm or chacha20-poly1305"
                                        : "ctr_cipher: expected aes-128-ctr, aes-192-ctr or aes-256-ctr");
    }
    out = info->suite;
    return Status::ok();
  }

  Status chunk_size(const YAML::Node& value) {
    uint64_t size = 0;
    if (value.IsScalar()) {
      const std::string& text = value.Scalar();
      auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), size);
      if (failed != std::errc() || end != text.data() + text.size()) size = 0;
    }
    if (size < 1024 || size > (1 << 20) || !std::has_single_bit(size)) {
      return error(value, "chunk_size: expected a power of two from 1024 to 1048576, in bytes");
    }
    config_.chunk_log2 = std::countr_zero(size);
    return Status::ok();
  }

  Status kind(const YAML::Node& value, Kind standard, Kind& out) {
    const std::string text = value.IsScalar() ? value.Scalar() : std::string();
    if (text == kind_name(standard)) {
      out = standard;
    } else if (text == kind_name(Kind::kCtr)) {
      out = Kind::kCtr;
    } else {
      return error(value, (standard == Kind::kBlocks ? "data_files" : "log_files") + std::string(": expected ") +
                              std::string(kind_name(standard)) + " or ctr");
    }
    return Status::ok();
  }

  Status reads(const YAML::Node& value) {
    const std::string text = value.IsScalar() ? value.Scalar() : std::string();
    if (text != "pread" && text != "mapping") return error(value, "reads: expected pread or mapping");
    config_.read_mode = text == "pread" ? ReadMode::kPread : ReadMode::kMapping;
    return Status::ok();
  }

  Status absolute_path(const YAML::Node& value, const char* what, std::string& out) {
    std::string text = value.IsScalar() ? value.Scalar() : std::string();
    if (text.empty() || text.front() != '/') return error(value, std::string(what) + ": expected an absolute path");
    while (text.size() > 1 && text.back() == '/') text.pop_back();
    out = text;
    return Status::ok();
  }

  Status anchor(const YAML::Node& value) {
    if (!value.IsScalar() || !value.Scalar().starts_with("tpm:")) return absolute_path(value, "anchor", config_.anchor);
    config_.anchor = value.Scalar();
    return Status::ok();
  }

  // The key providers' own too, like their sections.
  Status sealing_key(const YAML::Node& value) {
    std::string ignored;
    return absolute_path(value, "sealing_key", ignored);
  }

  Status domains(const YAML::Node& list) {
    if (!list.IsSequence()) return error(list, "domains: expected a list of {name, path}");
    for (const auto& item : list) {
      if (!item.IsMap()) return error(item, "domains: expected {name, path}");
      DomainPath entry;
      for (const auto& field : item) {
        const std::string key = field.first.IsScalar() ? field.first.Scalar() : std::string();
        if (key == "name" && field.second.IsScalar()) {
          entry.domain = field.second.Scalar();
        } else if (key == "path") {
          COFFER_TRY(absolute_path(field.second, "domains: path", entry.path));
        } else {
          return error(field.first, "domains: unknown option \"" + key + "\"; known are name and path");
        }
      }
      if (entry.domain.empty() || entry.path.empty()) return error(item, "domains: name and path are both needed");
      for (const DomainPath& other : config_.domains) {
        if (other.path == entry.path) return error(item, "domains: " + entry.path + " is listed twice");
      }
      config_.domains.push_back(std::move(entry));
    }
    return Status::ok();
  }

  Status error(const YAML::Node& node, const std::string& text) const {
    const YAML::Mark mark = node.Mark();
    std::string where = name_;
    if (!mark.is_null()) where += ":" + std::to_string(mark.line + 1);
    return {Code::kInvalidArgument, where + ": " + text};
  }

  std::string name_;
  Config& config_;
};

}  // namespace

std::string_view Config::domain_of(std::string_view path) const {
  const DomainPath* best = nullptr;
  for (const DomainPath& entry : domains) {
    bool inside = path.starts_with(entry.path) && (path.size() == entry.path.size() || path[entry.path.size()] == '/');
    if (inside && (best == nullptr || entry.path.size() > best->path.size())) best = &entry;
  }
  return best != nullptr ? std::string_view(best->domain) : kSystemDomain;
}

Result<Config> parse_config(std::string_view yaml, const std::string& name_for_errors) {
  Config config;
  try {
    COFFER_TRY(Parser(name_for_errors, config).parse(YAML::Load(std::string(yaml))));
  } catch (const YAML::Exception& e) {
    return {Code::kInvalidArgument,
            name_for_errors + ":" + std::to_string(e.mark.line + 1) + ": not valid YAML: " + e.msg};
  }
  return config;
}

std::string format_config(const Config& config) {
  std::string out =
      "# How this coffer writes new files; existing ones say for themselves how they are read.\n"
      "version: 1\n";
  out += "cipher: " + std::string(suite_info(config.suite).name) + "        # blocks and log files\n";
  out += "ctr_cipher: " + std::string(suite_info(config.ctr_suite).name) + "    # ctr files\n";
  out += "chunk_size: " + std::to_string(1 << config.chunk_log2) +
         "           # bytes authenticated together in blocks files\n";
  out += "data_files: " + std::string(kind_name(config.data_kind)) +
         "         # SST and blob files: blocks, or ctr (no integrity per read)\n";
  out += "log_files: " + std::string(kind_name(config.log_kind)) + "             # everything else: log, or ctr\n";
  out += std::string("reads: ") + (config.read_mode == ReadMode::kPread ? "pread" : "mapping") +
         "               # pread or mapping\n";
  if (!config.anchor.empty()) {
    out += "anchor: " + config.anchor + "  # remembers the newest keyring version, to notice a rollback\n";
  }
  if (!config.domains.empty()) out += "domains:\n";
  for (const DomainPath& entry : config.domains) {
    YAML::Emitter name, path;
    name << YAML::DoubleQuoted << entry.domain;
    path << YAML::DoubleQuoted << entry.path;
    out += "  - name: " + std::string(name.c_str()) + "\n    path: " + path.c_str() + "\n";
  }
  return out;
}

}  // namespace coffer
