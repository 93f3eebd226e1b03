#include "coffer/ops/config_values.h"

#include <algorithm>

#include "coffer/base/text.h"
#include "coffer/config/sealed_value.h"

namespace coffer {
namespace {

constexpr std::string_view kConfigValueBegin = "ENC[";
constexpr std::string_view kConfigValueVersion = ":v1:";
constexpr size_t kOptionNameSizeMax = 64;

bool is_name_character(char c) { return is_alphanumeric(c) || c == '.' || c == '_' || c == '-'; }

bool is_option_name(std::string_view name) {
  return !name.empty() && name.size() <= kOptionNameSizeMax && std::ranges::all_of(name, is_name_character);
}

SealedPlace config_place(std::string_view name) { return {std::string(name), "config", ""}; }

// ENC[NAME:v1:BASE64], taken apart.
struct ConfigValue {
  std::string_view name, sealed;
  size_t size = 0;  // of all of it
};

// Of what stands at the beginning of `text`.
Result<ConfigValue> take_apart(std::string_view text) {
  const size_t end = text.find(']');
  const size_t colon = text.find(kConfigValueVersion);
  if (!text.starts_with(kConfigValueBegin) || end == std::string_view::npos || colon > end) {
    return {Code::kInvalidArgument, "expected ENC[NAME:v1:…]; coffer config seal makes one"};
  }
  const size_t sealed = colon + kConfigValueVersion.size();
  const std::string_view name = text.substr(kConfigValueBegin.size(), colon - kConfigValueBegin.size());
  return ConfigValue{name, text.substr(sealed, end - sealed), end + 1};
}

Result<SecretBytes> open_taken(const RootKey& key, std::string_view name, const ConfigValue& value) {
  if (value.name != name) {
    return {Code::kInvalidArgument, "the value was sealed for option " + printable(value.name) + ", not for " +
                                        std::string(name) + "; seal it anew with coffer config seal"};
  }
  auto opened = open_sealed_value(key, config_place(name), std::string(kSealedValuePrefix) + std::string(value.sealed));
  if (opened.code() != Code::kWrongKey) return opened;
  return {Code::kWrongKey, "the value of " + std::string(name) +
                               " does not open; it was sealed under another coffer, or was altered; seal it anew with "
                               "coffer config seal"};
}

// The name of the option whose value begins behind `before`: what stands in front of a colon or equals sign.
std::string_view option_before(std::string_view before) {
  constexpr std::string_view kBlanksAndQuotes = " \t'\"";
  before = trimmed(before, kBlanksAndQuotes);
  if (!before.ends_with(':') && !before.ends_with('=')) return {};
  before.remove_suffix(1);
  before = trimmed(before, kBlanksAndQuotes);
  size_t begin = before.size();
  while (begin > 0 && is_name_character(before[begin - 1])) --begin;
  return before.substr(begin);
}

// One line at a time.
class ConfigTextOpener {
 public:
  ConfigTextOpener(const RootKey& key, const std::set<std::string>& sealed) : key_(key), sealed_(sealed) {}

  Status open(std::string_view line, std::string& out) {
    COFFER_TRY(refuse_clear(line));
    for (;;) {
      const size_t at = line.find(kConfigValueBegin);
      out += line.substr(0, at);
      if (at == std::string_view::npos) return Status::ok();
      COFFER_ASSIGN(const ConfigValue value, take_apart(line.substr(at)));
      COFFER_ASSIGN(const SecretBytes opened, open_taken(key_, option_before(line.substr(0, at)), value));
      out += as_text(opened.reveal());
      line.remove_prefix(at + value.size);
    }
  }

 private:
  Status refuse_clear(std::string_view line) const {
    if (trimmed(line).starts_with('#')) return Status::ok();
    for (size_t at = 0; at < line.size(); ++at) {
      if (line[at] != ':' && line[at] != '=') continue;
      const std::string_view name = option_before(line.substr(0, at + 1));
      if (!sealed_.contains(std::string(name))) continue;
      if (!trimmed(line.substr(at + 1), " \t'\"").starts_with(kConfigValueBegin)) {
        return {Code::kPlaintext,
                "the value of " + std::string(name) +
                    " is in clear or on another line; expected ENC[…], which coffer config seal makes"};
      }
      at = line.find(']', at);  // what is sealed has no option in it
      if (at == std::string_view::npos) break;
    }
    return Status::ok();
  }

  const RootKey& key_;
  const std::set<std::string>& sealed_;
};

}  // namespace

Result<std::string> seal_config_value(const Coffer& coffer, std::string_view name, const SecretBytes& value) {
  if (!is_option_name(name)) {
    return {Code::kInvalidArgument,
            "the name of an option: expected 1 to 64 of A-Z, a-z, 0-9, dot, underscore and hyphen, not \"" +
                printable(name) + "\""};
  }
  COFFER_ASSIGN(const RootKey key, coffer.keyring()->config_sealing_key());
  COFFER_ASSIGN(const std::string sealed, seal_value(key, config_place(name), value));
  return std::string(kConfigValueBegin) + std::string(name) + std::string(kConfigValueVersion) +
         sealed.substr(kSealedValuePrefix.size()) + "]";
}

bool is_sealed_config_value(std::string_view text) { return text.starts_with(kConfigValueBegin); }

Result<SecretBytes> open_config_value(const Coffer& coffer, std::string_view name, std::string_view text) {
  COFFER_ASSIGN(const ConfigValue value, take_apart(text));
  if (value.size != text.size()) return {Code::kInvalidArgument, "expected ENC[NAME:v1:…] and nothing behind it"};
  COFFER_ASSIGN(const RootKey key, coffer.keyring()->config_sealing_key());
  return open_taken(key, name, value);
}

Result<std::string> open_config_text(const Coffer& coffer, std::string_view text, const std::set<std::string>& sealed) {
  COFFER_ASSIGN(const RootKey key, coffer.keyring()->config_sealing_key());
  ConfigTextOpener opener(key, sealed);
  std::string out;
  for (size_t number = 1; !text.empty(); ++number) {
    const size_t end = std::min(text.find('\n'), text.size() - 1) + 1;
    COFFER_TRY(opener.open(text.substr(0, end), out).with_context("line " + std::to_string(number)));
    text.remove_prefix(end);
  }
  return out;
}

}  // namespace coffer
