#include <yaml-cpp/yaml.h>

#include "coffer/net/kmip/settings.h"

namespace coffer::kmip {
namespace {

constexpr size_t kGroupsMax = 64;

class HostsParser {
 public:
  explicit HostsParser(const std::string& name) : name_(name) {}

  Result<Groups> parse(const YAML::Node& root) const {
    Groups out;
    if (root.IsNull()) return out;
    if (!root.IsMap()) return error(root, "expected a mapping of options");
    for (const auto& item : root) {
      if (scalar(item.first) != "kmip_hosts") continue;
      if (!item.second.IsMap()) return error(item.second, "kmip_hosts: expected a mapping of group names");
      for (const auto& group : item.second) COFFER_TRY(add_group(group.first, group.second, out));
    }
    for (auto& [name, group] : out) set_sealing_key(root, group);
    return out;
  }

 private:
  Status add_group(const YAML::Node& name_node, const YAML::Node& options, Groups& out) const {
    const std::string name = scalar(name_node);
    const bool plain = name.find_first_not_of("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-") ==
                       std::string::npos;
    if (name.empty() || name.size() > 64 || !plain) {
      return error(name_node, "kmip_hosts: a group's name has 1 to 64 letters, digits, dots, underscores or dashes");
    }
    if (out.contains(name)) return error(name_node, "kmip_hosts: the group " + name + " is there twice");
    if (out.size() == kGroupsMax) return error(name_node, "kmip_hosts: more than 64 groups");
    if (!options.IsMap()) return error(options, "kmip_hosts: " + name + ": expected a mapping of options");
    GroupSettings group;
    group.name = name;
    std::map<std::string, bool> seen;
    for (const auto& option : options) {
      const std::string key = scalar(option.first);
      if (std::exchange(seen[key], true))
        return error(option.first, "kmip_hosts: " + name + ": " + key + " is there twice");
      const Status status = set(group, key, option.second);
      if (status.code() == Code::kNotFound) {
        return error(option.first,
                     "kmip_hosts: " + name + ": unknown option \"" + key + "\"; see docs/providers/kmip.md");
      }
      if (!status) return error(option.second, "kmip_hosts: " + name + ": " + std::string(status.message()));
    }
    if (const Status status = check_settings(group); !status) {
      return error(options, "kmip_hosts: " + name + ": " + std::string(status.message()));
    }
    out.emplace(name, std::move(group));
    return Status::ok();
  }

  // Whether it is a path is checked with the other options of the file.
  static void set_sealing_key(const YAML::Node& root, GroupSettings& group) {
    const std::string path = root["sealing_key"] ? scalar(root["sealing_key"]) : std::string();
    for (SecretSource* password : {&group.tls.identity.password, &group.tls.trust.password}) {
      if (!password->sealed.empty()) password->sealing_key = path;
    }
  }

  static Status set(GroupSettings& group, const std::string& key, const YAML::Node& value) {
    COFFER_ASSIGN(const std::string text, text_of(key, value));
    if (key == "hosts") {
      COFFER_ASSIGN(group.hosts, parse_hosts(text));
      return Status::ok();
    }
    const bool path = key.ends_with("_path") || key.ends_with("_file") || key == "cert" || key == "key" || key == "ca";
    if (path && !text.starts_with('/')) return {Code::kInvalidArgument, key + ": expected an absolute path"};
    return set_option(group, key, text);
  }

  // A list may be written as one: [a, b] is "a,b".
  static Result<std::string> text_of(const std::string& key, const YAML::Node& value) {
    if (value.IsScalar()) return value.Scalar();
    const bool may_be_list = key == "hosts" || key == "cipher_suites";
    std::string out;
    if (may_be_list && value.IsSequence()) {
      for (const auto& item : value) out += (out.empty() ? "" : ",") + scalar(item);
      return out;
    }
    return {Code::kInvalidArgument, key + ": expected " + (may_be_list ? "text or a list" : "one value")};
  }

  static std::string scalar(const YAML::Node& node) { return node.IsScalar() ? node.Scalar() : std::string(); }

  Status error(const YAML::Node& node, const std::string& text) const {
    const YAML::Mark mark = node.Mark();
    return {Code::kInvalidArgument, name_ + (mark.is_null() ? "" : ":" + std::to_string(mark.line + 1)) + ": " + text};
  }

  const std::string& name_;
};

}  // namespace

Result<Groups> parse_kmip_hosts(std::string_view yaml, const std::string& name_for_errors) {
  try {
    return HostsParser(name_for_errors).parse(YAML::Load(std::string(yaml)));
  } catch (const YAML::Exception& e) {
    return {Code::kInvalidArgument, name_for_errors + ": not YAML: " + e.what()};
  }
}

}  // namespace coffer::kmip
