#include "coffer/files/file_head.h"

#include <algorithm>

namespace coffer {
namespace {

// Of a file that ends inside its header. A crash may leave sectors in any order: either slot may be there as far as the
// file goes, or be a hole.
bool begins_like_a_header(ByteView start) {
  auto begins_like_a_slot = [](ByteView slot) {
    const size_t count = std::min(slot.size(), kEnvelopeMagic.size());
    return std::ranges::equal(slot.first(count), ByteView(kEnvelopeMagic).first(count)) || is_all_zero(slot);
  };
  const size_t first = std::min(start.size(), kSlotSize);
  return begins_like_a_slot(start.first(first)) && begins_like_a_slot(start.subspan(first));
}

// Whether all that stands behind the header is zeros: space that was allocated ahead.
Result<bool> is_empty_behind(const ReadableFile& file) {
  constexpr size_t kPieceSize = 256 * 1024;
  Bytes piece(kPieceSize);
  for (uint64_t offset = kEnvelopeSize;;) {
    COFFER_ASSIGN(offset, file.next_data(offset));
    COFFER_ASSIGN(const size_t count, file.read_at(offset, piece));
    if (!is_all_zero(ByteView(piece).first(count))) return false;
    if (count < piece.size()) return true;
    offset += count;
  }
}

FileHead refused(FileHead::What what, Status why) { return {.what = what, .scan = {}, .refusal = std::move(why)}; }

}  // namespace

FileHead look_at_head(ByteView start, const std::string& path) {
  using What = FileHead::What;
  if (start.size() < kEnvelopeSize) {
    if (begins_like_a_header(start)) return {};
    return refused(What::kPlaintext, {Code::kPlaintext, path + ": not a Coffer file: too short for an encrypted " +
                                                            "header, and not the beginning of one"});
  }
  auto scan = scan_envelope(start);
  if (!scan.is_ok()) {
    const What what = scan.code() == Code::kPlaintext ? What::kPlaintext : What::kUnreadable;
    return refused(what, scan.status().with_context(path));
  }
  if (scan->current < 0) return {};  // all zeros
  return {.what = What::kCoffer, .scan = std::move(*scan), .refusal = {}};
}

Result<FileHead> judge_head(ByteView start, const ReadableFile& file, const std::string& path) {
  FileHead head = look_at_head(start, path);
  if (!head.is(FileHead::What::kNothing) || start.size() < kEnvelopeSize) return head;
  COFFER_ASSIGN(const bool empty, is_empty_behind(file));
  if (empty) return head;
  return refused(
      FileHead::What::kUnreadable,
      {Code::kDamaged, path + ": its header is gone (all zeros), and what stands behind it is not; restore " +
                           "the file from a backup or a replica"});
}

Result<FileHead> read_head(const ReadableFile& file, const std::string& path) {
  Bytes start(kEnvelopeSize);
  COFFER_ASSIGN(size_t count, file.read_at(0, start));
  return judge_head(ByteView(start).first(count), file, path);
}

}  // namespace coffer
