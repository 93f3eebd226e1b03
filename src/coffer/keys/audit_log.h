// The audit log: a line for each save of the keyring, in a keyed hash chain whose head the keyring holds. Who opens the
// keyring can write on, and nobody else; what is edited, moved, made anew or cut off is found. docs/format.md, section
// 11; docs/keys.md, "Audit".
//
// The line is durable before the keyring is saved. A crash between the two leaves a line of something that did not
// happen: the next one then follows the same line as it does, and tells it apart.
#pragma once

#include "coffer/keys/audit_changes.h"

namespace coffer {

inline constexpr size_t kAuditRecordSizeMax = size_t{8} << 20;
inline constexpr size_t kAuditLogSizeMax = size_t{1} << 30;

// A line, with its end.
struct AuditRecord {
  AuditHead head;       // its number and MAC
  Sha256 previous{};    // the MAC of the one it follows
  uint64_t before = 0;  // versions of the keyring; 0: there was none
  uint64_t after = 0;
  std::string text;
  std::optional<AuditHead> archived = {};  // the last of those that were archived, and taken out of the log since
};

// Of a save that is about to be made: `after` has its version already. `note` is what cannot be seen of the keyring.
// Says who this process is.
Result<AuditRecord> make_audit_record(const KeyringContents* before, const KeyringContents& after,
                                      std::string_view note, uint64_t now,
                                      const std::optional<AuditHead>& archived = {});

// A line of the log and what is to be said of it.
struct AuditRemark {
  size_t line = 0;  // from 1; 0: of the log as a whole
  std::string what;
};
struct AuditTrail {
  std::vector<AuditRecord> records;  // those that are authentic, as they stand there
  std::vector<AuditRemark> wrong;    // what nobody with the key wrote, or what is not there any more
  std::vector<AuditRemark> notes;    // what a crash may have left
};
// What the log says by the key of `keyring`, and whether it ends where that says. `keyring` is as new as the log, or
// newer. It may begin behind what one of its records says was archived. Fails only if the key cannot be used.
Result<AuditTrail> read_audit_log(ByteView log, const Keyring& keyring);
// Without what a crash left of the last line.
ByteView whole_audit_lines(ByteView log);

}  // namespace coffer
