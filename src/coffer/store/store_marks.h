// What the anchor's place remembers of stores: how far their logs were durable, and which CURRENT is theirs.
// docs/format.md, "Store marks"; docs/keys.md, "Freshness".
//
// It is worth as much as the place it is kept in: whoever can write there can turn it off.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "coffer/io/disk.h"

namespace coffer {

struct LogMark {
  std::string name;      // in the store's directory
  Id file;               // its id, from its header
  uint64_t durable = 0;  // physical offset that it reaches at least

  bool operator==(const LogMark&) const = default;
};

struct StoreMark {
  uint64_t at = 0;          // Unix seconds; for people: nothing is decided by it
  std::vector<Id> current;  // file ids that CURRENT may have; empty: no CURRENT is required
  std::vector<LogMark> logs;

  // Of the log that has this name; while it is replaced, of the one or the other.
  LogMark* find(std::string_view name);
  const LogMark* find(std::string_view name, const Id& file) const;
  bool operator==(const StoreMark&) const = default;
};
using StoreMarks = std::map<Id, StoreMark>;  // by the store's id

// One text file, replaced atomically under a lock beside it (`path`.lock), so that processes share it.
class StoreMarkFile {
 public:
  StoreMarkFile(Disk& disk, std::string path, const Id& coffer_id)
      : disk_(disk), path_(std::move(path)), coffer_id_(coffer_id) {}

  const std::string& path() const { return path_; }
  // Nothing on first use; kNotFound when the directory is missing, kInvalidArgument for another coffer's or no marks.
  Result<StoreMarks> load() const;
  // What `change` makes of the marks is durable once this returns ok. Nothing is written where it says false.
  Status update(const std::function<bool(StoreMarks&)>& change) const;

 private:
  Status not_marks(std::string_view why) const;
  Result<StoreMarks> parse(std::string_view text) const;
  std::string format(const StoreMarks& marks) const;

  Disk& disk_;
  const std::string path_;
  const Id coffer_id_;
};

}  // namespace coffer
