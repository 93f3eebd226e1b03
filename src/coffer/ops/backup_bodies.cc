#include "coffer/ops/backup_bodies.h"

#include <algorithm>

#include "coffer/base/clock.h"
#include "coffer/io/unchanged.h"
#include "coffer/ops/backup_names.h"
#include "coffer/ops/leaving.h"

namespace coffer {

void BackupBodies::begin_round(uint64_t to_do) {
  if (clock_.happened()) known_.clear();  // times tell nothing
  counted_.clear();
  counts_.left_out = 0;
  counts_.to_do = to_do;
}

void BackupBodies::count(const Sha256& digest, uint64_t size) {
  // Its bytes were counted as they went.
  if (!put_.contains(digest) || !counted_.insert(digest).second) counts_.left_out += size;
  if (progress_) progress_(counts_);
}

bool BackupBodies::has(const FileInfo& info) const {
  const auto found = known_.find({info.device, info.inode});
  return found != known_.end() && is_same_state(found->second.info, info);
}

Status BackupBodies::lost(const std::string& path) {
  lost_file_ = true;
  return changed_meanwhile(path);
}

Result<Sha256> BackupBodies::put(const std::string& path, const FileInfo& info) {
  lost_file_ = false;
  if (has(info)) {
    const Sha256 digest = known_[{info.device, info.inode}].digest;
    count(digest, info.size - kEnvelopeSize);
    return digest;
  }
  // Taken before it is read: a change that comes while it is read has a later time than the file then has.
  const bool settled = is_settled(info, now_nanoseconds());
  COFFER_ASSIGN(const Sha256 digest, read(path, info));
  if (settled) known_[{info.device, info.inode}] = {info, digest};
  count(digest, info.size - kEnvelopeSize);
  return digest;
}

Result<Sha256> BackupBodies::read(const std::string& path, const FileInfo& info) {
  auto from = disk_.open_read(path);
  if (from.code() == Code::kNotFound) lost_file_ = true;
  if (!from.is_ok()) return from.status();
  const uint64_t size = info.size - kEnvelopeSize;
  const auto digest = digest_of_body(**from, size);
  if (digest.code() == Code::kTruncated) return lost(path);
  if (!digest.is_ok()) return digest;
  const std::string name = backup_object_name(*digest);
  COFFER_ASSIGN(const std::optional<uint64_t> there, target_.size_of(name));
  if (there != size) COFFER_TRY(put_as(*digest, **from, path, size));
  COFFER_ASSIGN(const FileInfo now, (*from)->info());
  return is_unchanged(info, now) ? digest : lost(path);
}

// Once more it is read, and kept only if it is the same.
Status BackupBodies::put_as(const Sha256& digest, const ReadableFile& from, const std::string& path, uint64_t size) {
  uint64_t at = 0;
  DigestOfPieces again;
  Bytes piece(kFileStreamChunkSize);
  size_t given = piece.size();  // of the piece
  size_t in_piece = given;
  const Status done = target_.put(backup_object_name(digest), [&](MutableBytes out) -> Result<size_t> {
    if (given == in_piece) {
      if (at == size) {
        COFFER_ASSIGN(const Sha256 read, again.finish());
        return read == digest ? Result<size_t>(size_t{0}) : lost(path);
      }
      given = 0;
      in_piece = std::min<uint64_t>(piece.size(), size - at);
      const MutableBytes next = MutableBytes(piece).first(in_piece);
      COFFER_ASSIGN(const size_t count, from.read_at(kEnvelopeSize + at, next));
      if (count < in_piece) return lost(path);
      COFFER_TRY(again.add(next));
      at += in_piece;
      counts_.bytes += in_piece;
      if (progress_) progress_(counts_);
    }
    const size_t count = std::min(out.size(), in_piece - given);
    std::copy_n(piece.begin() + static_cast<ptrdiff_t>(given), count, out.begin());
    given += count;
    return count;
  });
  if (done.is_ok()) put_.insert(digest);
  return done;
}

}  // namespace coffer
