#include "coffer/ops/new_store.h"

#include "coffer/base/path.h"
#include "coffer/files/counted_file.h"

namespace coffer {
namespace {

// Nobody knows what the names would have to be.
Status check_names_are_clear(const Coffer& coffer, const std::string& directory) {
  const std::shared_ptr<const Keyring> keys = coffer.keyring();
  const Place place = coffer.places().of_directory(*keys, directory);
  if (place.store == nullptr || !place.store->names_encrypted) return Status::ok();
  return {Code::kUnsupported, directory + ": is in a store with encrypted names, where only its mount makes files"};
}

}  // namespace

Result<std::string> NewStore::place_of(const Coffer& coffer, const std::string& directory) {
  std::string path = directory;
  while (path.size() > 1 && path.back() == '/') path.pop_back();
  COFFER_ASSIGN(const std::string parent, coffer.disk().canonical(std::string(parent_of(path))));
  std::string place = (parent == "/" ? "" : parent) + "/" + std::string(base_name(path));
  COFFER_TRY(check_names_are_clear(coffer, place));
  return place;
}

Result<NewStore> NewStore::begin(Coffer& coffer, const std::string& place) {
  COFFER_ASSIGN(Arrival arrival, Arrival::begin(coffer.disk(), place));
  return NewStore(coffer, place, std::move(arrival));
}

Result<std::unique_ptr<WritableFile>> NewStore::open(const StreamedFile& file, const FileStreamKey& key,
                                                     const std::string& given) {
  COFFER_ASSIGN(auto out, arrival_.open(file));
  if (file.empty) return out;
  const std::string path = place_ + "/" + file.name;
  const std::string domain = given.empty() ? coffer_.places().domain_of(path) : given;
  COFFER_ASSIGN(const Id store, coffer_.stores().store_for({.directory = place_, .path = path, .domain = domain}));
  COFFER_ASSIGN(FileKey file_key, key.unwrap(file));
  COFFER_ASSIGN(const NewFile made, coffer_.take_over(file.envelope.fields, std::move(file_key), domain, store));
  COFFER_TRY(out->write_at(0, made.envelope));
  return out;
}

Status NewStore::finish(const std::vector<StreamedFile>& files) {
  COFFER_TRY(arrival_.finish());
  COFFER_TRY(coffer_.stores().confirm(place_));
  for (const StreamedFile& file : files) {
    coffer_.file_counts().changed(std::nullopt, counted_at(coffer_, place_ + "/" + file.name));
  }
  return Status::ok();
}

Status NewStore::explained(const Coffer& coffer, const std::string& place, const Status& failed) {
  // Without that it has its name.
  if (failed.is_ok() || !coffer.disk().info(arrival_of(place)).is_ok()) return failed;
  return failed.with_context(place + " is not whole, and what has come of it is in " + arrival_of(place));
}

}  // namespace coffer
