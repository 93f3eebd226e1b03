// Keeps engines out of the databases that are worked on.
#pragma once

#include <map>
#include <set>

#include "coffer/files/engine_records.h"
#include "coffer/files/store_freezer.h"

namespace coffer {

// Holds what it locked until it is destroyed. Not thread-safe.
class AtRest {
 public:
  // Without records it keeps nobody out. `freezer`: stores that it can freeze are not kept out of, but are served().
  AtRest(Coffer& coffer, const EngineRecords* records, const StoreFreezer* freezer = nullptr)
      : coffer_(coffer), records_(records), freezer_(freezer) {}

  // The database that the file belongs to. kBusy where an engine has it open.
  Status keep_out(const std::string& path);
  // The stores that somebody serves, of those that keep_out() was asked about.
  const std::set<std::string>& served() const { return served_; }
  // REQUIRES: keep_out() was asked about it
  bool is_served(const std::string& path) const;
  // A log that was not closed and stands in no database's directory may be any database's: all of the coffer have to be
  // at rest. kBusy, naming the file, if one is not.
  Status whole_coffer(const std::string& path);

 private:
  Status lock(const std::string& database);

  Coffer& coffer_;
  const EngineRecords* const records_;
  const StoreFreezer* const freezer_;
  std::map<std::string, std::string> database_of_;  // a directory's; empty: none
  std::map<std::string, std::unique_ptr<FileLock>> locks_;
  std::set<std::string> served_;
  bool has_all_ = false;
};

}  // namespace coffer
