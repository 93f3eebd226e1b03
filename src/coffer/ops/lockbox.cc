#include "coffer/ops/lockbox.h"

#include <algorithm>
#include <set>

#include "coffer/base/base64.h"
#include "coffer/base/text.h"
#include "coffer/keys/keyring_body.h"
#include "coffer/ops/recipient_sealer.h"

namespace coffer {
namespace {

constexpr std::string_view kRecipientPrefix = "recipient-";
constexpr std::string_view kPairScheme = "recipient", kSenderOption = "from";

std::string name_of(const Id& backup) { return "backup " + backup.hex(); }

Status put_recipient(BackupTarget& target, const Id& backup, const SealedRecipient& sealed) {
  return target.put_small(backup_recipient_name(backup, sealed.name), sealed.file);
}

Result<std::vector<std::string>> recipient_names(BackupTarget& target, const Id& backup) {
  const std::string prefix = backup_directory(backup);
  COFFER_ASSIGN(const std::vector<std::string> files, target.list(prefix));
  std::vector<std::string> out;
  for (const std::string& file : files) {
    const std::string_view name = std::string_view(file).substr(prefix.size());
    if (!name.starts_with(kRecipientPrefix)) continue;
    if (valid_root_name(name.substr(kRecipientPrefix.size()))) out.emplace_back(name.substr(kRecipientPrefix.size()));
  }
  return out;
}

struct StoredRecipient {
  Bytes bytes;
  RecipientFile file;
};

Result<StoredRecipient> read_recipient(BackupTarget& target, const Id& backup, const std::string& name) {
  const std::string path = backup_recipient_name(backup, name);
  COFFER_ASSIGN(Bytes bytes, target.get_small(path, kRecipientFileSizeMax));
  auto file = read_recipient_file(bytes);
  if (!file.is_ok()) return file.status().with_context(target.describe() + ": " + path);
  if (file->backup != backup) {
    return {Code::kForeign, target.describe() + ": " + path + " is of " + name_of(file->backup)};
  }
  if (file->slot.root != name) {
    return {Code::kTampered, target.describe() + ": " + path + " calls itself recipient " + file->slot.root};
  }
  return StoredRecipient{std::move(bytes), std::move(*file)};
}

// One root that may open a lockbox, and how.
class LockboxKey {
 public:
  static Result<LockboxKey> of(const std::string& by, const Config& config, ProviderOpener opener) {
    COFFER_ASSIGN(const auto named, named_root(by, config.providers));
    LockboxKey out(opener, config.providers);
    if (named.has_value()) {
      const RootSetting& setting = config.providers.roots.at(named->name);
      out.uri_ = named->uri;
      out.fingerprint_ = setting.fingerprint;
    } else {
      COFFER_ASSIGN(out.uri_, parse_provider_uri(by));
    }
    return out;
  }

  Result<bool> opens_by_itself() const {
    COFFER_ASSIGN(const auto provider, opener_(uri_, config_));
    return provider->opens_by_itself();
  }

  // kWrongKey also for what is another root's.
  Result<KeyringKey> open(const StoredRecipient& recipient) const {
    const KeyringSlot& slot = recipient.file.slot;
    ProviderUri uri = uri_;
    const bool is_pair = slot.wrapped.algorithm == kWrapAlgorithmRecipient;
    const bool names_sender =
        std::ranges::any_of(uri.options, [](const auto& each) { return each.first == kSenderOption; });
    // Who sealed it needs no proof here: the backup's index, which the coffer signed, tells the right key.
    if (is_pair && uri.scheme == kPairScheme && !names_sender) {
      uri.options.emplace_back(kSenderOption, base64url_text(recipient.file.sender));
    }
    COFFER_ASSIGN(const auto provider, opener_(uri, config_));
    if (!fingerprint_.empty() && provider->fingerprint(slot.handle) != fingerprint_) {
      return {Code::kWrongKey, provider->describe() + " is pinned to another key than " +
                                   provider->describe(slot.handle) + ", which recipient " + slot.root + " is"};
    }
    COFFER_ASSIGN(KeyringKey key, provider->unwrap(slot.handle, {recipient.file.backup, slot.id}, slot.wrapped));
    COFFER_TRY(check_recipient_file(recipient.bytes, key));
    return key;
  }

 private:
  LockboxKey(ProviderOpener opener, const ProviderConfig& config) : opener_(opener), config_(config) {}

