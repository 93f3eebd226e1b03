#include "coffer/ops/at_rest.h"

#include "coffer/base/path.h"

namespace coffer {

Status AtRest::lock(const std::string& database) {
  if (database.empty() || locks_.contains(database)) return Status::ok();
  COFFER_ASSIGN(auto held, records_->keep_out(database));
  locks_.emplace(database, std::move(held));
  return Status::ok();
}

Status AtRest::keep_out(const std::string& path) {
  if (records_ == nullptr) return Status::ok();
  const std::string directory(parent_of(path));
  const auto known = database_of_.find(directory);
  if (known != database_of_.end()) return Status::ok();
  std::string database = records_->database_of(coffer_.disk(), path);
  // An alias of a directory is that directory.
  auto canonical = database.empty() ? Result<std::string>(database) : coffer_.disk().canonical(database);
  if (!canonical.is_ok()) return canonical.status();
  if (freezer_ != nullptr && !canonical->empty() && freezer_->can_freeze(*canonical)) {
    served_.insert(*canonical);
  } else {
    COFFER_TRY(lock(*canonical));
  }
  database_of_.emplace(directory, *canonical);
  return Status::ok();
}

bool AtRest::is_served(const std::string& path) const {
  const auto known = database_of_.find(std::string(parent_of(path)));
  return known != database_of_.end() && served_.contains(known->second);
}

Status AtRest::whole_coffer(const std::string& path) {
  if (records_ == nullptr || has_all_) return Status::ok();
  const auto known = database_of_.find(std::string(parent_of(path)));
  if (known != database_of_.end() && !known->second.empty()) return Status::ok();
  for (const auto keyring = coffer_.keyring(); const StoreEntry& store : coffer_.places().stores(*keyring)) {
    Status kept = keep_out(coffer_.places().here(store.path) + "/CURRENT");
    if (kept.is_ok()) continue;
    return {kept.code(),
            path + ": was not closed, and may be the log of a database that is in use: " + std::string(kept.message())};
  }
  has_all_ = true;
  return Status::ok();
}

}  // namespace coffer
