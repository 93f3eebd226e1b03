#include "coffer/keys/rollout.h"

#include <algorithm>

#include "coffer/base/text.h"
#include "coffer/crypto/kdf.h"
#include "coffer/keys/keyring_body.h"

namespace coffer {
namespace {

constexpr std::string_view kShareLabel = "coffer/v1 rollout share";
constexpr size_t kRolloutFixedSize = 1 + 4 + 2 + 8 + 8 + 8 + 1 + 2;

// Where a node stands between 0 and 2^64, by chance that everybody can compute.
uint64_t place_of(std::string_view node, const Id& key) {
  Bytes message = labelled(kShareLabel, key.view());
  const ByteView name = as_bytes(node);
  message.insert(message.end(), name.begin(), name.end());
  const auto digest = sha256(message);
  // Without a hash there is no cryptography at all, and so no new key either.
  if (!digest.is_ok()) return UINT64_MAX;
  return uint64_t{load_be32(digest->data())} << 32 | load_be32(digest->data() + 4);
}

bool is_below(uint64_t place, uint16_t share) {
  return share >= 1000 || place / (UINT64_MAX / 1000 + 1) < share;
}

Status broken_rollout(std::string rule) {
  return {Code::kTampered, "the sealed keyring breaks a rule: " + std::move(rule)};
}

Status check_rollout(const Rollout& rollout, const Rollout* before) {
  if (!valid_domain_name(rollout.domain)) return broken_rollout("a rollout must be of a domain");
  if (before != nullptr && before->domain >= rollout.domain) {
    return broken_rollout("rollouts must stand in the order of their domains");
  }
  if (std::ranges::find(kRolloutShares, rollout.share) == kRolloutShares.end()) {
    return broken_rollout("the share of a rollout must be 10 or 100 thousandths");
  }
  const RolloutHalt& halt = rollout.halt;
  if (halt.time == 0 && !(halt.node.empty() && halt.why.empty())) {
    return broken_rollout("a rollout that was not halted must have no reason for it");
  }
  if (!halt.node.empty() && !valid_node_name(halt.node)) {
    return broken_rollout("who has halted a rollout must be a node");
  }
  if (!is_utf8(halt.why) || has_control(halt.why)) {
    return broken_rollout("why a rollout was halted must be text");
  }
  return Status::ok();
}

}  // namespace

bool is_in_share(std::string_view node, const Id& key, uint16_t share) { return is_below(place_of(node, key), share); }

std::vector<const EnrolledNode*> nodes_in_share(std::span<const EnrolledNode> nodes, const Id& key, uint16_t share) {
  std::vector<std::pair<uint64_t, const EnrolledNode*>> places;
  for (const EnrolledNode& node : nodes) places.emplace_back(place_of(node.name, key), &node);
  std::ranges::sort(places);
  std::vector<const EnrolledNode*> out;
  for (const auto& [place, node] : places) {
    if (out.empty() || is_below(place, share)) out.push_back(node);
  }
  return out;
}

std::string share_text(uint16_t share) {
  const std::string whole = std::to_string(share / 10);
  return (share % 10 == 0 ? whole : whole + "." + std::to_string(share % 10)) + " %";
}

size_t rollouts_size(std::span<const Rollout> rollouts) {
  if (rollouts.empty()) return 0;
  size_t size = 1 + 2;
  for (const Rollout& rollout : rollouts) {
    size += kRolloutFixedSize + rollout.domain.size() + rollout.halt.node.size() + rollout.halt.why.size();
  }
  return size;
}

void write_rollouts(std::span<const Rollout> rollouts, Writer& writer) {
  if (rollouts.empty()) return;
  writer.u8(kRolloutsMark);
  writer.u16(static_cast<uint16_t>(rollouts.size()));
  for (const Rollout& rollout : rollouts) {
    writer.bytes8(as_bytes(rollout.domain));
    writer.u32(rollout.version);
    writer.u16(rollout.share);
    writer.u64(rollout.begun);
    writer.u64(rollout.keyring_version);
    writer.u64(rollout.halt.time);
    writer.bytes8(as_bytes(rollout.halt.node));
    writer.bytes16(as_bytes(rollout.halt.why));
  }
}

Result<std::vector<Rollout>> read_rollouts(Reader& reader) {
  std::vector<Rollout> out;
  if (reader.u8() != kRolloutsMark) return broken_rollout("its rollouts must begin with their mark");
  const uint16_t count = reader.u16();
  if (reader.ok() && (count == 0 || count > kRolloutCountMax)) {
    return broken_rollout("it must have 1 to 1024 rollouts, or none of them");
  }
  for (uint16_t left = count; left > 0; --left) {
    Rollout rollout;
    rollout.domain = as_text(reader.bytes8(kDomainNameSizeMax));
    rollout.version = reader.u32();
    rollout.share = reader.u16();
    rollout.begun = reader.u64();
    rollout.keyring_version = reader.u64();
    rollout.halt.time = reader.u64();
    rollout.halt.node = as_text(reader.bytes8(kNodeNameSizeMax));
    rollout.halt.why = as_text(reader.bytes16(kHaltReasonSizeMax));
    if (!reader.ok()) break;
    COFFER_TRY(check_rollout(rollout, out.empty() ? nullptr : &out.back()));
    out.push_back(std::move(rollout));
  }
  if (!reader.ok()) return broken_rollout("it must not end within its rollouts");
  return out;
}

}  // namespace coffer
