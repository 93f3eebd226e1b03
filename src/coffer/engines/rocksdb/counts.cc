// What RocksDB's calls mean for the counts of files: store/file_counts.h.
#include "coffer/engines/rocksdb/coffer_file_system.h"
#include "coffer/files/counted_file.h"

namespace coffer::rocks {

std::optional<CountedFile> CofferFileSystem::counted_at(const std::string& path, const IOOptions& options,
                                                        IODebugContext* dbg) {
  const FileCounts& counts = context_.coffer->file_counts();
  if (!counts.are_kept()) return std::nullopt;
  ::rocksdb::FileOptions file_options;
  file_options.io_options = options;
  ExistingFile file;
  if (!look_at_existing(context_, path, file_options, &file, dbg).ok()) return std::nullopt;
  CountedFile out{.store = counts.store_of(absolute_path(path)), .of = class_of(file.head)};
  if (!context_.base->GetFileSize(path, options, &out.size, dbg).ok()) return std::nullopt;
  return out;
}

void CofferFileSystem::list(FileWriter& writer, const std::string& path, const Listing& listing) {
  FileCounts& counts = context_.coffer->file_counts();
  CountedFile file;
  file.store = counts.store_of(absolute_path(path));
  file.of = {.what = FileClass::What::kEncrypted, .key = writer.key(), .other = listing.other_key};
  file.size = listing.before.value_or(0);
  writer.be_listed(std::make_shared<GrowingFile>(counts, file, listing.before.has_value()), listing.size,
                   listing.floor);
}

void CofferFileSystem::count_move(const std::string& from, const std::string& to,
                                  const std::optional<CountedFile>& moved, const std::optional<CountedFile>& replaced) {
  FileCounts& counts = context_.coffer->file_counts();
  counts.changed(replaced, std::nullopt);
  if (!moved) return;
  CountedFile there = *moved;
  there.store = counts.store_of(absolute_path(to));
  const bool is_link = from.empty();
  if (is_link || there.store != moved->store) counts.changed(is_link ? std::nullopt : moved, there);
}

}  // namespace coffer::rocks
