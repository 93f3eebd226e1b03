// Parts of a file that SQLite writes one behind the other, kept until they are sealed with one derivation and written
// at once. What is kept is written before anything is done that could tell.
#pragma once

#include "coffer/engines/sqlite/head.h"

namespace coffer::sqlite {

class Run {
 public:
  // Whether a part of this size at `offset` goes on where the last one ended.
  bool takes(uint64_t offset, size_t size) const {
    return bytes_.empty() || (offset == end() && size == size_ && bytes_.size() + size <= kSizeMax);
  }
  // REQUIRES: takes()
  void add(uint64_t offset, ByteView part) {
    if (bytes_.empty()) offset_ = offset;
    size_ = part.size();
    bytes_.insert(bytes_.end(), part.begin(), part.end());
  }
  bool empty() const { return bytes_.empty(); }
  void clear() { bytes_.clear(); }
  uint64_t end() const { return offset_ + bytes_.size(); }

  // Seals each part where it lies, by `seal(sealing, offset, part)`, where offset + `moved` is its place in the file,
  // and writes all. Nothing is kept then, whatever comes of it.
  template <class Seal>
  Status write(const Head& head, File& file, uint64_t moved, int* result, const Seal& seal) {
    *result = SQLITE_OK;
    if (empty()) return Status::ok();
    const Status status = head.with_key([&](const SqliteKey& key) -> Status {
      COFFER_ASSIGN(SqliteSealing sealing, SqliteSealing::begin(key));
      for (size_t at = 0; at < bytes_.size(); at += size_) {
        COFFER_TRY(seal(sealing, offset_ + at, MutableBytes(bytes_).subspan(at, size_)));
      }
      return Status::ok();
    });
    if (status.is_ok()) {
      head.count(bytes_.size());
      *result = file.File::write(bytes_, offset_ + moved);
    }
    clear();
    return status;
  }

 private:
  // SQLite's own VFS counts the bytes of a write with 17 bits; one part alone has fewer than that.
  static constexpr size_t kSizeMax = size_t{1} << 16;

  uint64_t offset_ = 0;
  size_t size_ = 0;  // of each part
  Bytes bytes_;
};

}  // namespace coffer::sqlite
