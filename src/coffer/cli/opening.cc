#include "coffer/cli/opening.h"

#include <cstdlib>

#include "coffer/base/advice.h"
#include "coffer/base/path.h"
#include "coffer/base/period.h"
#include "coffer/base/text.h"
#include "coffer/io/trusted_path.h"
#include "coffer/providers/registry.h"

namespace coffer::cli {

Operand coffer_operand() { return {"COFFER", "the coffer's directory, or its configuration file"}; }

Operand paths_operand() { return {"PATH", "stores or single files; none: every store the coffer remembers", true}; }

Flag root_flag() {
  return {"--root", "ROOT",
          "where the root key is now, if not where coffer.yaml says; or the root to be asked: NAME[?OPTIONS]"};
}

Flag as_flag() { return {"--as", "PATH", "the one path given is PATH at another place: a copy, a mounted backup"}; }

Result<std::shared_ptr<Coffer>> open_coffer_for_paths(const Arguments& arguments,
                                                      const std::vector<std::string>& paths) {
  const std::string* as = arguments.find("--as");
  if (as == nullptr) return open_coffer(arguments, {.may_be_away = true});
  if (paths.size() != 1 || as->empty()) {
    return {Code::kInvalidArgument, "--as: expected a path, and one path that it stands for"};
  }
  StorePlace place{absolute_path(*as), absolute_path(paths.front())};
  COFFER_ASSIGN(const FileInfo info, Disk::posix().info(place.at));
  // Places are directories.
  if (!info.is_directory) place = {std::string(parent_of(place.path)), std::string(parent_of(place.at))};
  return open_coffer(arguments, {.may_be_away = true, .stores = {std::move(place)}});
}

Result<std::shared_ptr<Coffer>> open_coffer(const Arguments& arguments, Coffer::OpenOptions options) {
  options.open_anchor = open_anchor;
  options.open_keyring_store = open_keyring_store;
  options.root_uri = arguments.value("--root", "");
  if (const std::string* keyring = arguments.find("--keyring")) options.keyring = absolute_path(*keyring);
  if (arguments.has("--root") && options.root_uri.empty()) {
    return {Code::kInvalidArgument, "--root: expected a URI, such as file:///etc/coffer/root.key"};
  }
  auto coffer = Coffer::open(Disk::posix(), absolute_path(arguments.operand("COFFER")), options, open_provider);
  if (!coffer.is_ok()) return naming_root_flag(coffer.status());
  const KeyringCondition condition = (*coffer)->live_keyring().condition();
  if (condition.copied != 0) {
    Console(arguments.has("--json"))
        .note("OPENED BY THIS NODE'S COPY of the keyring, of " + utc_text(condition.copied) + ": etcd does not answer");
  }
  if (condition.opened_locally) {
    Console(arguments.has("--json"))
        .note("OPENED BY THE LOCAL UNLOCK of this machine: the root key does not answer since " +
              utc_text(condition.root_key_answered) + ": " + condition.root_key.to_string());
  }
  return coffer;
}

Result<ProviderConfig> read_provider_config(const std::string& file_or_coffer) {
  std::string path = absolute_path(file_or_coffer);
  COFFER_ASSIGN(const FileInfo info, Disk::posix().info(path));
  if (info.is_directory) path += "/coffer.yaml";
  // It chooses hosts, modules and commands.
  COFFER_TRY(check_only_owner_changes(Disk::posix(), path).with_context("the configuration is not believed"));
  COFFER_ASSIGN(Config config, read_config(Disk::posix(), path));
  COFFER_TRY(apply_crypto(config));
  return std::move(config.providers);
}

Result<ProviderConfig> named_provider_config(const Arguments& arguments) {
  if (const std::string* given = arguments.find("--config")) return read_provider_config(*given);
  const char* coffer = std::getenv("COFFER");
  if (coffer == nullptr || *coffer == '\0') return ProviderConfig{};
  return read_provider_config(coffer);
}

std::string in_group_text(const Keyring& keyring, const Domain& domain) {
  const KeyGroup* group = keyring.group_of(domain);
  return group != nullptr ? ", group " + group->name : "";
}

std::string group_roots_text(const KeyGroup& group, const ProviderConfig& config) {
  std::string out;
  for (const KeyringSlot& slot : group.slots) {
    out += (out.empty() ? "" : ", ") + slot.root + ": " + printable(uri_of_root(slot.root, config));
  }
  return out;
}

}  // namespace coffer::cli
