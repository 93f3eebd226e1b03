#include "coffer/files/counted_file.h"

namespace coffer {

FileClass class_of(const FileHead& head) {
  switch (head.what) {
    case FileHead::What::kNothing: return {.what = FileClass::What::kEmpty};
    case FileHead::What::kPlaintext: return {.what = FileClass::What::kPlaintext};
    case FileHead::What::kUnreadable: return {.what = FileClass::What::kUnreadable};
    case FileHead::What::kCoffer: break;
  }
  return class_of(head.scan);
}

std::optional<CountedFile> counted_at(Coffer& coffer, const std::string& path) {
  if (!coffer.file_counts().are_kept()) return std::nullopt;
  const auto file = coffer.disk().open_read(path);
  if (!file.is_ok()) return std::nullopt;
  const auto size = (*file)->size();
  const auto head = read_head(**file, path);
  if (!size.is_ok() || !head.is_ok()) return std::nullopt;
  return CountedFile{coffer.file_counts().store_of(path), class_of(*head), *size};
}

Status remove_counted(Coffer& coffer, const std::string& path) {
  const auto found = coffer.disk().info(path);
  if (found.is_ok() && found->is_directory) {
    return {Code::kInvalidArgument, path + ": is a directory; expected a file"};
  }
  const auto gone = counted_at(coffer, path);
  COFFER_TRY(coffer.disk().remove(path));
  coffer.file_counts().changed(gone, std::nullopt);
  return Status::ok();
}

Status rename_counted(Coffer& coffer, const std::string& from, const std::string& to) {
  FileCounts& counts = coffer.file_counts();
  std::optional<CountedFile> moved, replaced;
  if (counts.are_kept()) {
    COFFER_ASSIGN(const FileInfo before, coffer.disk().info(from));
    const auto there = coffer.disk().info(to);
    // Two names of one file both stay.
    const bool is_same = there.is_ok() && there->inode == before.inode && there->device == before.device;
    if (!is_same) replaced = counted_at(coffer, to);
    if (!is_same && counts.store_of(from) != counts.store_of(to)) moved = counted_at(coffer, from);
  }
  COFFER_TRY(coffer.disk().rename(from, to));
  counts.changed(replaced, std::nullopt);
  if (!moved) return Status::ok();
  CountedFile there = *moved;
  there.store = counts.store_of(to);
  counts.changed(moved, there);
  return Status::ok();
}

Status link_counted(Coffer& coffer, const std::string& existing, const std::string& path) {
  COFFER_TRY(coffer.disk().link(existing, path));
  coffer.file_counts().changed(std::nullopt, counted_at(coffer, path));
  return Status::ok();
}

}  // namespace coffer
