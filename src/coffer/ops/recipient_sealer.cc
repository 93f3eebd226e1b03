#include "coffer/ops/recipient_sealer.h"

#include <algorithm>

#include "coffer/base/base64.h"
#include "coffer/base/text.h"
#include "coffer/store/new_root.h"

namespace coffer {
namespace {

// The sender that a URI of a recipient names: the public half of who seals for it.
Result<Bytes> sender_of(const RootKeyProvider& provider) {
  COFFER_ASSIGN(const ProviderUri uri, parse_provider_uri(provider.uri()));
  const auto found = std::ranges::find_if(uri.options, [](const auto& option) { return option.first == "from"; });
  if (found == uri.options.end()) return Bytes();
  COFFER_ASSIGN(const SecretBytes sender, decode_base64(as_bytes(found->second), Base64Alphabet::kUrl));
  return Bytes(sender.reveal().begin(), sender.reveal().end());
}

// What people see of it later on, who may have nothing but the target.
std::string shown_of(const RootKeyProvider& provider, const KeyringSlot& slot) {
  const bool by_pair = slot.wrapped.algorithm == kWrapAlgorithmRecipient;
  return excerpt(by_pair ? provider.describe() : provider.describe(slot.handle), kRecipientShownSizeMax - 8);
}

}  // namespace

Result<SealedRecipient> RecipientSealer::seal(const std::string& root, const std::set<std::string>& taken) const {
  if (config_.roots.contains(root)) return seal_configured(root);
  if (root.find_first_of(":/") != std::string::npos) return seal_uri(root, taken);
  return {Code::kInvalidArgument, "no root \"" + printable(root) + "\" is configured in " + config_.name +
                                      "; give the root key's URI (a file's path: ./" + printable(root) + ")"};
}

Result<SealedRecipient> RecipientSealer::seal_configured(const std::string& name) const {
  const RootSetting& setting = config_.roots.at(name);
  if (!setting.key_group.empty()) {
    return {Code::kInvalidArgument, "root " + name + " is that of key group \"" + setting.key_group +
                                        "\", and a recipient opens the whole backup; name another root"};
  }
  ConfiguredRoot root{name, nullptr, setting.fingerprint, {}};
  COFFER_ASSIGN(root.provider, opener_(setting.uri, config_));
  // Where it is known by a pair of keys, only who has the keyring's slot of it can seal for it.
  auto slot = coffer_.live_keyring().slot_for(name, backup_, key_);
  if (slot.code() == Code::kNotFound) slot = make_slot(root, backup_, key_);
  return file_of(*root.provider, std::move(slot));
}

Result<SealedRecipient> RecipientSealer::seal_uri(const std::string& uri, const std::set<std::string>& taken) const {
  COFFER_ASSIGN(NewRoot root, new_root(uri, config_, opener_));
  for (const auto& [known, setting] : config_.roots) {
    if (setting == root.setting) return seal_configured(known);
  }
  for (int number = 1; taken.contains(root.opened.name) || config_.roots.contains(root.opened.name); ++number) {
    root.opened.name = "root-" + std::to_string(number);
  }
  return file_of(*root.opened.provider, make_slot(root.opened, backup_, key_));
}

Result<SealedRecipient> RecipientSealer::file_of(const RootKeyProvider& provider, Result<KeyringSlot> slot) const {
  if (!slot.is_ok()) return slot.status();
  RecipientFile file{backup_, std::move(*slot), {}, {}};
  file.shown = shown_of(provider, file.slot);
  if (file.slot.wrapped.algorithm == kWrapAlgorithmRecipient) {
    COFFER_ASSIGN(file.sender, sender_of(provider));
  }
  COFFER_ASSIGN(Bytes bytes, write_recipient_file(file, key_));
  return SealedRecipient{file.slot.root, file.slot.handle, std::move(bytes)};
}

}  // namespace coffer
