#include "coffer/providers/pkcs11/settings.h"

#include <algorithm>

#include "coffer/base/path.h"
#include "coffer/providers/root.h"

namespace coffer::pkcs11 {
namespace {

constexpr uint64_t kTimeoutDefaultMs = 10'000;
constexpr uint64_t kTimeoutMaxMs = 600'000;

struct TextAttribute {
  std::string_view name;
  std::string Settings::*member;
  size_t size_max;  // as the token's own description has it
};
constexpr TextAttribute kTextAttributes[] = {
    {"token", &Settings::token, 32},   {"manufacturer", &Settings::manufacturer, 32}, {"model", &Settings::model, 16},
    {"serial", &Settings::serial, 16}, {"object", &Settings::object, kLabelSizeMax},
};

Status refused(const std::string& why) { return {Code::kInvalidArgument, "pkcs11: " + why}; }

Status add_text(const TextAttribute& attribute, std::string_view value, Settings& out) {
  COFFER_ASSIGN(std::string text, decode_percent(value, "pkcs11: " + std::string(attribute.name)));
  if (text.empty() || text.size() > attribute.size_max) {
    return refused(std::string(attribute.name) + " must have 1 to " + std::to_string(attribute.size_max) + " bytes");
  }
  out.*attribute.member = std::move(text);
  return Status::ok();
}

Status add_attribute(std::string_view name, std::string_view value, Settings& out) {
  for (const TextAttribute& attribute : kTextAttributes) {
    if (name == attribute.name) return add_text(attribute, value, out);
  }
  if (name == "id") {
    COFFER_ASSIGN(const std::string id, decode_percent_bytes(value, "pkcs11: id"));
    out.id.assign(id.begin(), id.end());
    if (out.id.empty() || out.id.size() > kIdSizeMax) return refused("id must have 1 to 255 bytes");
    return Status::ok();
  }
  if (name == "type") {
    return value == "secret-key" ? Status::ok() : refused("type must be secret-key: a root key is an AES key");
  }
  if (name.starts_with("slot-")) {
    return refused(std::string(name) + ": slots are numbered anew at every start; name the token (token=, serial=)");
  }
  return refused("unknown attribute \"" + std::string(name) +
                 "\"; known: token, manufacturer, model, serial, object, id, type");
}

Status parse_attributes(std::string_view text, Settings& out) {
  std::vector<std::string_view> seen;
  while (!text.empty()) {
    const size_t end = std::min(text.find(';'), text.size());
    const std::string_view attribute = text.substr(0, end);
    const size_t equals = attribute.find('=');
    if (equals == 0 || equals == std::string_view::npos) return refused("expected attributes name=value;name=value");
    const std::string_view name = attribute.substr(0, equals);
    if (std::find(seen.begin(), seen.end(), name) != seen.end()) return refused(std::string(name) + " is there twice");
    seen.push_back(name);
    COFFER_TRY(add_attribute(name, attribute.substr(equals + 1), out));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return Status::ok();
}

Status parse_path(std::string_view raw_path, Settings& out) {
  const size_t slash = std::min(raw_path.find('/'), raw_path.size());
  COFFER_TRY(parse_attributes(raw_path.substr(0, slash), out));
  if (slash == raw_path.size()) return Status::ok();
  if (!out.object.empty()) return refused("the key is named twice, by object= and behind \"/\"");
  return add_text({"object", &Settings::object, kLabelSizeMax}, raw_path.substr(slash + 1), out);
}

// RFC 7512 has "pin-source"; the other options are as everywhere in Coffer.
Status take_pin(UriOptions& options, Settings& out) {
  if (options.take("pin-value").has_value()) {
    return refused(
        "pin-value: a PIN in a URI ends up in process lists, logs and the keyring; put it into a file of mode 0600 and "
        "say pin-source=file:/PATH");
  }
  const std::optional<std::string> source = options.take("pin-source");
  COFFER_ASSIGN(out.pin, options.take_secret("pin"));
  if (!source.has_value()) return Status::ok();
  if (out.pin.given()) return refused("pin-source, pin_file and pin_env exclude each other");
  std::string_view path = *source;
  if (path.starts_with("|")) return refused("pin-source: programs are not run; name a file");
  if (path.starts_with("file:")) path.remove_prefix(5);
  if (path.starts_with("//")) path.remove_prefix(2);
  if (path.empty() || path.find("://") != std::string_view::npos) {
    return refused("pin-source: expected file:/PATH or a path");
  }
  out.pin.file = absolute_path(path);
  options.keep("pin-source", "file:" + out.pin.file);
  return Status::ok();
}

Result<std::optional<Mechanism>> take_mechanism(UriOptions& options) {
  const std::string option = options.take("mechanism", "any");
  const std::optional<Mechanism> mechanism = mechanism_of(option);
  if (mechanism.has_value() || option == "any") return mechanism;
  return refused("mechanism: expected one of any, aes-gcm, aes-key-wrap-pad, aes-key-wrap");
}

// What the settings say, in one form: however the key was named.
std::string format(const Settings& settings, ProviderUri kept) {
  constexpr std::string_view kPlain = "-._~:[]@!$'()*+,=";
  std::string out = "pkcs11:";
  for (const TextAttribute& attribute : kTextAttributes) {
    const std::string& value = settings.*attribute.member;
    if (!value.empty()) out += std::string(attribute.name) + "=" + encode_percent(value, kPlain) + ";";
  }
  if (!settings.id.empty()) out += "id=" + encode_percent(as_text(settings.id), kPlain) + ";";
  kept.path.clear();
  return out + "type=secret-key" + format_provider_uri(kept).substr(std::string_view("pkcs11:").size());
}

}  // namespace

Result<Settings> parse_settings(const ProviderUri& uri, const std::string& sealing_key) {
  Settings out;
  if (uri.authority.has_value()) return refused("expected pkcs11:token=LABEL;object=LABEL, without \"//\"");
  COFFER_TRY(parse_path(uri.raw_path, out));
  UriOptions options(uri, sealing_key);
  COFFER_ASSIGN(out.module_path, options.take_path("module-path"));
  if (options.take("module-name").has_value()) {
    return refused("module-name: give module-path=/PATH, or neither for every module that p11-kit knows");
  }
  COFFER_TRY(take_pin(options, out));
  COFFER_ASSIGN(out.mechanism, take_mechanism(options));
  COFFER_ASSIGN(out.timeout_millis, options.take_number("timeout_millis", kTimeoutDefaultMs, 100, kTimeoutMaxMs));
  COFFER_ASSIGN(out.allow_weak, options.take_switch(kWeakRootOption, false));
  COFFER_ASSIGN(out.create, options.take_once("create"));
  COFFER_TRY(options.finish());
  if (out.token.empty() && out.serial.empty()) return refused("which token? add token=LABEL or serial=NUMBER");
  if (out.object.empty() && out.id.empty()) return refused("which key? add object=LABEL or id=%01");
  if (out.create && out.object.empty()) return refused("create: a new key needs a label; add object=LABEL");
  out.uri = format(out, options.kept());
  return out;
}

std::string describe_token(const Settings& settings) {
  std::string out = "token";
  if (!settings.token.empty()) out += " " + settings.token;
  for (const TextAttribute& attribute : kTextAttributes) {
    const std::string& value = settings.*attribute.member;
    if (attribute.name == "token" || attribute.name == "object" || value.empty()) continue;
    out += (out == "token" ? " " : ", ") + std::string(attribute.name) + " " + value;
  }
  return out;
}

std::string describe_key(const Settings& settings) {
  std::string out = "key";
  if (!settings.object.empty()) out += " " + settings.object;
  if (!settings.id.empty()) out += (settings.object.empty() ? " id " : ", id ") + to_hex(settings.id);
  return out;
}

}  // namespace coffer::pkcs11
