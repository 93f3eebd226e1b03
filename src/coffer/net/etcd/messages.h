// What is said to etcd's JSON gateway and what it answers: transactions, which reads are too, and watches. Pure: text
// in, text out. Nothing of an answer is believed but its form.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "coffer/base/status.h"
#include "coffer/net/http/json_view.h"

namespace coffer::etcd {

// What etcd takes unless its own options say otherwise (--max-request-bytes, --max-txn-ops); some is left for its own.
inline constexpr size_t kRequestSizeMax = size_t{1400} << 10;
inline constexpr size_t kOperationsMax = 120;
inline constexpr size_t kKeySizeMax = 1024;

struct KeyValue {
  std::string key;
  Bytes value;
  uint64_t mod_revision = 0;
};

// The key after all that begin so. REQUIRES: `prefix` ends with a byte below 0xff
std::string end_of_prefix(std::string prefix);

// A transaction: `then` is done if every key was last changed at its revision (0: is not there), else `otherwise`.
class Transaction {
 public:
  Transaction& expect(std::string_view key, uint64_t mod_revision);
  Transaction& put(std::string_view key, ByteView value);
  Transaction& remove(std::string_view key);
  // From `key` up to `end`; without one, that key alone.
  Transaction& remove_range(std::string_view key, std::string_view end);
  struct Range {
    std::string_view key;
    std::string_view end = {};
    bool keys_only = false;
    uint32_t limit = 0;  // 0: none
  };
  Transaction& read(const Range& range);
  Transaction& read_otherwise(const Range& range);

  size_t operations() const { return operations_; }
  std::string text() const;

 private:
  void add(std::string& list, const std::string& operation);

  std::string expected_, then_, otherwise_;
  size_t operations_ = 0;
};

struct Answered {
  bool succeeded = false;
  uint64_t revision = 0;                   // of all that etcd holds
  std::vector<std::vector<KeyValue>> read;  // what each read of the branch that was taken has found, in order
};
// kTampered for what is no answer to a transaction.
Result<Answered> read_answer(ByteView body);

// What an answer that is no success says, by the code of gRPC. `status` is that of HTTP.
struct Refused {
  int code = 0;         // of gRPC; 0: it does not speak like etcd
  std::string message;  // for people
};
Refused read_refusal(int status, ByteView body);

std::string compaction_request(uint64_t revision);
// Of one key, from a revision on.
std::string watch_request(std::string_view key, uint64_t from_revision);

// One line of a watch.
struct WatchEvent {
  uint64_t revision = 0;   // of all that etcd holds
  bool begun = false;      // from now on nothing is missed
  bool changed = false;
  std::string ended = {};  // why etcd ends it; empty: it does not
};
// kTampered for what is none.
Result<WatchEvent> read_watch_event(ByteView line);

}  // namespace coffer::etcd
