#include "coffer/engines/sqlite/database_file.h"

#include <algorithm>

#include "coffer/engines/sqlite/failure.h"
#include "coffer/format/sqlite_page.h"

namespace coffer::sqlite {
namespace {

constexpr size_t kOpeningReadSize = 100;  // SQLite reads so much before it has any lock
constexpr uint64_t kVersionOffset = 24;   // and this, of 16 bytes, to see whether its cache is still good

uint32_t number_of(uint64_t offset, size_t page_size) { return static_cast<uint32_t>(offset / page_size + 1); }

}  // namespace

// With nolock and immutable SQLite takes no lock, and its first look is one of these.
int DatabaseFile::size(uint64_t* size) {
  const int result = is_locked_ ? SQLITE_OK : begin();
  return result == SQLITE_OK ? measure(size) : result;
}

int DatabaseFile::measure(uint64_t* size) {
  const int result = File::size(size);
  *size -= std::min<uint64_t>(*size, kEnvelopeSize);
  *size = std::max(*size, pending_.end());
  return result;
}

// By what page 1 says in clear; its seal proves it when it is opened.
int DatabaseFile::find_page_size() {
  std::array<uint8_t, kSqliteClearSize> start{};
  const int result = File::read(start, kEnvelopeSize);
  if (result != SQLITE_OK) return result;
  page_size_ = sqlite_page_size(start);
  if (page_size_ != 0) return SQLITE_OK;
  return failed({Code::kDamaged, "its first page does not begin as one of SQLite's"}, path());
}

// SQLITE_IOERR_SHORT_READ, and zeros, behind the end of the file. `seal`, if not null, gets what stands in the file at
// the page's end, unless the page is kept here. REQUIRES: `out` has the size of a page
int DatabaseFile::read_page(uint32_t number, MutableBytes out, Bytes* seal) {
  const ByteView kept = pending_.find(uint64_t{number - 1} * page_size_, page_size_);
  if (!kept.empty()) {
    std::ranges::copy(kept, out.begin());
    return SQLITE_OK;
  }
  const int result = read_sealed(number, out, seal);
  if (result != SQLITE_OK) std::ranges::fill(out, uint8_t{0});
  return result;
}

int DatabaseFile::read_sealed(uint32_t number, MutableBytes out, Bytes* seal) {
  const uint64_t offset = kEnvelopeSize + uint64_t{number - 1} * page_size_;
  int result = File::read(out, offset);
  if (result == SQLITE_IOERR_SHORT_READ) {
    uint64_t physical = 0;
    const int measured = File::size(&physical);
    if (measured != SQLITE_OK) return measured;
    if (physical <= offset) return result;
    return failed({Code::kTruncated, "ends inside page " + std::to_string(number)}, path());
  }
  if (result != SQLITE_OK) return result;
  if (seal != nullptr) seal->assign(out.end() - kSqliteReserve, out.end());
  // Another process may have emptied the database and begun it anew.
  const bool resized = number == 1 && sqlite_page_size(out) != page_size_ && sqlite_page_size(out) != 0;
  if (resized) return SQLITE_NOTFOUND;
  const Status status = head_.with_key([&](const SqliteKey& key) {
    return open_sqlite_page(key, {head_.file_id(), number}, out, out.data());
  });
  return status.is_ok() ? SQLITE_OK : failed(status, path());
}

int DatabaseFile::read(MutableBytes out, uint64_t offset) {
  const bool knows_pages = is_locked_ && head_.has_key() && page_size_ != 0;
  if (knows_pages && offset % page_size_ == 0 && out.size() == page_size_) {
    const int result = read_page(number_of(offset, page_size_), out);
    if (result != SQLITE_NOTFOUND) return result;
  }
  std::ranges::fill(out, uint8_t{0});
  int result = is_locked_ ? SQLITE_OK : begin();
  if (result != SQLITE_OK) return result;
  const Status status = head_.look();
  if (!status.is_ok()) return failed(status, path());
  if (!head_.has_key()) return SQLITE_IOERR_SHORT_READ;
  if (page_size_ == 0 && (result = find_page_size()) != SQLITE_OK) return result;
  if (offset == 0 || offset == kVersionOffset) return read_start(out, offset);
  if (offset % page_size_ == 0 && out.size() == page_size_) return read_page(number_of(offset, page_size_), out);
  return failed({Code::kInternal, "SQLite reads what is no page"}, path());
}

// Every sealing has another nonce: a page whose seal is the same is the one that was opened.
bool DatabaseFile::is_first_unchanged() {
  if (first_seal_.empty() || first_page_.size() != page_size_ || pending_.touches(0, page_size_)) return false;
  if (!head_.with_key([](const SqliteKey&) { return Status::ok(); }).is_ok()) return false;
  std::array<uint8_t, kSqliteReserve> seal{};
  return File::read(seal, kEnvelopeSize + page_size_ - seal.size()) == SQLITE_OK &&
         std::ranges::equal(seal, first_seal_);
}

int DatabaseFile::read_first() {
  first_seal_.clear();
  first_page_.resize(page_size_);
  const int result = read_page(1, first_page_, &first_seal_);
  if (result != SQLITE_OK) first_seal_.clear();
  return result;
}

// Page 1, or a part of it. Both parts are read before SQLite knows whether a journal has to repair the page first: what
// does not open then reads as if there was no page, and is told when the whole page is read.
int DatabaseFile::read_start(MutableBytes out, uint64_t offset) {
  int result = SQLITE_OK;
  if (offset != kVersionOffset || !is_first_unchanged()) {
    result = read_first();
    if (result == SQLITE_NOTFOUND) {
      if ((result = find_page_size()) != SQLITE_OK) return result;
      result = read_first();
    }
  }
  const bool is_early = out.size() <= kOpeningReadSize;
  if (result != SQLITE_OK) return is_early && result == SQLITE_IOERR_DATA ? SQLITE_IOERR_SHORT_READ : result;
  const size_t count = std::min<size_t>(out.size(), first_page_.size() - offset);
  std::copy_n(first_page_.begin() + static_cast<ptrdiff_t>(offset), count, out.begin());
  return count == out.size() ? SQLITE_OK : SQLITE_IOERR_SHORT_READ;
}

int DatabaseFile::make_head() {
  Status status = head_.look();
  if (status.is_ok() && !head_.has_key()) status = head_.make();
  return status.is_ok() ? SQLITE_OK : failed(status, path());
}

Result<Id> DatabaseFile::file_id() {
  if (!head_.has_key() && make_head() != SQLITE_OK) {
    return {Code::kIo, path() + ": has no header, and none can be written"};
  }
  return head_.file_id();
}

Identity DatabaseFile::identity_of(std::string path, Kind kind) const {
  return {head_.identity().coffer, std::move(path), head_.identity().domain, kind};
}

// Only where SQLite rolls back if it fails: nothing is kept then.
int DatabaseFile::flush() {
  if (pending_.empty()) return SQLITE_OK;
  int result = journal_ == nullptr ? SQLITE_OK : journal_->flush();
  Status status;
  if (result == SQLITE_OK) {
    status = pending_.write(
        head_, *this, kEnvelopeSize, &result, [&](SqliteSealing& sealing, uint64_t offset, MutableBytes page) {
          return seal_sqlite_page(sealing, {head_.file_id(), number_of(offset, page.size())}, page, page.data());
        });
  }
  pending_.clear();
  return status.is_ok() ? result : failed(status, path());
}

int DatabaseFile::write_page(uint64_t offset, ByteView page) {
  const Status status = check_sqlite_page({head_.file_id(), number_of(offset, page.size())}, page);
  if (!status.is_ok()) {
    failed(status, path());
    return SQLITE_IOERR_WRITE;
  }
  MutableBytes kept = pending_.find(offset, page.size());
  if (kept.empty()) {
    const int result = pending_.takes(offset, page.size()) ? SQLITE_OK : flush();
    if (result != SQLITE_OK) return result;
    kept = pending_.add(offset, page.size());
  }
  std::ranges::copy(page, kept.begin());
  // SQLite does not ask for an error at the end of a checkpoint.
  return in_checkpoint_ ? flush() : SQLITE_OK;
}

// A page that is left out in a file that grows is written as one of zeros: else nobody could tell it from one that the
// disk has lost. Page 1, which says more, is left: SQLite calls zeros there no database.
int DatabaseFile::fill_gap(uint64_t offset) {
  uint64_t size = 0;
  int result = measure(&size);
  const uint64_t begin = std::max<uint64_t>(size, page_size_);
  page_.assign(page_size_, 0);
  for (uint64_t at = begin; result == SQLITE_OK && at < offset; at += page_size_) {
    result = write_page(at, page_);
  }
  // After a checkpoint that a crash has cut short, the log does not bring them again.
  if (result == SQLITE_OK && in_checkpoint_ && begin < offset) result = sync(SQLITE_SYNC_NORMAL);
  return result;
}

int DatabaseFile::write(ByteView bytes, uint64_t offset) {
  int result = head_.has_key() ? SQLITE_OK : make_head();
  if (result != SQLITE_OK) return result;
  if (page_size_ == 0) {
    uint64_t size = 0;
    if ((result = measure(&size)) != SQLITE_OK) return result;
    if (size != 0 && (result = find_page_size()) != SQLITE_OK) return result;
    if (size == 0 && is_sqlite_page_size(bytes.size())) page_size_ = static_cast<uint32_t>(bytes.size());
  }
  if (bytes.size() != page_size_ || offset % page_size_ != 0) {
    const int code = failed({Code::kInvalidArgument,
                             "pages of " + std::to_string(bytes.size()) + " bytes cannot be written to a database of " +
                                 std::to_string(page_size_) + ": copy it with VACUUM INTO"},
                            path());
    return code == SQLITE_OK ? code : SQLITE_IOERR_WRITE;
  }
  if (offset > end_ && (result = fill_gap(offset)) != SQLITE_OK) return result;
  result = write_page(offset, bytes);
  if (result == SQLITE_OK) end_ = std::max(end_, offset + bytes.size());
  return result;
}

int DatabaseFile::sync(int flags) {
  const int result = flush();
  return result == SQLITE_OK ? File::sync(flags) : result;
}

int DatabaseFile::unlock(int level) {
  const int result = flush();
  const int unlocked = File::unlock(level);
  is_locked_ = is_locked_ && level != SQLITE_LOCK_NONE;
  return result == SQLITE_OK ? unlocked : result;
}

int DatabaseFile::truncate(uint64_t size) {
  const int flushed = flush();
  if (flushed != SQLITE_OK) return flushed;
  end_ = size;
  if (size == 0) page_size_ = 0;
  return File::truncate(head_.has_key() ? kEnvelopeSize + size : 0);
}

int DatabaseFile::lock(int level) {
  const int result = File::lock(level);
  growth().forget();
  if (result != SQLITE_OK || level != SQLITE_LOCK_SHARED) return result;
  is_locked_ = true;
  end_ = 0;
  const int begun = begin();
  if (begun != SQLITE_OK) unlock(SQLITE_LOCK_NONE);
  return begun;
}

int DatabaseFile::control(int operation, void* argument) {
  switch (operation) {
    // Comes at each commit, even if nothing is synced.
    case SQLITE_FCNTL_SYNC: {
      const int flushed = flush();
      if (flushed != SQLITE_OK) return flushed;
      break;
    }
    case SQLITE_FCNTL_PDB: connection_ = static_cast<sqlite3**>(argument); break;
    case SQLITE_FCNTL_PRAGMA: {
      const int result = pragma(static_cast<char**>(argument));
      if (result != SQLITE_NOTFOUND) return result;
      break;
    }
    // The file below has its own size, and what lies in it cannot be mapped.
    case SQLITE_FCNTL_SIZE_HINT:
    case SQLITE_FCNTL_CHUNK_SIZE: return SQLITE_OK;
    case SQLITE_FCNTL_MMAP_SIZE: *static_cast<sqlite3_int64*>(argument) = 0; return SQLITE_OK;
    // Another process may have made the file smaller since.
    case SQLITE_FCNTL_CKPT_START:
      end_ = 0;
      growth().forget();
      in_checkpoint_ = true;
      break;
    case SQLITE_FCNTL_CKPT_DONE: in_checkpoint_ = false; break;
    default: break;
  }
  return File::control(operation, argument);
}

int DatabaseFile::shm_map(int region, int size, int extend, void volatile** out) {
  const int result = shared_memory_.map(region, size, extend, out);
  if (region == 0) wal_index_ = result == SQLITE_OK ? *out : nullptr;
  return result;
}

int DatabaseFile::shm_lock(int offset, int count, int flags) {
  constexpr int kWriteLock = 0;
  // A shared cache keeps the database locked while it has a log.
  const int begun = (flags & SQLITE_SHM_LOCK) != 0 && offset > kWriteLock ? begin() : SQLITE_OK;
  if (begun != SQLITE_OK) return begun;
  const int result = shared_memory_.lock(offset, count, flags);
  if (result == SQLITE_OK && (flags & SQLITE_SHM_EXCLUSIVE) != 0 && offset == kWriteLock) ++write_turn_;
  return result;
}

int DatabaseFile::shm_unmap(int remove) {
  wal_index_ = nullptr;
  shared_memory_.unmap(remove != 0);
  return SQLITE_OK;
}

std::optional<std::array<uint8_t, 8>> DatabaseFile::wal_salts() const {
  constexpr size_t kSaltsOffset = 32;  // of SQLite's WalIndexHdr
  if (wal_index_ == nullptr) return std::nullopt;
  std::array<uint8_t, 8> out;
  for (size_t i = 0; i < out.size(); ++i) out[i] = static_cast<const uint8_t volatile*>(wal_index_)[kSaltsOffset + i];
  return out;
}

}  // namespace coffer::sqlite
