// Node slots in etcd: PREFIX/slots/NAME. Whoever writes there is not believed for it.
#include "coffer/providers/etcd/keyring_parts.h"

namespace coffer {
namespace {

using etcd::KeyValue;
using etcd::Transaction;

constexpr uint32_t kNodeSlotNamesAtOnce = 1000;
// More than a few rotations leave behind.
constexpr size_t kNodeSlotNamesMax = 100'000;

}  // namespace

// In order: who finds the last one finds them all.
Status KeyringParts::save_node_slots(std::span<const NodeSlotValue> values) {
  Transaction batch;
  size_t size = 0;
  for (const NodeSlotValue& each : values) {
    const size_t more = each.value.size() + kEtcdWordsSizeMax;
    if (size + more > etcd::kRequestSizeMax || batch.operations() == etcd::kOperationsMax) {
      COFFER_TRY(client_.commit(batch).status());
      batch = {};
      size = 0;
    }
    batch.put(node_slots_ + each.name, each.value);
    size += more;
  }
  return batch.operations() > 0 ? client_.commit(batch).status() : Status::ok();
}

Result<Bytes> KeyringParts::load_node_slots(const std::string& name) {
  COFFER_ASSIGN(std::vector<KeyValue> found, read({node_slots_ + name}));
  if (!found.empty()) return std::move(found.front().value);
  return {Code::kNotFound, "there are no such node slots beside " + name_};
}

Status KeyringParts::keep_node_slots(const std::string& beginning) {
  Transaction batch;
  size_t count = 0;
  const auto take = [&](const KeyValue& found) -> Status {
    if (++count > kNodeSlotNamesMax) return no_such_answer();
    if (found.key.starts_with(node_slots_ + beginning)) return Status::ok();
    batch.remove(found.key);
    if (batch.operations() < etcd::kOperationsMax) return Status::ok();
    const Status removed = client_.commit(batch).status();
    batch = {};
    return removed;
  };
  COFFER_TRY(for_each(node_slots_, true, kNodeSlotNamesAtOnce, take));
  return batch.operations() > 0 ? client_.commit(batch).status() : Status::ok();
}

}  // namespace coffer
