#include "coffer/config/uri.h"

#include <algorithm>

#include "coffer/base/bytes.h"
#include "coffer/base/text.h"

namespace coffer {
namespace {

bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
bool is_digit(char c) { return c >= '0' && c <= '9'; }

// The size of "scheme" in "scheme:…"; 0 if the text does not begin so.
size_t scheme_size(std::string_view text) {
  if (text.empty() || !is_letter(text.front())) return 0;
  for (size_t i = 1; i < text.size(); ++i) {
    const char c = text[i];
    if (c == ':') return i;
    if (!is_letter(c) && !is_digit(c) && c != '+' && c != '-' && c != '.') return 0;
  }
  return 0;
}

Status parse_options(std::string_view query, ProviderUri& uri) {
  while (!query.empty()) {
    const size_t end = std::min(query.find('&'), query.size());
    const std::string_view option = query.substr(0, end);
    const size_t equals = option.find('=');
    if (equals == 0 || equals == std::string_view::npos) {
      return {Code::kInvalidArgument, "an option of a root key URI is written name=value"};
    }
    COFFER_ASSIGN(std::string name, decode_percent(option.substr(0, equals), "a root key URI's option name"));
    COFFER_ASSIGN(std::string value, decode_percent(option.substr(equals + 1), "root key URI option " + name));
    for (const auto& [known, ignored] : uri.options) {
      if (known == name) return {Code::kInvalidArgument, "root key URI option " + name + " is given twice"};
    }
    uri.options.emplace_back(std::move(name), std::move(value));
    query.remove_prefix(std::min(end + 1, query.size()));
  }
  return {};
}

}  // namespace

Result<std::string> decode_percent_bytes(std::string_view text, std::string_view part) {
  std::string out;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      out.push_back(text[i]);
      continue;
    }
    auto byte = from_hex(text.substr(i + 1, 2));
    if (!byte.is_ok() || byte->size() != 1) {
      return {Code::kInvalidArgument,
              std::string(part) + ": \"%\" must be followed by two hexadecimal digits; write %25 for \"%\""};
    }
    out.push_back(static_cast<char>(byte->front()));
    i += 2;
  }
  return out;
}

Result<std::string> decode_percent(std::string_view text, std::string_view part) {
  COFFER_ASSIGN(std::string out, decode_percent_bytes(text, part));
  if (has_control(out)) return {Code::kInvalidArgument, std::string(part) + " holds a control character"};
  return out;
}

Result<ProviderUri> parse_provider_uri(const std::string& text) {
  ProviderUri uri;
  if (text.empty())
    return {Code::kInvalidArgument, "the root key URI is empty; give a key file's path, or file:///PATH"};
  if (has_control(text)) return {Code::kInvalidArgument, "the root key URI holds a control character"};
  const size_t size = scheme_size(text);
  if (size == 0) {
    uri.scheme = "file";
    uri.path = text;
    while (uri.path.starts_with("//")) uri.path.erase(0, 1);  // would read as an authority when it is written
    uri.raw_path = encode_uri_path(uri.path);
    return uri;
  }
  uri.scheme = text.substr(0, size);
  for (char& c : uri.scheme) c = static_cast<char>(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);

  std::string_view rest = std::string_view(text).substr(size + 1);
  if (rest.find('#') != std::string_view::npos) {
    return {Code::kInvalidArgument, "a root key URI has no fragment; write %23 for \"#\""};
  }
  const size_t question = std::min(rest.find('?'), rest.size());
  if (question < rest.size()) COFFER_TRY(parse_options(rest.substr(question + 1), uri));
  rest = rest.substr(0, question);
  if (rest.starts_with("//")) {
    rest.remove_prefix(2);
    const size_t slash = std::min(rest.find('/'), rest.size());
    uri.authority = rest.substr(0, slash);
    if (uri.authority->find('@') != std::string::npos) {
      return {Code::kInvalidArgument, "a root key URI must not carry user names or passwords"};
    }
    rest = rest.substr(slash);
  }
  uri.raw_path = rest;
  if (uri.scheme == "pkcs11") {  // its attributes may hold any byte, and are taken apart before they are decoded
    uri.path = rest;
    return uri;
  }
  COFFER_ASSIGN(uri.path, decode_percent(rest, "the root key URI's path"));
  return uri;
}

std::string format_provider_uri(const ProviderUri& uri) {
  std::string out = uri.scheme + ":";
  if (uri.authority.has_value()) out += "//" + *uri.authority;
  out += encode_uri_path(uri.path);
  char separator = '?';
  for (const auto& [name, value] : uri.options) {
    out += separator + encode_uri_option(name) + "=" + encode_uri_option(value);
    separator = '&';
  }
  return out;
}

std::string encode_uri_option(const std::string& text) { return encode_percent(text, "/-._~!$'()*,;:@"); }

std::string encode_uri_path(const std::string& path) { return encode_percent(path, "/-._~!$&'()*+,;=:@"); }

std::string encode_percent(std::string_view text, std::string_view plain) {
  std::string out;
  for (char c : text) {
    if (is_letter(c) || is_digit(c) || plain.find(c) != std::string_view::npos) {
      out.push_back(c);
    } else {
      out += "%" + to_hex(as_bytes({&c, 1}));
    }
  }
  return out;
}

}  // namespace coffer
