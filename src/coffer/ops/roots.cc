#include "coffer/ops/roots.h"

#include <algorithm>

#include "coffer/config/config_edit.h"
#include "coffer/crypto/random.h"
#include "coffer/keys/keyring_body.h"
#include "coffer/store/new_root.h"

namespace coffer {
namespace {

std::vector<std::string> roots_of_slots(const Coffer& coffer) {
  std::vector<std::string> out;
  for (const KeyringSlot& slot : coffer.live_keyring().header()->slots) out.push_back(slot.root);
  return out;
}

bool looks_like_uri(const std::string& text) { return text.find_first_of(":/") != std::string::npos; }

}  // namespace

Result<std::string> add_root(Coffer& coffer, const std::string& name, const std::string& uri, ProviderOpener opener) {
  if (!name.empty() && !valid_root_name(name)) {
    return {Code::kInvalidArgument, "root \"" + name +
                                        "\": a name has 1 to 64 letters, digits, dots, underscores or "
                                        "dashes"};
  }
  COFFER_ASSIGN(const ProviderConfig config, coffer.provider_config());
  COFFER_ASSIGN(NewRoot root, new_root(uri, config, opener));
  for (const auto& [known, setting] : config.roots) {
    if (setting == root.setting && (name.empty() || name == known)) return known;
  }
  // That it wraps shows before anything relies on it.
  COFFER_ASSIGN(const KeyringKey sample, random_key<KeyringRole>(kKeyringKeySize));
  COFFER_TRY(make_slot(root.opened, coffer.keyring()->coffer_id(), sample).status());
  const std::string& taken = name.empty() ? root.opened.name : name;
  COFFER_TRY(coffer.edit_config(
      [&](std::string_view yaml) { return with_root(yaml, taken, root.setting, coffer.config_path()); }));
  return taken;
}

Status remove_root(Coffer& coffer, const std::string& name) {
  return coffer.edit_config([&](std::string_view yaml) -> Result<std::string> {
    // Now: a rotation to it keeps the configuration from being edited.
    COFFER_TRY(coffer.live_keyring().refresh());
    const std::vector<std::string> needed = roots_of_slots(coffer);
    if (std::ranges::find(needed, name) != needed.end()) {
      return {Code::kBusy, "root " + name + " locks the keyring of " + coffer.directory() +
                               "; go over to another one first: coffer rotate root --to NAME"};
    }
    return without_root(yaml, name, coffer.config_path());
  });
}

Result<RootRotation> rotate_root(Coffer& coffer, const std::string& to, ProviderOpener opener) {
  COFFER_TRY(coffer.at_home());
  COFFER_ASSIGN(const ProviderConfig config, coffer.provider_config());
  const std::vector<std::string> before = roots_of_slots(coffer);
  RootRotation out{to.empty() ? before.front() : to, {}};
  const bool is_new = !to.empty() && !config.roots.contains(to);
  if (is_new && !looks_like_uri(to)) {
    return {Code::kInvalidArgument, "no root \"" + to + "\" is configured in " + config.name +
                                        "; add it with coffer root add, or give a URI (a file's path: ./" + to + ")"};
  }
  if (is_new) {
    COFFER_ASSIGN(out.root, add_root(coffer, "", to, opener));
  }
  COFFER_TRY(
      coffer.with_config_unedited([&] { return coffer.live_keyring().rotate_root(to.empty() ? "" : out.root); }));
  if (!is_new) return out;
  for (const std::string& old : before) {
    if (old == out.root) continue;
    const Status removed = remove_root(coffer, old);
    // Somebody was faster.
    if (removed.code() == Code::kNotFound) continue;
    COFFER_TRY(removed.with_context("the keyring has gone over to root " + out.root));
    out.removed.push_back(old);
  }
  return out;
}

}  // namespace coffer
