#include "coffer/config/config_edit.h"

#include "coffer/base/text.h"
#include "coffer/config/provider_sections.h"
#include "coffer/config/yaml_quoted.h"

namespace coffer {
namespace {

constexpr size_t kNone = std::string_view::npos;

// A line of a text, its end included.
struct Line {
  size_t begin = 0;
  size_t end = 0;
};

Line line_at(std::string_view yaml, size_t begin) {
  const size_t newline = yaml.find('\n', begin);
  return {begin, newline == kNone ? yaml.size() : newline + 1};
}

std::string_view text_of(std::string_view yaml, Line line) { return yaml.substr(line.begin, line.end - line.begin); }

size_t indent_of(std::string_view line) { return std::min(line.find_first_not_of(' '), line.size()); }

bool says_nothing(std::string_view line) {
  const size_t first = line.find_first_not_of(" \t\r\n");
  return first == kNone || line[first] == '#';
}

// The first line from `from` on that begins with `key` and a colon behind `indent` spaces.
std::optional<Line> find_key(std::string_view yaml, std::string_view key, size_t from = 0, size_t indent = 0) {
  for (size_t at = from; at < yaml.size();) {
    const Line line = line_at(yaml, at);
    const std::string_view text = text_of(yaml, line);
    if (indent_of(text) == indent && text.substr(indent).starts_with(std::string(key) + ":")) return line;
    at = line.end;
  }
  return std::nullopt;
}

// Where an entry of the section `key` goes, behind its line; the line is added where there is none: of the roots, which
// come first, behind the version. Sets how far the section's entries are indented: two spaces if there are none yet.
size_t begin_section(std::string& yaml, std::string_view key, std::string& indent) {
  if (!yaml.empty() && yaml.back() != '\n') yaml += '\n';
  indent = "  ";
  const auto line = find_key(yaml, key);
  if (!line.has_value()) {
    const auto version = key == "roots" ? find_key(yaml, "version") : std::nullopt;
    const size_t at = version.has_value() ? version->end : yaml.size();
    const std::string added = std::string(key) + ":\n";
    yaml.insert(at, added);
    return at + added.size();
  }
  for (size_t at = line->end; at < yaml.size(); at = line_at(yaml, at).end) {
    const std::string_view text = text_of(yaml, line_at(yaml, at));
    if (says_nothing(text)) continue;
    // A list may stand as far to the left as its key.
    if (indent_of(text) > 0 || text.starts_with('-')) indent = std::string(indent_of(text), ' ');
    break;
  }
  return line->end;
}

// The lines of an entry that were made for an indentation of two.
std::string indented(std::string_view lines, const std::string& indent) {
  std::string out;
  for (size_t at = 0; at < lines.size(); at = line_at(lines, at).end) {
    out += indent + std::string(text_of(lines, line_at(lines, at)).substr(2));
  }
  return out;
}

// The end of what is indented behind `line` by more than `indent`. Blank lines and comments at its end are no part.
size_t end_of_entry(std::string_view yaml, Line line, size_t indent) {
  size_t end = line.end;
  for (size_t at = end; at < yaml.size(); at = line_at(yaml, at).end) {
    const std::string_view text = text_of(yaml, line_at(yaml, at));
    if (!says_nothing(text) && indent_of(text) <= indent) break;
    if (!says_nothing(text)) end = line_at(yaml, at).end;
  }
  return end;
}

// The proof that an edit did what it should, whatever the file looks like.
Result<std::string> proved(std::string edited, const Config& expected, const std::string& file,
                           const std::string& by_hand) {
  auto read = parse_config(edited, file);
  if (read.is_ok() && *read == expected) return edited;
  return {Code::kUnsupported, file + " is laid out in a way this command does not edit; " + by_hand};
}

void set_line(std::string& yaml, std::string_view key, const std::string& value) {
  const std::string text = std::string(key) + ": " + yaml_quoted(value) + "\n";
  if (const auto line = find_key(yaml, key)) {
    yaml.replace(line->begin, line->end - line->begin, text);
  } else if (const auto version = find_key(yaml, "version")) {
    const bool ends = yaml[version->end - 1] == '\n';
    yaml.insert(version->end, (ends ? "" : "\n") + text);
  }
}

}  // namespace

Result<std::string> with_domain_path(std::string_view yaml, const DomainPath& entry, const std::string& file) {
  COFFER_ASSIGN(Config expected, parse_config(yaml, file));
  if (has_control(entry.domain) || has_control(entry.path)) {
    return {Code::kInvalidArgument, "a domain's name and path hold no control characters"};
  }
  for (const DomainPath& other : expected.domains) {
    if (other.path == entry.path) {
      return {Code::kAlreadyExists, file + ": " + other.path + " belongs to domain " + other.domain + " already"};
    }
  }
  std::string out(yaml), indent;
  const size_t at = begin_section(out, "domains", indent);
  const std::string name = yaml_quoted(entry.domain), path = yaml_quoted(entry.path);
  out.insert(at, indented("  - name: " + name + "\n    path: " + path + "\n", indent));
  expected.domains.insert(expected.domains.begin(), entry);
  return proved(std::move(out), expected, file, "add under \"domains\": {name: " + name + ", path: " + path + "}");
}

Result<std::string> with_root(std::string_view yaml, const std::string& name, const RootSetting& root,
                              const std::string& file) {
  COFFER_ASSIGN(Config expected, parse_config(yaml, file));
  if (!expected.providers.roots.emplace(name, root).second) {
    return {Code::kAlreadyExists, file + ": there is a root " + name + " already"};
  }
  const std::string lines = format_root(name, root);
  std::string out(yaml), indent;
  const size_t at = begin_section(out, "roots", indent);
  out.insert(at, indented(lines, indent));
  return proved(std::move(out), expected, file, "add under \"roots\":\n" + lines);
}

Result<std::string> without_root(std::string_view yaml, const std::string& name, const std::string& file) {
  COFFER_ASSIGN(Config expected, parse_config(yaml, file));
  if (expected.providers.roots.erase(name) == 0) return {Code::kNotFound, file + ": there is no root " + name};
  std::string out(yaml), indent;
  const size_t section = begin_section(out, "roots", indent);
  std::optional<Line> entry = find_key(out, name, section, indent.size());
  if (!entry.has_value()) entry = find_key(out, yaml_quoted(name), section, indent.size());
  if (entry.has_value()) out.erase(entry->begin, end_of_entry(out, *entry, indent.size()) - entry->begin);
  return proved(std::move(out), expected, file, "take root " + name + " out of \"roots\"");
}

Result<std::string> with_identity(std::string_view yaml, const Id& coffer_id, const std::string& keyring,
                                  const std::string& file) {
  COFFER_ASSIGN(Config expected, parse_config(yaml, file));
  expected.coffer_id = coffer_id;
  expected.keyring = keyring;
  std::string out(yaml);
  set_line(out, "keyring", keyring);
  set_line(out, "coffer", coffer_id.hex());
  return proved(std::move(out), expected, file,
                "put these lines into it: coffer: " + coffer_id.hex() + " and keyring: " + keyring);
}

Result<std::string> with_keyring_store(std::string_view yaml, const std::optional<ProviderUri>& store,
                                       const std::string& file) {
  COFFER_ASSIGN(Config expected, parse_config(yaml, file));
  expected.keyring_store = store;
  std::string out(yaml);
  if (const auto line = find_key(out, "keyring_store")) {
    out.erase(line->begin, end_of_entry(out, *line, 0) - line->begin);
  }
  const std::string section = store.has_value() ? format_keyring_store(*store) : "";
  const auto before = find_key(out, store.has_value() && find_key(out, "keyring") ? "keyring" : "version");
  if (before.has_value()) {
    if (out[before->end - 1] != '\n') out += '\n';
    out.insert(line_at(out, before->begin).end, section);
  }
  return proved(std::move(out), expected, file,
                store.has_value() ? "put this into it:\n" + section : "take the section \"keyring_store\" out");
}

Result<std::string> without_anchor(std::string_view yaml, const std::string& file) {
  COFFER_ASSIGN(Config expected, parse_config(yaml, file));
  std::string out(yaml);
  for (const char* key : {"anchor", "freshness"}) {
    if (const auto line = find_key(out, key)) out.erase(line->begin, line->end - line->begin);
  }
  expected.anchor.clear();
  expected.freshness = false;
  return proved(std::move(out), expected, file, "take the lines \"anchor\" and \"freshness\" out");
}

}  // namespace coffer
