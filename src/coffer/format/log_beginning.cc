#include <string>

#include "coffer/format/log_wire.h"

namespace coffer {

Result<Sha256> earlier_body_of(ByteView beginning) {
  if (beginning.size() < kLogSessionHeaderSize || is_all_zero(beginning.first(kLogSessionHeaderSize))) return Sha256{};
  return sha256(beginning.first(kLogSessionHeaderSize));
}

Status check_log_beginning(const LogParams& params, ByteView beginning) {
  // Not there yet, never written, or what the disk held there before: a crash may have left that.
  if (beginning.size() < kLogSessionHeaderSize || load_le32(beginning.data()) != log_wire::kSessionMagic) {
    return Status::ok();
  }
  COFFER_ASSIGN(const Sha256 found, earlier_body_of(beginning));
  if (found == params.earlier_body) return Status::ok();
  return {Code::kDamaged,
          "the log does not begin with a session of this file: its header belongs to another file, or "
          "its first bytes are damaged; restore the file from a backup or a replica"};
}

}  // namespace coffer
