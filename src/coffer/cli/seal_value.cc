// coffer seal-value: a password or token in a form that may stand in coffer.yaml.
#include <fmt/format.h>

#include "coffer/base/path.h"
#include "coffer/cli/commands.h"
#include "coffer/cli/opening.h"
#include "coffer/cli/secret_input.h"
#include "coffer/cli/text.h"
#include "coffer/config/key_file.h"
#include "coffer/config/sealed_value.h"
#include "coffer/providers/named.h"

namespace coffer::cli {
namespace {

constexpr std::string_view kOptionEnd = "_sealed";

// "provider:NAME", "kmip:GROUP" and "root:NAME" of the configuration, or a URI.
Result<SealedPlace> place_of(const std::string& where, std::string_view option, const ProviderConfig& config) {
  COFFER_ASSIGN(ProviderUri uri, parse_provider_uri(where));
  if (uri.scheme == "root") {
    const auto found = config.roots.find(uri.path);
    if (found == config.roots.end()) {
      return {Code::kNotFound, "--for: there is no root " + uri.path + " in " + config.name};
    }
    uri = found->second.uri;
  }
  if (uri.scheme == "provider") {
    COFFER_ASSIGN(uri, expand_named(uri, config));
  } else if (uri.scheme == "kmip" && !uri.authority.has_value()) {
    const std::string group = uri.path.substr(0, uri.path.find('/'));
    const auto found = config.kmip_hosts.find(group);
    if (found == config.kmip_hosts.end()) {
      return {Code::kNotFound, "--for: the group " + group + " is not in kmip_hosts of " + config.name +
                                   "; give the coffer.yaml that has it with --config"};
    }
    uri = found->second;
    uri.configured_as = "kmip:" + group;
  } else if (uri.scheme == "file") {
    return {Code::kInvalidArgument,
            "--for: expected provider:NAME, kmip:GROUP or root:NAME of coffer.yaml, or a URI such as "
            "vault://HOST:PORT"};
  }
  return sealed_place(uri, option);
}

Result<KeyFile> read_sealing_key(const Arguments& arguments, const ProviderConfig& config) {
  const std::string path = arguments.value("--key", config.sealing_key);
  if (!path.empty()) return read_key_file(Disk::posix(), absolute_path(path));
  return {Code::kInvalidArgument,
          "seal-value: --key FILE is needed where no coffer.yaml names a sealing_key; coffer "
          "keygen makes a key file"};
}

Result<Outcome> run_seal_value(const Arguments& arguments, Console& console) {
  std::string_view name = arguments.operand("OPTION");
  if (name.ends_with(kOptionEnd)) name.remove_suffix(kOptionEnd.size());
  const std::string* where = arguments.find("--for");
  if (where == nullptr || where->empty()) {
    return {Code::kInvalidArgument,
            "seal-value: --for is needed: provider:NAME, kmip:GROUP or root:NAME of coffer.yaml, or the "
            "provider's URI; the value opens there only"};
  }
  COFFER_ASSIGN(const ProviderConfig config, named_provider_config(arguments));
  COFFER_ASSIGN(const SealedPlace place, place_of(*where, name, config));
  COFFER_ASSIGN(const KeyFile key, read_sealing_key(arguments, config));
  COFFER_ASSIGN(const SecretBytes value, read_secret_input(console, kSealedSecretSizeMax));
  if (value.empty()) return {Code::kInvalidArgument, "seal-value: the value, on standard input, is empty"};
  COFFER_ASSIGN(const std::string sealed, seal_value(key.key, place, value));
  const std::string option = std::string(name) + std::string(kOptionEnd);
  console.answer(Json{{"option", option}, {"provider", place.provider}, {"hosts", place.hosts}, {"value", sealed}},
                 sealed + "\n");
  console.note(fmt::format("in coffer.yaml: {}: the line above; it opens as {} and with this key only", option,
                           printable(place.text())));
  return Outcome::kDone;
}

}  // namespace

Command seal_value_command() {
  return {
      .name = "seal-value",
      .about = "seals a password or token, from standard input, so that it may stand in coffer.yaml",
      .operands = {{"OPTION", "what it is for, such as store_password: it opens under that name only"}},
      .flags = {{"--for", "WHERE",
                 "whose option it is: provider:NAME, kmip:GROUP, root:NAME, or the provider's URI (needed)"},
                {"--key", "FILE", "the key file that opens it (what coffer.yaml names as sealing_key)"},
                {"--config", "FILE", "the coffer.yaml that has NAME or GROUP, or its coffer (COFFER)"}},
      .examples = {"seal-value token --for provider:prod --config /var/lib/db.coffer < token.txt",
                   "seal-value store_password --for keystore:/etc/coffer/keys.p12 --key /etc/coffer/sealing.key"},
      .run = run_seal_value,
  };
}

}  // namespace coffer::cli
