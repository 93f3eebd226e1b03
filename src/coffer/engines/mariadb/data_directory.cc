#include "coffer/engines/mariadb/data_directory.h"

#include <charconv>

#include "coffer/engines/mariadb/server_keys.h"

namespace coffer::mariadb {
namespace {

constexpr std::string_view kFirstLine = "coffer mariadb keys 1\n";
constexpr size_t kCheckSize = 16;
constexpr size_t kCheckFileSizeMax = size_t{1} << 20;
constexpr uint32_t kCheckFileMode = 0644;

// Of one key id: by which version of its key it is compared, and what that gives.
struct IdCheck {
  uint32_t version = 0;
  std::string value;  // in hexadecimal
};
using IdChecks = std::map<uint32_t, IdCheck>;

// The next field of a line, up to `end`, which follows it.
std::optional<std::string_view> take_field(std::string_view& text, char end) {
  const size_t size = text.find(end);
  if (size == std::string_view::npos) return std::nullopt;
  const std::string_view out = text.substr(0, size);
  text.remove_prefix(size + 1);
  return out;
}

bool take_number(std::string_view& text, uint32_t& out) {
  const auto field = take_field(text, ' ');
  if (!field) return false;
  const auto [rest, error] = std::from_chars(field->data(), field->data() + field->size(), out);
  return error == std::errc() && rest == field->data() + field->size() && out != 0;
}

Result<IdChecks> parse_checks(std::string_view text, const std::string& path) {
  if (!text.starts_with(kFirstLine)) {
    return {Code::kUnsupported, path + " does not begin as this version of Coffer writes it; remove it if the data "
                                       "directory is of this coffer beyond doubt"};
  }
  text.remove_prefix(kFirstLine.size());
  IdChecks out;
  while (!text.empty()) {
    uint32_t id = 0;
    IdCheck check;
    std::optional<std::string_view> value;
    if (take_number(text, id) && take_number(text, check.version)) value = take_field(text, '\n');
    if (!value || value->size() != 2 * kCheckSize || out.contains(id)) {
      return {Code::kDamaged, path + " has a line that nobody wrote so; remove it if the data directory is of this "
                                     "coffer beyond doubt"};
    }
    check.value = *value;
    out.emplace(id, std::move(check));
  }
  return out;
}

std::string format_checks(const IdChecks& checks) {
  std::string out(kFirstLine);
  for (const auto& [id, check] : checks) {
    out += std::to_string(id) + " " + std::to_string(check.version) + " " + check.value + "\n";
  }
  return out;
}

Result<std::string> check_value(Coffer& coffer, uint32_t key_id, const std::string& domain, uint32_t version) {
  const auto context = context_of(key_id);
  COFFER_ASSIGN(const SecretBytes value, coffer.derive_key({domain, version, "mariadb check", context, kCheckSize}));
  // It is for everybody to see, and says nothing about what else the key gives.
  return to_hex(value.reveal());
}

// Whether the line stays as it is. A version that was destroyed is no proof any more.
Result<bool> compare(Coffer& coffer, uint32_t key_id, const std::string& domain, const IdCheck& check) {
  const auto value = check_value(coffer, key_id, domain, check.version);
  if (value.code() == Code::kKeyDestroyed) return false;
  const DomainKeyEntry* latest = nullptr;
  const auto keyring = coffer.keyring();
  if (const Domain* found = keyring->find_domain(domain); found != nullptr && !found->keys.empty())
    latest = &found->keys.back();
  const bool is_unheard_of = latest != nullptr && check.version > latest->version;
  if (!value.is_ok() && !is_unheard_of) return true;
  if (value.is_ok() && *value == check.value) return true;
  return {Code::kWrongKey, "this data directory's key id " + std::to_string(key_id) +
                               " was another key than coffer " + coffer.directory() + " has for it (domain " + domain +
                               "); name the coffer, and give the id the domain, that it was written with"};
}

}  // namespace

Status check_data_directory(Coffer& coffer, const std::string& path) {
  IdChecks checks;
  const auto text = read_file(coffer.disk(), path, kCheckFileSizeMax);
  if (text.is_ok()) {
    COFFER_ASSIGN(checks, parse_checks(as_text(*text), path));
  } else if (text.code() != Code::kNotFound) {
    return text.status();
  }
  const MariadbKeys& keys = coffer.config().mariadb_keys;
  for (const auto& [id, check] : checks) {
    if (keys.contains(id)) continue;
    return {Code::kNotFound, "this data directory has been used with key id " + std::to_string(id) +
                                 ", which is not in " + coffer.config_path() + "; list it there under mariadb: keys:, "
                                 "or take its line out of " + path + " if no table needs it"};
  }
  bool has_changed = false;
  for (const auto& [id, domain] : keys) {
    const auto known = checks.find(id);
    if (known != checks.end()) {
      COFFER_ASSIGN(const bool stays, compare(coffer, id, domain, known->second));
      if (stays) continue;
      checks.erase(known);
      has_changed = true;
    }
    const auto version = coffer.protecting_version(domain);
    if (!version.is_ok()) continue;
    COFFER_ASSIGN(std::string value, check_value(coffer, id, domain, *version));
    checks[id] = {*version, std::move(value)};
    has_changed = true;
  }
  if (!has_changed) return Status::ok();
  return replace_file(coffer.disk(), path, as_bytes(format_checks(checks)), kCheckFileMode);
}

}  // namespace coffer::mariadb
