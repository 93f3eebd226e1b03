// A memory, outside the coffer, of the newest keyring version: what tells a rolled-back keyring from the newest one
// when no running process and no file has seen the newer. docs/keys.md, "Rollback".
//
// It is worth as much as the place it is kept in: whoever can write there can roll it back too.
#pragma once

#include "coffer/io/disk.h"
#include "coffer/keys/keyring.h"

namespace coffer {

struct KeyringMark {
  uint64_t version = 0;
  Sha256 hash{};  // of the sealed keyring, as the next version's previous_hash
  bool operator==(const KeyringMark&) const = default;
};

// Implementations are thread-safe, between processes as well.
class VersionAnchor {
 public:
  virtual ~VersionAnchor() = default;

  // Nothing on first use.
  virtual Result<std::optional<KeyringMark>> load() = 0;
  // Remembers `mark`, durably. Does nothing if a newer one, or the same, is remembered: an anchor never goes back.
  // kDiverged when another hash is remembered for this version.
  virtual Status advance(const KeyringMark& mark) = 0;
};

// kRolledBack when `found` is older than what is remembered; kDiverged when it is the same version with another hash.
// Load the remembered mark before the keyring: another process may save and advance in between, and what was loaded
// first would then look rolled back.
Status check_mark(const std::optional<KeyringMark>& remembered, const KeyringMark& found);

// One text file, replaced atomically under a lock beside it (`path`.lock), on another disk, host or owner than the
// coffer: {"coffer":"…","version":7,"sha256":"…"}. kInvalidArgument when the file is another coffer's or no anchor.
std::unique_ptr<VersionAnchor> open_file_anchor(Disk& disk, const std::string& path, const Id& coffer_id);

// The same text, for anchors that keep it elsewhere. `name` is what errors call the anchor.
std::string format_anchor(const Id& coffer_id, const KeyringMark& mark);
Result<KeyringMark> parse_anchor(std::string_view text, const Id& coffer_id, const std::string& name);

struct AnchorPlace {
  std::string name;  // `anchor` in coffer.yaml
  Id coffer_id;
  std::string directory;         // the coffer's
  std::string sealing_key = {};  // the key file that opens sealed values, as coffer.yaml names it
};
using AnchorOpener = Result<std::unique_ptr<VersionAnchor>> (*)(Disk& disk, const AnchorPlace& place);
// Absolute paths only; providers/ has an opener that knows more.
Result<std::unique_ptr<VersionAnchor>> open_anchor_at_path(Disk& disk, const AnchorPlace& place);

}  // namespace coffer
