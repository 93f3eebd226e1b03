#include "coffer/files/marked_files.h"

#include "coffer/base/path.h"
#include "coffer/files/freshness_check.h"

namespace coffer {
namespace {

constexpr std::string_view kUnnamedDirectory = ".tmp";

// Zero where there is none.
Id store_of(Coffer& coffer, const std::string& path) {
  const std::string directory(parent_of(path));
  if (directory.ends_with(kUnnamedDirectory)) return {};
  const std::shared_ptr<const Keyring> keys = coffer.keyring();
  const Place place = coffer.places().of_directory(*keys, directory);
  return place.store != nullptr && place.exact ? place.store->id : Id();
}

}  // namespace

bool may_be_marked(const std::string& path, EngineRole role) {
  return (role == EngineRole::kLog || role == EngineRole::kMetadata) && !parent_of(path).ends_with(kUnnamedDirectory);
}

void watch_log(Coffer& coffer, FileWriter& writer, const std::string& path, EngineRole role) {
  if (coffer.freshness() == nullptr || !may_be_marked(path, role)) return;
  const Id store = store_of(coffer, path);
  if (store.is_zero()) return;
  writer.be_watched(coffer.freshness()->watch({.store = store,
                                               .file = writer.file_id(),
                                               .directory = std::string(parent_of(path)),
                                               .name = std::string(base_name(path)),
                                               .last_syncs = role == EngineRole::kLog}));
}

Status before_removal(Coffer& coffer, const std::string& path, EngineRole role) {
  if (coffer.freshness() == nullptr || !may_be_marked(path, role)) return Status::ok();
  const Id store = store_of(coffer, path);
  if (store.is_zero()) return Status::ok();
  return coffer.freshness()->forget(store, std::string(base_name(path))).with_context(path);
}

Status before_removal_of_current(Coffer& coffer, const std::string& path) {
  if (coffer.freshness() == nullptr) return Status::ok();
  const Id store = store_of(coffer, path);
  return store.is_zero() ? Status::ok() : coffer.freshness()->forget_current(store).with_context(path);
}

Status replace_current(Coffer& coffer, const std::string& path, const Id& file_id,
                       const std::function<Status()>& replace) {
  const Id store = coffer.freshness() != nullptr ? store_of(coffer, path) : Id();
  if (store.is_zero()) return replace();
  COFFER_TRY(ensure_fresh(coffer, std::string(parent_of(path))));
  return coffer.freshness()->replace_current(store, file_id, replace);
}

Status replace_at_rest(Coffer& coffer, const std::string& path, const Id& file_id, uint64_t size,
                       const std::function<Status()>& replace) {
  const std::string_view name = base_name(path);
  if (name == "CURRENT") return replace_current(coffer, path, file_id, replace);
  const Id store = coffer.freshness() != nullptr ? store_of(coffer, path) : Id();
  if (store.is_zero()) return replace();
  // Else what was put back would get a mark of its own.
  COFFER_TRY(ensure_fresh(coffer, std::string(parent_of(path))));
  return coffer.freshness()->replace_log(store, {std::string(name), file_id, size}, replace);
}

}  // namespace coffer
