// The backups of a coffer, as its keyring has them: docs/format.md, section 7, "backups". So a shredding knows which
// copies it has to reach, and an older backup under a newer one's name is found out.
#pragma once

#include <string>
#include <vector>

#include "coffer/base/codec.h"
#include "coffer/crypto/kdf.h"

namespace coffer {

inline constexpr size_t kBackupCountMax = 4096;
inline constexpr size_t kBackupTargetSizeMax = 255;

// The byte that it begins with in the body.
inline constexpr uint8_t kBackupListMark = 'B';

// In this order only.
enum class BackupState : uint8_t { kBeingMade = 1, kWhole = 2, kBeingForgotten = 3 };
std::string_view backup_state_name(BackupState state);  // "being made", "whole", "being forgotten"

struct ListedBackup {
  Id id;
  std::string target;  // NamedBackupTarget::name: 1 to 255 bytes, no control characters
  uint64_t begun = 0;  // Unix seconds
  BackupState state = BackupState::kBeingMade;
  Sha256 index{};  // of its index, envelope and all; zeros until it is whole

  bool operator==(const ListedBackup&) const = default;
};

// A part of a keyring's body, left out where it is empty. kTampered, naming the rule that is broken.
size_t backup_list_size(const std::vector<ListedBackup>& list);
void write_backup_list(const std::vector<ListedBackup>& list, Writer& writer);
Result<std::vector<ListedBackup>> read_backup_list(Reader& reader);

}  // namespace coffer
