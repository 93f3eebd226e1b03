#include "coffer/files/freshness_check.h"

#include <algorithm>

#include "coffer/base/text.h"
#include "coffer/files/file_head.h"
#include "coffer/files/log_reader.h"

namespace coffer {
namespace {

class MarkCheck {
 public:
  MarkCheck(Coffer& coffer, Disk& disk, const std::string& directory)
      : coffer_(coffer), disk_(disk), directory_(directory) {}

  Status run(const StoreMark& mark) const {
    if (!mark.current.empty()) COFFER_TRY(check_current(mark));
    for (const LogMark& log : mark.logs) COFFER_TRY(check_log(mark, log));
    return Status::ok();
  }

 private:
  Status rolled_back(const std::string& path, const std::string& what) const {
    return {Code::kRolledBack, path + ": " + what +
                                   "; the store was put back to an earlier state, or cut; if it was restored on "
                                   "purpose: coffer store adopt " +
                                   coffer_.directory() + " " + directory_ + " --older"};
  }

  // Nothing where the file was never written.
  Result<std::optional<OpenedFile>> unlock(const std::string& path, const ReadableFile& file) const {
    COFFER_ASSIGN(const FileHead head, read_head(file, path));
    COFFER_TRY(head.refusal);
    if (head.is(FileHead::What::kNothing)) return std::optional<OpenedFile>();
    COFFER_ASSIGN(OpenedFile opened, coffer_.unlock(head.scan, path));
    return std::optional(std::move(opened));
  }

  Status check_current(const StoreMark& mark) const {
    const std::string path = directory_ + "/CURRENT";
    auto file = disk_.open_read(path);
    if (file.code() == Code::kNotFound) return rolled_back(path, "it is missing, and the anchor has seen it");
    if (!file.is_ok()) return file.status();
    COFFER_ASSIGN(const auto opened, unlock(path, **file));
    if (opened.has_value() && std::ranges::find(mark.current, opened->fields.file_id) != mark.current.end()) {
      return Status::ok();
    }
    return rolled_back(path, "it is file " +
                                 (opened.has_value() ? opened->fields.file_id.short_hex() : std::string("(empty)")) +
                                 ", and the anchor has seen file " + mark.current.back().short_hex() + " in its place");
  }

  // While a log is replaced by another one with the same contents, either is as new as the mark.
  Status check_log(const StoreMark& mark, const LogMark& log) const {
    const std::string path = directory_ + "/" + log.name;
    const std::string seen = "the anchor has seen it durable to " + std::to_string(log.durable);
    auto file = disk_.open_read(path);
    if (file.code() == Code::kNotFound) return rolled_back(path, "it is missing, and " + seen);
    if (!file.is_ok()) return file.status();
    const std::shared_ptr<const ReadableFile> readable = std::move(*file);
    COFFER_ASSIGN(const auto opened, unlock(path, *readable));
    if (!opened.has_value()) return rolled_back(path, "it is empty, and " + seen);
    const LogMark* found = mark.find(log.name, opened->fields.file_id);
    if (found == nullptr) {
      return rolled_back(path, "it is file " + opened->fields.file_id.short_hex() + ", and the anchor has seen file " +
                                   log.file.short_hex() + " durable to " + std::to_string(log.durable));
    }
    const LogParams params{opened->fields.suite, opened->fields.file_id};
    auto reader = LogReader::create(readable, opened->file_key, params);
    if (!reader.is_ok()) return reader.status().with_context(path);
    const auto end = reader->measure();
    if (!end.is_ok()) return end.status().with_context(path);
    if (end->append.offset >= found->durable) return Status::ok();
    return rolled_back(path, "its log ends at " + std::to_string(end->append.offset) +
                                 ", and the anchor has seen it durable to " + std::to_string(found->durable));
  }

  Coffer& coffer_;
  Disk& disk_;
  const std::string& directory_;
};

}  // namespace

Status check_store_mark(Coffer& coffer, Disk& disk, const std::string& directory, const StoreMark& mark) {
  return MarkCheck(coffer, disk, directory).run(mark);
}

Status check_freshness(Coffer& coffer, const Id& store, const std::string& directory) {
  if (coffer.freshness() == nullptr) return Status::ok();
  COFFER_ASSIGN(std::optional<StoreMark> mark, coffer.freshness()->mark_of(store));
  while (mark.has_value()) {
    const Status found = check_store_mark(coffer, coffer.disk(), directory, *mark);
    if (found.is_ok()) return Status::ok();
    COFFER_ASSIGN(std::optional<StoreMark> now, coffer.freshness()->mark_of(store));
    if (now == mark) return found;
    mark = std::move(now);
  }
  return Status::ok();
}

Status check_freshness(Coffer& coffer, const StoreEntry& store) {
  std::string here = coffer.places().here(store.path);
  const bool was_renamed = !store.also_at.empty() && coffer.disk().info(here).code() == Code::kNotFound;
  if (was_renamed) here = coffer.places().here(store.also_at);
  return check_freshness(coffer, store.id, here);
}

Status ensure_fresh(Coffer& coffer, const std::string& directory, bool listing) {
  Freshness* freshness = coffer.freshness();
  if (freshness == nullptr) return Status::ok();
  const std::shared_ptr<const Keyring> keys = coffer.keyring();
  const Place place = coffer.places().of_directory(*keys, directory);
  if (place.store == nullptr || !place.exact || freshness->was_checked(place.store->id)) return Status::ok();
  if (listing) {
    COFFER_ASSIGN(const auto mark, freshness->mark_of(place.store->id));
    if (!mark.has_value() || !mark->current.empty()) return Status::ok();
  }
  COFFER_TRY(check_freshness(coffer, place.store->id, directory));
  freshness->set_checked(place.store->id);
  return Status::ok();
}

}  // namespace coffer
