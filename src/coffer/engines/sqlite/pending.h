// Parts of a file that SQLite writes, kept until they are sealed with one derivation and written: those that follow
// each other at once. What is kept is written before anything is done that could tell, and may be read here. SQLite was
// told that it is written; so when that fails whoever has it says so where SQLite then rolls back, or tries again.
#pragma once

#include <algorithm>

#include "coffer/engines/sqlite/head.h"

namespace coffer::sqlite {

class Pending {
 public:
  // Whether one more can be kept: there is room, and nothing is kept for a place in it.
  bool takes(uint64_t offset, size_t size) const {
    return parts_.empty() ||
           (!failed_ && parts_.size() < kPartsMax && used_ + size <= kSizeMax && !touches(offset, size));
  }
  // Where to put a part that is to stand at `offset`: all of it. REQUIRES: takes()
  MutableBytes add(uint64_t offset, size_t size) {
    if (used_ + size > room_) make_room(size);
    parts_.push_back({offset, used_, size});
    used_ += size;
    end_ = std::max(end_, offset + size);
    return bytes_of(parts_.back());
  }
  // The part that is kept for this place, as it was added; empty: there is none.
  MutableBytes find(uint64_t offset, size_t size) const {
    if (offset >= end_ || failed_) return {};
    for (const Part& part : parts_) {
      if (part.offset == offset && part.size == size) return bytes_of(part);
    }
    return {};
  }
  bool touches(uint64_t offset, size_t size) const {
    return offset < end_ && std::ranges::any_of(parts_, [&](const Part& part) {
      return part.offset < offset + size && offset < part.offset + part.size;
    });
  }
  bool empty() const { return parts_.empty(); }
  void clear() {
    parts_.clear();
    used_ = 0;
    end_ = 0;
    sealed_ = 0;
    failed_ = false;
  }
  // Of the part whose place is the last; 0: there is none.
  uint64_t end() const { return end_; }

  // Seals each part where it lies, by `seal(sealing, offset, part)`, where offset + `moved` is its place in the file,
  // and writes all. Nothing is kept then, unless that failed: it can be written another time.
  template <class Seal>
  Status write(const Head& head, File& file, uint64_t moved, int* result, const Seal& seal) {
    *result = SQLITE_OK;
    if (empty()) return Status::ok();
    failed_ = true;
    const Status status = head.with_key([&](const SqliteKey& key) -> Status {
      if (sealed_ == parts_.size()) return Status::ok();
      COFFER_ASSIGN(SqliteSealing sealing, SqliteSealing::begin(key));
      for (; sealed_ < parts_.size(); ++sealed_) {
        COFFER_TRY(seal(sealing, parts_[sealed_].offset, bytes_of(parts_[sealed_])));
      }
      head.count(used_);
      return Status::ok();
    });
    COFFER_TRY(status);
    *result = write_sealed(file, moved);
    if (*result == SQLITE_OK) clear();
    return Status::ok();
  }

 private:
  struct Part {
    uint64_t offset;
    size_t at;  // in bytes_
    size_t size;
  };
  static constexpr size_t kPartsMax = 64;
  // SQLite's own VFS counts the bytes of a write with 17 bits; one part alone has fewer than that.
  static constexpr size_t kSizeMax = size_t{1} << 16;

  MutableBytes bytes_of(const Part& part) const { return {bytes_.get() + part.at, part.size}; }
  // For the first part, or one that is larger than all: others do not come where there is none.
  void make_room(size_t size) {
    room_ = std::max(kSizeMax, size);
    bytes_ = std::make_unique_for_overwrite<uint8_t[]>(room_);
  }
  int write_sealed(File& file, uint64_t moved) const {
    int result = SQLITE_OK;
    for (size_t i = 0; i < parts_.size() && result == SQLITE_OK;) {
      const Part& first = parts_[i];
      size_t size = 0;
      for (; i < parts_.size() && parts_[i].offset == first.offset + size; ++i) size += parts_[i].size;
      result = file.File::write({bytes_.get() + first.at, size}, first.offset + moved);
    }
    return result;
  }

  std::vector<Part> parts_;  // in the order in which they came
  std::unique_ptr<uint8_t[]> bytes_;
  size_t room_ = 0;  // in bytes_
  size_t used_ = 0;
  uint64_t end_ = 0;
  size_t sealed_ = 0;  // so many of the parts are
  bool failed_ = false;
};

}  // namespace coffer::sqlite
