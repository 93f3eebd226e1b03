#include "coffer/engines/rocksdb/database_files.h"

#include <algorithm>
#include <set>

#include "coffer/base/path.h"
#include "coffer/files/file_head.h"
#include "coffer/files/successor.h"

namespace coffer::rocks {
namespace {

// Names of the tables and blob files that are finished, and that RocksDB relies upon.
std::set<std::string> finished_data_files(::rocksdb::DB& db) {
  std::vector<::rocksdb::ColumnFamilyMetaData> families;
  db.GetAllColumnFamilyMetaData(&families);
  std::set<std::string> out;
  for (const ::rocksdb::ColumnFamilyMetaData& family : families) {
    for (const ::rocksdb::LevelMetaData& level : family.levels) {
      for (const ::rocksdb::SstFileMetaData& table : level.files) out.insert(table.relative_filename);
    }
    for (const ::rocksdb::BlobMetaData& blob : family.blob_files)
      out.insert(std::string(base_name(blob.blob_file_name)));
  }
  return out;
}

Renewal renewal_of(const std::string& path, EngineRole role, const std::set<std::string>& finished) {
  const std::string name(base_name(path));
  switch (role) {
    case EngineRole::kData: return finished.contains(name) ? Renewal::kSuccessor : Renewal::kUnfinished;
    case EngineRole::kLog: return store_directory(path) == parent_of(path) ? Renewal::kFlush : Renewal::kSuccessor;
    case EngineRole::kMetadata: return Renewal::kReopening;
    case EngineRole::kWhole: return name == kCurrentName ? Renewal::kReopening : Renewal::kSuccessor;
    case EngineRole::kTemporary:
    case EngineRole::kTrash: return Renewal::kDeletion;
    case EngineRole::kInPlace:  // RocksDB has none
    case EngineRole::kOther: break;
  }
  // With the database's path in front where db_log_dir is set.
  if (name.ends_with("LOG")) return Renewal::kReopening;
  return name.find("LOG.old.") != std::string::npos ? Renewal::kSuccessor : Renewal::kNone;
}

// Nothing where the file needs nothing, or is gone.
std::optional<OldFile> look_at(Coffer& coffer, const std::string& path, const CondemnedKeys& keys) {
  OldFile out{.path = path, .info = {}, .role = role_of(path), .renewal = Renewal::kNone, .trouble = {}};
  auto opened = coffer.disk().open_read(path);
  if (opened.code() == Code::kNotFound) return std::nullopt;
  const auto troubled = [&](const Status& status) {
    out.trouble = status;
    return std::optional(std::move(out));
  };
  if (!opened.is_ok()) return troubled(opened.status());
  auto info = (*opened)->info();
  if (!info.is_ok()) return troubled(info.status());
  out.info = *info;
  auto head = read_head(**opened, path);
  if (!head.is_ok() || !head->refusal.is_ok()) return troubled(head.is_ok() ? head->refusal : head.status());
  if (head->is(FileHead::What::kNothing)) return std::nullopt;
  auto file = coffer.open_file(head->scan, path);
  if (!file.is_ok()) return troubled(file.status());
  const std::shared_ptr<const Keyring> keyring = coffer.keyring();
  const Domain* domain = keyring->find_key(file->fields.domain_key_id).domain;
  if (domain == nullptr || !keys.ever_protected(file->fields, *domain)) return std::nullopt;
  return out;
}

}  // namespace

std::string_view when_text(Renewal renewal) {
  switch (renewal) {
    case Renewal::kSuccessor: return "the next run writes it anew";
    case Renewal::kUnfinished:
      return "is being written, or is kept for an iterator or until it is deleted; repeat when that has ended";
    case Renewal::kFlush: return "RocksDB deletes or recycles it after the next flush of what was written to it";
    case Renewal::kReopening:
      return "RocksDB makes another one when the database is opened next; a MANIFEST also when it has reached "
             "max_manifest_file_size";
    case Renewal::kDeletion: return "RocksDB is about to delete it, at the latest when the database is opened next";
    case Renewal::kNone: break;
  }
  return "is none of RocksDB's: coffer reencrypt writes it anew when the database is closed";
}

std::vector<std::string> directories_of(const ::rocksdb::DB& db,
                                        const std::vector<::rocksdb::ColumnFamilyHandle*>& families) {
  std::vector<std::string> out;
  const auto add = [&](const std::string& path) {
    if (path.empty()) return;
    const std::string absolute = absolute_path(path);
    if (std::find(out.begin(), out.end(), absolute) == out.end()) out.push_back(absolute);
  };
  const ::rocksdb::DBOptions options = db.GetDBOptions();
  add(db.GetName());
  add(db.GetName() + "/archive");
  add(options.wal_dir);
  if (!options.wal_dir.empty()) add(options.wal_dir + "/archive");
  add(options.db_log_dir);
  for (const ::rocksdb::DbPath& path : options.db_paths) add(path.path);
  for (::rocksdb::ColumnFamilyHandle* family : families) {
    ::rocksdb::ColumnFamilyDescriptor descriptor;
    if (!family->GetDescriptor(&descriptor).ok()) continue;
    for (const ::rocksdb::DbPath& path : descriptor.options.cf_paths) add(path.path);
  }
  return out;
}

Result<std::vector<OldFile>> find_old_files(Coffer& coffer, ::rocksdb::DB& db,
                                            const std::vector<std::string>& directories, const CondemnedKeys& keys) {
  std::vector<OldFile> out;
  for (const std::string& directory : directories) {
    auto entries = coffer.disk().list(directory);
    if (entries.code() == Code::kNotFound) continue;
    COFFER_TRY(entries.status());
    const bool is_coffers = directory == coffer.directory();
    for (const DirectoryEntry& entry : *entries) {
      if (entry.is_directory || entry.is_link || (is_coffers && Coffer::is_own_file(entry.name))) continue;
      if (is_successor(entry.name)) continue;
      std::optional<OldFile> file = look_at(coffer, directory + "/" + entry.name, keys);
      if (file) out.push_back(std::move(*file));
    }
  }
  // Asked now: what was unfinished when its header was read may be finished, and never the other way round.
  const std::set<std::string> finished = finished_data_files(db);
  for (OldFile& file : out) file.renewal = renewal_of(file.path, file.role, finished);
  return out;
}

}  // namespace coffer::rocks
