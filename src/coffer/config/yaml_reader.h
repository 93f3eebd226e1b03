// Reading YAML into typed values: what is common to all sections of coffer.yaml. Errors name file, line and key.
#pragma once

#include <yaml-cpp/yaml.h>

#include <functional>
#include <string>

#include "coffer/base/status.h"

namespace coffer {

class YamlReader {
 public:
  explicit YamlReader(std::string file) : file_(std::move(file)) {}

  // The one document of a text; kInvalidArgument for none, several, or what is no YAML.
  Result<YAML::Node> load(std::string_view text) const;

  struct Entry {
    std::string key;
    YAML::Node key_node;
    YAML::Node value;
  };
  // Each entry of a mapping, whose keys are texts and differ. `what` begins errors: "domains: ", empty for the file.
  Status each(const YAML::Node& map, const std::string& what, const std::function<Status(const Entry&)>& take) const;
  // One value, without control characters; `what` names it: "domains: path".
  Result<std::string> text(const YAML::Node& value, const std::string& what) const;
  // The same, or a list, which is joined by commas.
  Result<std::string> text_or_list(const YAML::Node& value, const std::string& what) const;
  // Without trailing slashes.
  Result<std::string> absolute_path(const YAML::Node& value, const std::string& what) const;
  // "coffer.yaml:7".
  std::string place(const YAML::Node& node) const;
  Status error(const YAML::Node& node, const std::string& text) const;

 private:
  std::string file_;
};

}  // namespace coffer
