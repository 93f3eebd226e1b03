#include "coffer/ops/backup_names.h"

#include <algorithm>

namespace coffer {

std::string backup_directory(const Id& backup) { return "backups/" + backup.hex() + "/"; }

std::string backup_index_name(const Id& backup) { return backup_directory(backup) + "index"; }

std::string backup_part_name(const Id& backup, const Id& part) {
  return backup_directory(backup) + "part-" + part.hex();
}

std::string backup_note_name(const Id& backup, const Id& part) { return backup_part_name(backup, part) + ".shredded"; }

std::string backup_object_name(const Sha256& digest) {
  const std::string hex = to_hex(digest);
  return "objects/" + hex.substr(0, 2) + "/" + hex.substr(2);
}

Result<Id> backup_part_id(const Keyring& keyring, const Id& backup, std::string_view domain) {
  std::string message(as_text(backup.view()));
  message += domain;
  COFFER_ASSIGN(const Sha256 mac, keyring.authenticate("coffer/v1 backup part", message));
  Id out;
  std::ranges::copy(ByteView(mac).first(out.bytes.size()), out.bytes.begin());
  return out;
}

}  // namespace coffer