  ProviderOpener opener_;
  const ProviderConfig& config_;
  ProviderUri uri_;
  std::string fingerprint_;
};

// The first failure that is more than another root's file.
class Failures {
 public:
  void add(const Status& status) {
    if (first_.is_ok() || (first_.code() == Code::kWrongKey && status.code() != Code::kWrongKey)) first_ = status;
  }
  const Status& first() const { return first_; }

 private:
  Status first_;
};

Status none_opens(const std::vector<std::string>& names, const Id& backup, const Status& first) {
  std::string list;
  for (const std::string& name : names) list += (list.empty() ? "" : ", ") + name;
  if (first.is_ok()) {
    return {Code::kKeyUnavailable, "none of the recipients of " + name_of(backup) + " (" + list +
                                       ") is a root of coffer.yaml that opens by itself; name one, or its URI: "
                                       "--open-with ROOT"};
  }
  return first.with_context("no recipient of " + name_of(backup) + " (" + list + ") opens");
}

Result<KeyringKey> open_by(BackupTarget& target, const Id& backup, const std::vector<std::string>& names,
                           const LockboxKey& key, Failures& failures) {
  for (const std::string& name : names) {
    const auto recipient = read_recipient(target, backup, name);
    auto opened = recipient.is_ok() ? key.open(*recipient) : recipient.status();
    if (opened.is_ok()) return opened;
    failures.add(opened.status().with_context("recipient " + name));
  }
  return failures.first();
}

Result<KeyringKey> open_by_itself(const Config& config, ProviderOpener opener, BackupTarget& target, const Id& backup,
                                  const std::vector<std::string>& names) {
  Failures failures;
  for (const std::string& name : names) {
    const auto setting = config.providers.roots.find(name);
    if (setting == config.providers.roots.end() || !setting->second.key_group.empty()) continue;
    COFFER_ASSIGN(const LockboxKey key, LockboxKey::of(name, config, opener));
    const auto by_itself = key.opens_by_itself();
    if (!by_itself.is_ok()) failures.add(by_itself.status().with_context("recipient " + name));
    if (!by_itself.is_ok() || !*by_itself) continue;
    auto opened = open_by(target, backup, {name}, key, failures);
    if (opened.is_ok()) return opened;
  }
  return none_opens(names, backup, failures.first());
}

// A line of the audit log, before it is done: of recipients the keyring knows nothing, so this is saved as a note.
Status note_recipient(Coffer& coffer, const Id& backup, const std::string& what) {
  return coffer.live_keyring().update([](Keyring&) { return Status::ok(); }, name_of(backup) + ": " + what);
}

// kWrongKey or others unless `key` is that of the index that this coffer made.
Status check_is_of_index(Coffer& coffer, BackupTarget& target, const Id& backup, const KeyringKey& key) {
  const std::string name = backup_index_name(backup);
  COFFER_ASSIGN(const Bytes bytes, target.get_small(name, kBackupFileSizeMax));
  const auto check = [&]() -> Status {
    COFFER_ASSIGN(const BackupIndex index, read_backup_index(bytes));
    COFFER_ASSIGN(const Signed ours, coffer.keyring()->sign({}));
    if (index.signer != ours.public_key) return {Code::kPermissionDenied, "another coffer has signed it"};
    if (index.id != backup) return {Code::kTampered, "it is of " + name_of(index.id)};
    return check_backup_key(bytes, key);
  };
  return check().with_context(target.describe() + ": " + name);
}

}  // namespace

std::string backup_recipient_name(const Id& backup, const std::string& recipient) {
  return backup_directory(backup) + std::string(kRecipientPrefix) + recipient;
}

Status seal_lockbox(Coffer& coffer, ProviderOpener opener, BackupTarget& target, const Id& backup,
                    const KeyringKey& backup_key, const std::vector<std::string>& roots) {
  std::vector<std::string> wanted = roots;
  if (roots.empty()) {
    const auto header = coffer.live_keyring().header();
    for (const KeyringSlot& slot : header->slots) wanted.push_back(slot.root);
  }
  if (wanted.size() < kRecipientCountMin) {
    return {Code::kInvalidArgument, "a backup has at least two recipients, and there is one; name more: --recipient "
                                    "ROOT or URI, or give the coffer another slot: coffer slot add"};
  }
  COFFER_ASSIGN(ProviderConfig config, coffer.provider_config());
  const RecipientSealer sealer(coffer, opener, backup, backup_key, std::move(config));
  std::vector<SealedRecipient> sealed;
  std::set<std::string> names;
  for (const std::string& root : wanted) {
    auto next = sealer.seal(root, names);
    if (!next.is_ok()) return next.status().with_context("recipient " + printable(root));
    const bool again =
        std::ranges::any_of(sealed, [&](const SealedRecipient& each) { return each.handle == next->handle; });
    if (again || !names.insert(next->name).second) {
      return {Code::kInvalidArgument, "recipient " + printable(root) + " is named twice"};
    }
    sealed.push_back(std::move(*next));
  }
  for (const SealedRecipient& each : sealed) COFFER_TRY(put_recipient(target, backup, each));
  return Status::ok();
}

Result<KeyringKey> open_lockbox(Coffer& coffer, ProviderOpener opener, BackupTarget& target, const Id& backup,
                                const std::string& by) {
  COFFER_ASSIGN(std::vector<std::string> names, recipient_names(target, backup));
  if (names.empty()) return {Code::kNotFound, target.describe() + " has no recipients of " + name_of(backup)};
  COFFER_ASSIGN(const Config config, coffer.present_config());
  if (by.empty()) return open_by_itself(config, opener, target, backup, names);
  COFFER_ASSIGN(const LockboxKey key, LockboxKey::of(by, config, opener));
  // That of the same name first: the others need not be asked then.
  const std::string name = by.substr(0, by.find('?'));
  std::stable_partition(names.begin(), names.end(), [&](const std::string& each) { return each == name; });
  Failures failures;
  auto opened = open_by(target, backup, names, key, failures);
  return opened.is_ok() ? std::move(opened) : none_opens(names, backup, opened.status());
}

Result<std::vector<BackupRecipient>> recipients_of(BackupTarget& target, const Id& backup) {
  COFFER_ASSIGN(const std::vector<std::string> names, recipient_names(target, backup));
  std::vector<BackupRecipient> out;
  for (const std::string& name : names) {
    COFFER_ASSIGN(StoredRecipient recipient, read_recipient(target, backup, name));
    out.push_back({name, std::move(recipient.file.shown)});
  }
  return out;
}

Result<std::string> add_recipient(Coffer& coffer, ProviderOpener opener, BackupTarget& target, const Id& backup,
                                  const std::string& root, const std::string& by) {
  COFFER_TRY(coffer.at_home());
  COFFER_ASSIGN(const std::vector<std::string> names, recipient_names(target, backup));
  COFFER_ASSIGN(const KeyringKey key, open_lockbox(coffer, opener, target, backup, by));
  COFFER_TRY(check_is_of_index(coffer, target, backup, key));
  COFFER_ASSIGN(ProviderConfig config, coffer.provider_config());
  const std::set<std::string> taken(names.begin(), names.end());
  const RecipientSealer sealer(coffer, opener, backup, key, std::move(config));
  COFFER_ASSIGN(const SealedRecipient sealed, sealer.seal(root, taken));
  for (const std::string& name : names) {
    const auto other = read_recipient(target, backup, name);
    const bool same = name == sealed.name || (other.is_ok() && other->file.slot.handle == sealed.handle);
    if (!same) continue;
    return {Code::kAlreadyExists, "it is a recipient of " + name_of(backup) + " already, under the name " + name};
  }
  COFFER_ASSIGN(const RecipientFile file, read_recipient_file(sealed.file));
  COFFER_TRY(note_recipient(coffer, backup, "recipient " + sealed.name + " is added: " + file.shown));
  COFFER_TRY(put_recipient(target, backup, sealed));
  return sealed.name;
}

Status remove_recipient(Coffer& coffer, BackupTarget& target, const Id& backup, const std::string& name) {
  COFFER_ASSIGN(const std::vector<std::string> names, recipient_names(target, backup));
  if (std::ranges::find(names, name) == names.end()) {
    return {Code::kNotFound, name_of(backup) + " has no recipient \"" + printable(name) + "\" at " + target.describe()};
  }
  if (names.size() <= kRecipientCountMin) {
    return {Code::kBusy, name_of(backup) + " has two recipients, which is as few as there may be; add another one "
                                           "first"};
  }
  COFFER_TRY(note_recipient(coffer, backup, "recipient " + name + " is removed"));
  return target.remove(backup_recipient_name(backup, name));
}

}  // namespace coffer
