#include "coffer/keys/succession.h"

namespace coffer {

Status check_succession(const KeyringIdentity& in_use, const KeyringIdentity& found) {
  if (found.coffer_id != in_use.coffer_id) {
    return {Code::kForeign, "it now belongs to coffer " + found.coffer_id.short_hex() + ", it was " +
                                in_use.coffer_id.short_hex() + "; restore the right one"};
  }
  if (found.mark.version < in_use.mark.version) {
    return {Code::kRolledBack, "it went back from version " + std::to_string(in_use.mark.version) + " to " +
                                   std::to_string(found.mark.version) + "; restore the newer one"};
  }
  if (found.mark.version == in_use.mark.version && found.mark.hash != in_use.mark.hash) {
    return {Code::kDiverged,
            "it was replaced by another version " + std::to_string(found.mark.version) + "; restore the right one"};
  }
  return Status::ok();
}

Status check_descent(const KeyringMark& known, const Keyring& next) {
  if (next.version() <= known.version || next.version() - known.version > next.ancestors().size()) return Status::ok();
  if (next.ancestors()[next.version() - known.version - 1] == known.hash) return Status::ok();
  return {Code::kDiverged, "version " + std::to_string(next.version()) + " does not descend from version " +
                               std::to_string(known.version) +
                               " as it was here: two copies were changed apart from each other; restore the right one"};
}

}  // namespace coffer
