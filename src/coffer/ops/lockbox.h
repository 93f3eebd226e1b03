// The lockbox of a backup: its key, sealed to each recipient in a small file of its own, so that recipients come and
// go without a look at what the backup holds. docs/backup-targets.md, "Recipients"; docs/format.md, section 26,
// "Recipient".
#pragma once

#include "coffer/keys/recipient_file.h"
#include "coffer/ops/backup_names.h"
#include "coffer/ops/backup_target.h"

namespace coffer {

// Fewer would be a backup that the loss of one key makes worthless.
inline constexpr size_t kRecipientCountMin = 2;

struct BackupRecipient {
  std::string name;   // of a root, as where it was added: "safe"
  std::string shown;  // what its provider calls it: "passphrase of recipient 0a0b0c0d". Not authenticated.
};

std::string backup_recipient_name(const Id& backup, const std::string& recipient);  // "backups/ID/recipient-NAME"

// Seals the key to each of `roots`: a name in coffer.yaml, or a URI; empty: every root that has a slot in the keyring.
// kInvalidArgument for fewer than two, for the same root twice and for one of a key group. Nothing is there if one of
// them fails to seal; where the target fails, some files may be.
Status seal_lockbox(Coffer& coffer, ProviderOpener opener, BackupTarget& target, const Id& backup,
                    const KeyringKey& backup_key, const std::vector<std::string>& roots);

// `by`: the name of a root in coffer.yaml, with ?OPTIONS behind it or not, or a URI; it may ask for something at the
// terminal. Empty: every root of the configuration that opens by itself. Of the files at the target, only their names
// and what the root itself proves is believed; whether the key is the backup's, the index says. kNotFound: there are no
// recipients; kWrongKey: none of them is that root, or another key was wrapped; kForeign: a recipient of another backup
// was put in place; kTampered; kProviderUnavailable and kKeyUnavailable, naming the root. With several, the first error
// that is none of kWrongKey.
Result<KeyringKey> open_lockbox(Coffer& coffer, ProviderOpener opener, BackupTarget& target, const Id& backup,
                                const std::string& by);

// In the order of their names. kTampered for a file that is none.
Result<std::vector<BackupRecipient>> recipients_of(BackupTarget& target, const Id& backup);

// Writes one file of at most kRecipientFileSizeMax bytes; returns the recipient's name. `by` as open_lockbox(), whose
// key has to be that of the backup's index. The audit log says so before, and it is not done where that cannot be
// written. kAlreadyExists: it is one.
Result<std::string> add_recipient(Coffer& coffer, ProviderOpener opener, BackupTarget& target, const Id& backup,
                                  const std::string& root, const std::string& by);
// Removes one file. Whoever opened the backup before has its key still. The audit log has it as above. kNotFound;
// kBusy: it would leave fewer than two.
Status remove_recipient(Coffer& coffer, BackupTarget& target, const Id& backup, const std::string& name);

}  // namespace coffer
