#include "coffer/keys/succession.h"

namespace coffer {

Status check_succession(const KeyringIdentity& in_use, const KeyringIdentity& found) {
  if (found.coffer_id != in_use.coffer_id) {
    return {Code::kTampered, "it now belongs to coffer " + found.coffer_id.short_hex() + ", it was " +
                                 in_use.coffer_id.short_hex() + "; restore the right one"};
  }
  if (found.mark.version < in_use.mark.version) {
    return {Code::kRolledBack, "it went back from version " + std::to_string(in_use.mark.version) + " to " +
                                   std::to_string(found.mark.version) + "; restore the newer one"};
  }
  if (found.mark.version == in_use.mark.version && found.mark.hash != in_use.mark.hash) {
    return {Code::kTampered, "it was replaced by another version " + std::to_string(found.mark.version)};
  }
  return Status::ok();
}

bool is_sign_of_attack(const Status& status) {
  return status.code() == Code::kRolledBack || status.code() == Code::kTampered;
}

}  // namespace coffer
