#include "coffer/providers/aws_kms/ini_file.h"

#include <algorithm>

#include "coffer/base/text.h"

namespace coffer::aws_kms {
namespace {

// A value ends where a comment begins behind a blank.
std::string_view without_comment(std::string_view value) {
  for (size_t at = 1; at < value.size(); ++at) {
    const bool comment = value[at] == '#' || value[at] == ';';
    if (comment && (value[at - 1] == ' ' || value[at - 1] == '\t')) return value.substr(0, at);
  }
  return value;
}

}  // namespace

std::optional<std::string_view> ini_value(std::string_view text, std::string_view section, std::string_view name) {
  std::optional<std::string_view> out;
  bool inside = false;
  for (size_t start = 0; start < text.size();) {
    const size_t end = std::min(text.find('\n', start), text.size());
    const std::string_view line = text.substr(start, end - start);
    start = end + 1;
    const std::string_view setting = trimmed(line);
    if (setting.empty() || setting[0] == '#' || setting[0] == ';') continue;
    if (line[0] == '[') {
      inside = trimmed(line.substr(1, std::min(line.find(']'), line.size()) - 1)) == section;
      continue;
    }
    const size_t equals = setting.find('=');
    if (!inside || line[0] == ' ' || line[0] == '\t' || equals == std::string_view::npos) continue;
    if (trimmed(setting.substr(0, equals)) == name) out = trimmed(without_comment(setting.substr(equals + 1)));
  }
  return out;
}

}  // namespace coffer::aws_kms
