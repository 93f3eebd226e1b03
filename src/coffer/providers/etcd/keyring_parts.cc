#include "coffer/providers/etcd/keyring_parts.h"

#include <algorithm>
#include <charconv>

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

Result<KeyringParts::WithLogSize> KeyringParts::read_with_log_size() {
  COFFER_ASSIGN(Answered answered, client_.commit(Transaction().read({keyring_}).read({log_size_})));
  if (answered.read.size() != 2) return no_such_answer();
  WithLogSize out;
  out.revision = answered.revision;
  for (const size_t which : {0, 1}) {
    std::vector<KeyValue>& found = answered.read[which];
    if (found.empty()) continue;
    const bool asked = found.front().key == (which == 0 ? keyring_ : log_size_);
    if (!asked || found.size() > 1 || found.front().mod_revision == 0) return no_such_answer();
    if (which == 0) {
      out.keyring = std::move(found.front());
      continue;
    }
    // Whoever can write it can keep keys from being changed, as he can in other ways.
    const std::string_view digits = as_text(found.front().value);
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), out.log_bytes);
    if (error != std::errc() || end != digits.data() + digits.size()) {
      return {Code::kTampered, client_.settings().name + "/audit_size is no number; find out who wrote it"};
    }
    out.log_size_revision = found.front().mod_revision;
  }
  return out;
}

void KeyringParts::count_record(Transaction& into, const WithLogSize& before, size_t record_size) const {
  into.expect(log_size_, before.log_size_revision);
  into.put(log_size_, as_bytes(std::to_string(before.log_bytes + record_size)));
}

Result<Bytes> KeyringParts::load_audit_log() {
  Bytes out;
  const auto take = [&](const KeyValue& record) -> Status {
    if (out.size() + record.value.size() > kEtcdLogSizeMax) {
      return {Code::kLimitExceeded, client_.settings().name + "/audit/: more than an audit log in etcd can have; "
                                                              "find out what wrote so much"};
    }
    out.insert(out.end(), record.value.begin(), record.value.end());
    return Status::ok();
  };
  COFFER_TRY(for_each(log_, false, kEtcdRecordsAtOnce, take));
  return out;
}

// The size is from before what is read: who saves meanwhile changes it, and nothing is cut.
Status KeyringParts::cut_audit_log(ByteView beginning) {
  COFFER_ASSIGN(const WithLogSize before, read_with_log_size());
  KeyValue first, last;
  size_t cut = 0, left = 0;
  bool begins_so = true;
  const auto take = [&](const KeyValue& record) -> Status {
    const size_t size = record.value.size();
    if (cut == beginning.size()) {
      left += size;
      return Status::ok();
    }
    begins_so = begins_so && size <= beginning.size() - cut &&
                std::ranges::equal(record.value, beginning.subspan(cut, size));
    if (!begins_so) return {Code::kConflict, name_ + ": its audit log was changed by somebody else; try again"};
    if (cut == 0) first = {record.key, {}, record.mod_revision};
    last.key = record.key;
    cut += size;
    return Status::ok();
  };
  COFFER_TRY(for_each(log_, false, kEtcdRecordsAtOnce, take));
  Transaction swap;
  swap.expect(log_size_, before.log_size_revision).expect(first.key, first.mod_revision);
  swap.remove_range(log_, last.key + '\0').put(log_size_, as_bytes(std::to_string(left)));
  if (cut == beginning.size() && cut > 0) {
    COFFER_ASSIGN(const Answered done, client_.commit(swap));
    if (done.succeeded) return Status::ok();
  }
  return {Code::kConflict, name_ + ": its audit log was changed by somebody else; try again"};
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
  if (log.size() > kEtcdLogSizeMax / 4 * 3) {
    return {Code::kLimitExceeded, name_ + ": its audit log of " + std::to_string(log.size() >> 20) +
                                      " MiB is more than one in etcd may have; coffer audit archive makes it shorter"};
  }
  const std::string size = std::to_string(log.size());
  const auto key_of = [&](uint64_t piece) { return record_key(0) + record_key(piece).substr(log_.size()); };
  uint64_t pieces = 0;
  while (!log.empty()) {
    const size_t piece_size = std::min(log.size(), kEtcdRecordSizeMax);
    Transaction put;
    put.put(key_of(++pieces), log.first(piece_size));
    COFFER_TRY(commit_while_moving(std::move(put)).status());
    log = log.subspan(piece_size);
  }
  Transaction rest;
  rest.remove_range(key_of(pieces + 1), etcd::end_of_prefix(log_)).put(log_size_, as_bytes(size));
  return commit_while_moving(std::move(rest)).status();
}

Result<uint64_t> KeyringParts::remove_parts() {
  Transaction all;
  for (const std::string* prefix : {&shards_, &log_, &reports_, &answers_, &node_slots_}) {
    all.remove_range(*prefix, etcd::end_of_prefix(*prefix));
  }
  all.remove(log_size_);
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
