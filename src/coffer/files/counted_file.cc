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

}  // namespace coffer
