#include "coffer/files/encrypt_in_place.h"

#include "coffer/base/path.h"
#include "coffer/files/disk_append_file.h"
#include "coffer/files/file_head.h"

namespace coffer {
namespace {

// As successors of files are called, so that what a crash leaves is removed as theirs is.
std::string beside(const std::string& path) {
  return std::string(parent_of(path)) + "/.coffer-new." + std::string(base_name(path));
}

Status write_copy(Coffer& coffer, const ReadableFile& source, const NewFilePlace& place, const FileInfo& info) {
  constexpr size_t kPieceSize = 64 * 1024;
  COFFER_ASSIGN(NewFile header, new_header(coffer, place));
  COFFER_ASSIGN(auto writer, new_writer({std::shared_ptr<void>(), &coffer}, std::move(header), place.role));
  const std::string copy = beside(place.path);
  if (Status gone = coffer.disk().remove(copy); gone.code() != Code::kNotFound) COFFER_TRY(gone);
  COFFER_ASSIGN(auto created, coffer.disk().create(copy, info.mode));
  COFFER_TRY(created->set_owner(info.owner, info.group));
  DiskAppendFile file(coffer.disk(), copy, std::move(created));
  Bytes piece(kPieceSize);
  for (uint64_t offset = 0;;) {
    COFFER_ASSIGN(const size_t count, source.read_at(offset, piece));
    COFFER_TRY(writer->append(ByteView(piece).first(count), file));
    offset += count;
    if (count < piece.size()) break;
  }
  COFFER_TRY(writer->sync(true, file));
  return writer->close(file);
}

}  // namespace

Result<bool> encrypt_in_place(Coffer& coffer, const NewFilePlace& place) {
  auto source = coffer.disk().open_read(place.path);
  if (source.code() == Code::kNotFound) return false;
  COFFER_TRY(source.status());
  COFFER_ASSIGN(const FileHead head, read_head(**source, place.path));
  if (!head.is(FileHead::What::kPlaintext)) return false;
  COFFER_ASSIGN(const FileInfo info, (*source)->info());
  COFFER_TRY(write_copy(coffer, **source, place, info).with_context(place.path));
  COFFER_TRY(coffer.disk().rename(beside(place.path), place.path));
  COFFER_TRY(coffer.disk().sync_directory(std::string(parent_of(place.path))));
  return true;
}

}  // namespace coffer
