// How a file that is changed in place gets a successor, of which every hole is one again.
#include "coffer/files/read_exactly.h"
#include "coffer/files/successor.h"

namespace coffer {
namespace {

// So much of a successor goes to the disk at once, at least, where the pace is limited.
constexpr uint64_t kSyncedMin = uint64_t{16} << 20;

}  // namespace

Result<std::unique_ptr<WritableFile>> Successors::open_alone(const std::string& path) const {
  COFFER_ASSIGN(auto file, coffer_.disk().open_write(path));
  COFFER_TRY(file->check_alone());
  return file;
}

Status Successors::copy_piece(const PagesFile& from, uint64_t offset, MutableBytes piece, PagesFile& to) {
  COFFER_ASSIGN(const size_t count, from.read(offset, piece));
  if (count != piece.size()) return {Code::kInternal, "a pages file ends before its size"};
  return hand_over(piece, [&](ByteView bytes) {
    COFFER_TRY(to.write(offset, bytes));
    offset += bytes.size();
    return Status::ok();
  });
}

Status Successors::copy_pages(const PagesFile& from, PagesFile& to) {
  COFFER_TRY(around_.pace.wait_for(kEnvelopeSize));
  const uint64_t size = from.size();
  Bytes buffer(kReadPieceSize);
  uint64_t unsynced = 0;
  for (uint64_t offset = 0; offset < size;) {
    COFFER_ASSIGN(offset, from.seek_data(offset));
    if (offset == size) break;
    COFFER_ASSIGN(const uint64_t end, from.seek_hole(offset));
    while (offset < end) {
      const uint64_t count = std::min<uint64_t>(buffer.size(), end - offset);
      COFFER_TRY(copy_piece(from, offset, MutableBytes(buffer).first(count), to));
      offset += count;
      unsynced += count;
      // So that the last sync is no burst.
      if (around_.pace.is_limited() && unsynced >= std::max(kSyncedMin, around_.pace.bytes_per_second())) {
        COFFER_TRY(to.sync());
        unsynced = 0;
      }
    }
  }
  COFFER_TRY(to.truncate(size));
  return to.close();
}

Result<Successors::Made> Successors::make_pages(const std::string& path, const FileInfo& info) {
  COFFER_ASSIGN(auto source, open_alone(path));
  COFFER_ASSIGN(const FileHead head, read_head(*source, path));
  COFFER_TRY(head.refusal);
  if (!head.is(FileHead::What::kCoffer)) return {Code::kConflict, path + ": was emptied meanwhile; repeat"};
  COFFER_ASSIGN(const OpenedFile opened, coffer_.open_file(head.scan, path));
  auto header = header_like(opened.fields);
  if (!header.is_ok()) return header.status().with_context(path);
  Made made{.fields = header->fields, .is_marked = false};
  {
    auto from = PagesFile::open(opened, std::move(source));
    if (!from.is_ok()) return from.status().with_context(path);
    COFFER_ASSIGN(auto created, create_beside(path, info));
    COFFER_ASSIGN(const auto to, PagesFile::create(*header, std::move(created)));
    to->be_counted(coffer_.usage().counter(made.fields.domain_key_id));
    COFFER_TRY(copy_pages(**from, *to).with_context(path));
  }
  COFFER_ASSIGN(made.size, finish(path, info));
  COFFER_ASSIGN(made.source, open_alone(path));
  return made;
}

}  // namespace coffer
