// coffer init: a new coffer, locked by a root key.
#include <fmt/format.h>

#include <bit>
#include <charconv>

#include "coffer/base/advice.h"
#include "coffer/base/path.h"
#include "coffer/cli/commands.h"
#include "coffer/cli/console.h"
#include "coffer/cli/opening.h"
#include "coffer/cli/text.h"
#include "coffer/providers/registry.h"

namespace coffer::cli {
namespace {

constexpr const char* kConfigFlags[] = {"--cipher",    "--ctr-cipher", "--chunk-size", "--data-files",
                                        "--log-files", "--reads",      "--anchor",     "--keyring-store"};

std::vector<std::string_view> names_of(std::span<const Kind> kinds) {
  std::vector<std::string_view> out;
  for (Kind kind : kinds) out.push_back(kind_name(kind));
  return out;
}

// The declaration of the flags has checked the values: each is one of its choices.
Result<Config> config_from(const Arguments& arguments) {
  Config config;
  if (const std::string* name = arguments.find("--cipher")) config.suite = find_suite(*name)->suite;
  if (const std::string* name = arguments.find("--ctr-cipher")) config.ctr_suite = find_suite(*name)->suite;
  if (const std::string* text = arguments.find("--chunk-size")) {
    uint32_t size = 0;
    std::from_chars(text->data(), text->data() + text->size(), size);
    config.chunk_log2 = std::countr_zero(size);
  }
  if (const std::string* name = arguments.find("--data-files")) config.data_kind = *find_kind(kDataKinds, *name);
  if (const std::string* name = arguments.find("--log-files")) config.log_kind = *find_kind(kLogKinds, *name);
  if (const std::string* mode = arguments.find("--reads")) {
    config.read_mode = *mode == "mapping" ? ReadMode::kMapping : *mode == "pread" ? ReadMode::kPread : ReadMode::kAuto;
  }
  if (const std::string* place = arguments.find("--anchor")) {
    config.anchor = place->starts_with("tpm:") || place->starts_with("etcd:") ? *place : absolute_path(*place);
  }
  if (const std::string* store = arguments.find("--keyring-store")) {
    COFFER_ASSIGN(config.keyring_store, parse_provider_uri(*store));
  }
  return config;
}

// From --template, whose text is taken over as it is, or from the flags; not from both.
Status take_config(const Arguments& arguments, Coffer::CreateOptions& options) {
  const std::string* file = arguments.find("--template");
  if (file == nullptr) {
    COFFER_ASSIGN(options.config, config_from(arguments));
    return Status::ok();
  }
  for (const char* flag : kConfigFlags) {
    if (arguments.has(flag)) {
      return {Code::kInvalidArgument, fmt::format("init: {} says what --template says already; write it there", flag)};
    }
  }
  COFFER_ASSIGN(const Bytes text, read_file(Disk::posix(), *file, kConfigSizeMax));
  COFFER_ASSIGN(options.config, parse_config(as_text(text), *file));
  options.config_text = as_text(text);
  return Status::ok();
}

Result<Outcome> run_init(const Arguments& arguments, Console& console) {
  const std::string place = absolute_path(arguments.operand("COFFER"));
  if (arguments.has("--config") && !arguments.has("--keyring")) {
    return {Code::kInvalidArgument, "init: --config FILE needs --keyring DIR: where the keyring is to be"};
  }
  const std::string* root = arguments.find("--root");
  if (root == nullptr || root->empty()) {
    return {Code::kInvalidArgument,
            "init: --root URI is needed, such as file:///etc/coffer/root.key; coffer keygen makes a key file"};
  }
  Coffer::CreateOptions options;
  options.root_uri = *root;
  if (const std::string* keyring = arguments.find("--keyring")) options.keyring = absolute_path(*keyring);
  COFFER_TRY(take_config(arguments, options));
  options.open_anchor = open_anchor;
  options.open_keyring_store = open_keyring_store;
  const bool keeps_keyring = arguments.has("--keep-keyring");
  const Status made = keeps_keyring ? Coffer::restore_config(Disk::posix(), place, options, open_provider)
                                    : Coffer::create(Disk::posix(), place, options, open_provider);
  COFFER_TRY(naming_root_flag(made));
  COFFER_ASSIGN(auto coffer,
                Coffer::open(Disk::posix(), place,
                             {.open_anchor = open_anchor, .open_keyring_store = open_keyring_store}, open_provider));
  const KeyringHeader header = *coffer->live_keyring().header();
  const KeyringSlot& slot = header.slots.front();
  const ProviderConfig config = provider_config_of(*coffer);
  console.answer(Json{{"coffer", coffer->directory()},
                      {"config", coffer->config_path()},
                      {"id", header.coffer_id.hex()},
                      {"root", slot_json(slot, config)}},
                 fmt::format("{} {}\n  root key  {}: {}\n            {}\n",
                             keeps_keyring ? "wrote a configuration for the keyring in" : "made the coffer",
                             keeps_keyring ? coffer->directory() : place, slot.root,
                             printable(uri_of_root(slot.root, config)), printable(describe_root_key(slot, config))));
  console.note(keeps_keyring
                   ? "what the lost configuration said besides (domains, stores, anchor, ciphers) is not in it: "
                     "look at " +
                         printable(coffer->config_path())
                   : "keep a copy of the root key in another place: without it every file is lost");
  return Outcome::kDone;
}

}  // namespace

Command init_command() {
  return {
      .name = "init",
      .about = "makes a coffer: a directory with a keyring, locked by a root key",
      .operands = {coffer_operand()},
      .flags =
          {
              {"--root", "URI", "where the root key is, or its name in the template (needed)"},
              {"--template", "FILE", "a coffer.yaml to begin with, instead of the flags below"},
              {"--cipher", "NAME", "for new files", {"aes-128-gcm", "aes-192-gcm", "aes-256-gcm", "chacha20-poly1305"}},
              {"--ctr-cipher", "NAME", "for new files of kind ctr", {"aes-128-ctr", "aes-192-ctr", "aes-256-ctr"}},
              {"--chunk-size",
               "BYTES",
               "of data files, authenticated together",
               {"1024", "2048", "4096", "8192", "16384", "32768", "65536", "131072", "262144", "524288", "1048576"}},
              {"--data-files", "KIND", "how SST and blob files are written", names_of(kDataKinds)},
              {"--log-files", "KIND", "how all other files are written", names_of(kLogKinds)},
              {"--reads", "HOW", "how data files are read", {"auto", "pread", "mapping"}},
              {"--keep-keyring", "", "the keyring is there and its configuration is lost: writes that one anew"},
              {"--keyring-store", "URI", "keeps the keyring in etcd://HOST[,HOST]/PREFIX?OPTIONS, not in a file"},
              {"--anchor", "PATH", "remembers the newest keyring, to notice rollbacks: a file, tpm: or etcd:"},
          },
      .examples = {"init /var/lib/db.coffer --root file:///etc/coffer/root.key",
                   "init /var/lib/db.coffer --root file:///etc/coffer/root.key --cipher chacha20-poly1305",
                   "init /var/lib/db.coffer --root provider:keys/root --template prepared.yaml",
                   "init --config /etc/coffer/db.yaml --keyring /var/lib/db.coffer --root file:///etc/coffer/root.key",
                   "init /var/lib/db.coffer --root file:///etc/coffer/root.key --keep-keyring"},
      .run = run_init,
  };
}

}  // namespace coffer::cli
