#include "coffer/cli/config_edit.h"

#include <fmt/format.h>

#include "coffer/base/text.h"
#include "coffer/config/yaml_quoted.h"

namespace coffer::cli {
namespace {

// Behind the line "domains:", or npos.
size_t end_of_domains_line(std::string_view yaml) {
  for (size_t begin = 0; begin < yaml.size();) {
    const size_t end = std::min(yaml.find('\n', begin), yaml.size());
    std::string_view line = yaml.substr(begin, end - begin);
    line = line.substr(0, line.find('#'));
    while (!line.empty() && (line.back() == ' ' || line.back() == '\r')) line.remove_suffix(1);
    if (line == "domains:") return std::min(end + 1, yaml.size());
    begin = end + 1;
  }
  return std::string_view::npos;
}

// The indentation of the list item that follows; two spaces if none does.
std::string item_indent(std::string_view rest) {
  const size_t dash = rest.find_first_not_of(" \n");
  if (dash == std::string_view::npos || rest[dash] != '-') return "  ";
  const size_t newline = rest.rfind('\n', dash);
  return std::string(dash - (newline == std::string_view::npos ? 0 : newline + 1), ' ');
}

}  // namespace

Result<std::string> with_domain_path(std::string_view yaml, const DomainPath& entry,
                                     const std::string& name_for_errors) {
  COFFER_ASSIGN(Config expected, parse_config(yaml, name_for_errors));
  if (has_control(entry.domain) || has_control(entry.path)) {
    return {Code::kInvalidArgument, "a domain's name and path hold no control characters"};
  }
  for (const DomainPath& other : expected.domains) {
    if (other.path == entry.path) {
      return {Code::kAlreadyExists,
              fmt::format("{}: {} belongs to domain {} already", name_for_errors, other.path, other.domain)};
    }
  }
  std::string out(yaml);
  if (!out.empty() && out.back() != '\n') out += '\n';
  size_t at = end_of_domains_line(out);
  std::string indent = "  ";
  if (at == std::string_view::npos) {
    out += "domains:\n";
    at = out.size();
  } else {
    indent = item_indent(std::string_view(out).substr(at));
  }
  out.insert(
      at, fmt::format("{0}- name: {1}\n{0}  path: {2}\n", indent, yaml_quoted(entry.domain), yaml_quoted(entry.path)));

  // The proof that the edit did what it should, whatever the file looks like.
  expected.domains.insert(expected.domains.begin(), entry);
  auto edited = parse_config(out, name_for_errors);
  if (!edited.is_ok() || *edited != expected) {
    return {Code::kUnsupported,
            fmt::format("{} is laid out in a way this command does not edit; add under \"domains\": "
                        "{{name: {}, path: {}}}",
                        name_for_errors, yaml_quoted(entry.domain), yaml_quoted(entry.path))};
  }
  return out;
}

}  // namespace coffer::cli
