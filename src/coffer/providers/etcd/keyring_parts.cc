#include "coffer/providers/etcd/keyring_parts.h"

#include <algorithm>

#include "coffer/keys/move_record.h"

namespace coffer {

using etcd::Answered;
using etcd::KeyValue;
using etcd::Transaction;

std::string KeyringParts::record_key(uint64_t version) const {
  const std::string digits = std::to_string(version);
  return log_ + std::string(20 - digits.size(), '0') + digits;
}

Status KeyringParts::no_such_answer() const {
  return {Code::kTampered, name_ + ": etcd answers something else than was asked"};
}

Result<std::vector<KeyValue>> KeyringParts::read(const Transaction::Range& range, uint64_t* revision) {
  COFFER_ASSIGN(Answered answered, client_.commit(Transaction().read(range)));
  if (answered.read.size() != 1) return no_such_answer();
  for (const KeyValue& value : answered.read.front()) {
    const bool asked = range.end.empty() ? value.key == range.key : value.key >= range.key && value.key < range.end;
    if (!asked || value.mod_revision == 0) return no_such_answer();
  }
  if (range.end.empty() && answered.read.front().size() > 1) return no_such_answer();
  if (revision != nullptr) *revision = answered.revision;
  return std::move(answered.read.front());
}

Status KeyringParts::for_each(const std::string& prefix, bool keys_only, uint32_t at_once,
                              const std::function<Status(const KeyValue&)>& take) {
  const std::string end = etcd::end_of_prefix(prefix);
  std::string from = prefix;
  while (true) {
    COFFER_ASSIGN(const std::vector<KeyValue> found, read({from, end, keys_only, at_once}));
    for (const KeyValue& value : found) {
      if (value.key < from) return no_such_answer();
      COFFER_TRY(take(value));
      from = value.key + '\0';
    }
    if (found.size() < at_once) return Status::ok();
  }
}

Result<bool> KeyringParts::is_empty() {
  COFFER_ASSIGN(const std::vector<KeyValue> keyring, read({keyring_}));
  if (!keyring.empty()) return false;
  for (const std::string* prefix : {&shards_, &log_}) {
    COFFER_ASSIGN(const std::vector<KeyValue> found, read({*prefix, etcd::end_of_prefix(*prefix), true, 1}));
    if (!found.empty()) return false;
  }
  return true;
}

Result<Bytes> KeyringParts::load_stored() {
  COFFER_ASSIGN(std::vector<KeyValue> found, read({keyring_}));
  return found.empty() ? Bytes() : std::move(found.front().value);
}

Status KeyringParts::exchange(ByteView next, ByteView expected) {
  const auto is = [](const std::vector<KeyValue>& found, ByteView value) {
    return found.empty() ? value.empty() : std::ranges::equal(found.front().value, value);
  };
  if (next.size() > etcd::kRequestSizeMax - kEtcdWordsSizeMax) {
    return {Code::kLimitExceeded, name_ + ": a keyring of " + std::to_string(next.size()) +
                                      " bytes; etcd takes " +
                                      std::to_string(etcd::kRequestSizeMax - kEtcdWordsSizeMax) +
                                      " at most; keep the keyring in a file"};
  }
  COFFER_ASSIGN(const std::vector<KeyValue> there, read({keyring_}));
  if (is(there, expected)) {
    Transaction swap;
    swap.expect(keyring_, there.empty() ? 0 : there.front().mod_revision).put(keyring_, next);
    swap.read_otherwise({keyring_});
    COFFER_ASSIGN(const Answered swapped, client_.commit(swap));
    // It may have been carried out by a member whose answer did not come.
    if (swapped.succeeded || (swapped.read.size() == 1 && is(swapped.read.front(), next))) return Status::ok();
  }
  return {Code::kConflict, name_ + " was changed by somebody else; try again"};
}

Status KeyringParts::put_shard(const SealedShard& shard) {
  if (shard.bytes.size() > etcd::kRequestSizeMax - kEtcdWordsSizeMax) {
    return {Code::kLimitExceeded, name_ + ": a part of the keyring of " + std::to_string(shard.bytes.size()) +
                                      " bytes is more than etcd takes; keep the keyring in a file"};
  }
  Transaction put;
  put.put(shard_key(shard.name), shard.bytes);
  return commit_while_moving(std::move(put)).status();
}

// In pieces, which are no lines: only their order counts. They stand before all records.
Status KeyringParts::put_audit_log(ByteView log) {
  const auto key_of = [&](uint64_t piece) { return record_key(0) + record_key(piece).substr(log_.size()); };
  uint64_t pieces = 0;
  while (!log.empty()) {
    const size_t size = std::min(log.size(), kEtcdRecordSizeMax);
    Transaction put;
    put.put(key_of(++pieces), log.first(size));
    COFFER_TRY(commit_while_moving(std::move(put)).status());
    log = log.subspan(size);
  }
  Transaction rest;
  rest.remove_range(key_of(pieces + 1), etcd::end_of_prefix(log_));
  return commit_while_moving(std::move(rest)).status();
}

Result<uint64_t> KeyringParts::remove_parts() {
  Transaction all;
  for (const std::string* prefix : {&shards_, &log_, &reports_}) all.remove_range(*prefix, etcd::end_of_prefix(*prefix));
  return commit_while_moving(std::move(all));
}

// What is carried out late, of a request that was sent again, must not meet a keyring that has come back.
Result<uint64_t> KeyringParts::commit_while_moving(Transaction transaction) {
  COFFER_ASSIGN(const std::vector<KeyValue> there, read({keyring_}));
  if (there.empty() || is_move_record(there.front().value)) {
    transaction.expect(keyring_, there.empty() ? 0 : there.front().mod_revision);
    COFFER_ASSIGN(const Answered done, client_.commit(transaction));
    if (done.succeeded) return done.revision;
  }
  return {Code::kConflict, name_ + " was changed by somebody else; try again"};
}

}  // namespace coffer
