// A rotation that some nodes use before the others: which key of a domain is new, and how many nodes make files under
// it by now. docs/format.md, section 27; docs/cluster.md, "Canary rotations".
//
//             begin            advance              advance
//     active ───────▶ 1 % ───────────────▶ 10 % ───────────────▶ every node; the key that was active is deactivated
//                      │    halt, resume    │
//                      └───── undo ─────────┴──▶ nobody; the new key is deactivated, and opens what it has sealed
//
// The new key is pre-active while it runs, and every node opens files with it from the beginning.
#pragma once

#include <array>
#include <span>

#include "coffer/base/codec.h"
#include "coffer/keys/node_list.h"

namespace coffer {

// In thousandths of the nodes. Behind the last one come all.
inline constexpr std::array<uint16_t, 2> kRolloutShares{10, 100};
inline constexpr size_t kRolloutCountMax = 1024;
// The byte that they begin with in a keyring's body.
inline constexpr uint8_t kRolloutsMark = 'R';
inline constexpr size_t kHaltReasonSizeMax = 512;

// Why a rollout does not go on.
struct RolloutHalt {
  uint64_t time = 0;  // Unix seconds; 0: it was not halted
  std::string node;   // which has found it; empty: an operator
  std::string why;

  bool operator==(const RolloutHalt&) const = default;
};

struct Rollout {
  std::string domain;
  uint32_t version = 0;  // of its key that is new
  uint16_t share = 0;    // one of kRolloutShares
  uint64_t begun = 0;    // Unix seconds; this share
  uint64_t keyring_version = 0;  // the first that has this share
  RolloutHalt halt = {};

  bool is_halted() const { return halt.time != 0; }
  bool operator==(const Rollout&) const = default;
};

// Whether a node is among so many thousandths: by its name and the key alone, so that each node knows it by itself. Who
// is in a share is in every larger one, and other nodes are in those of another key.
bool is_in_share(std::string_view node, const Id& key, uint16_t share);
// Those of the list, the one that would be in the smallest share first: which is among them always.
std::vector<const EnrolledNode*> nodes_in_share(std::span<const EnrolledNode> nodes, const Id& key, uint16_t share);

// "1 %", "10 %".
std::string share_text(uint16_t share);

// The end of a keyring's body, which it is left out of where it is empty. kTampered, naming the rule that is broken.
size_t rollouts_size(std::span<const Rollout> rollouts);
void write_rollouts(std::span<const Rollout> rollouts, Writer& writer);
Result<std::vector<Rollout>> read_rollouts(Reader& reader);

}  // namespace coffer
