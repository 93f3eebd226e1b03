#include "coffer/engines/rocksdb/uri.h"

#include <algorithm>

#include "coffer/config/uri.h"

namespace coffer::rocks {
namespace {

Status bad(std::string_view uri, const std::string& what) {
  return {Code::kInvalidArgument, "\"" + std::string(uri) + "\": " + what};
}

Status set_option(CofferUri& parsed, std::string_view name, std::string value) {
  std::string* target = name == "base" ? &parsed.base : name == "root" ? &parsed.root_uri : nullptr;
  if (target == nullptr) {
    return {Code::kInvalidArgument, "unknown option \"" + std::string(name) + "\"; there are base and root"};
  }
  if (!target->empty()) return {Code::kInvalidArgument, "option " + std::string(name) + " is given twice"};
  if (value.empty()) return {Code::kInvalidArgument, "option " + std::string(name) + " has no value"};
  *target = std::move(value);
  return Status::ok();
}

Status set_options(CofferUri& parsed, std::string_view query) {
  while (!query.empty()) {
    const size_t end = std::min(query.find('&'), query.size());
    const std::string_view option = query.substr(0, end);
    query.remove_prefix(std::min(end + 1, query.size()));
    const size_t equals = std::min(option.find('='), option.size());
    COFFER_ASSIGN(std::string value,
                  decode_percent(option.substr(std::min(equals + 1, option.size())), option.substr(0, equals)));
    COFFER_TRY(set_option(parsed, option.substr(0, equals), std::move(value)));
  }
  return Status::ok();
}

}  // namespace

Result<CofferUri> parse_uri(std::string_view uri) {
  if (!uri.starts_with(kUriScheme)) return bad(uri, "does not begin with " + std::string(kUriScheme));
  std::string_view rest = uri.substr(kUriScheme.size());
  const size_t question = std::min(rest.find('?'), rest.size());
  auto directory = decode_percent(rest.substr(0, question), "the path");
  if (!directory.is_ok()) return bad(uri, std::string(directory.status().message()));
  if (directory->empty()) return bad(uri, "names no coffer; write coffer:///absolute/path or coffer://relative/path");
  CofferUri parsed;
  parsed.directory = std::move(*directory);
  Status options = set_options(parsed, rest.substr(std::min(question + 1, rest.size())));
  if (!options.is_ok()) return bad(uri, std::string(options.message()));
  return parsed;
}

}  // namespace coffer::rocks
