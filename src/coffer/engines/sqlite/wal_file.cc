#include "coffer/engines/sqlite/wal_file.h"

#include <algorithm>

#include "coffer/engines/sqlite/failure.h"

namespace coffer::sqlite {
namespace {

// Of a frame's header: how large the database is from then on; 0 in all but the last frame of a transaction.
constexpr size_t kCommitOffset = 4;
constexpr size_t kCommitSize = 4;

}  // namespace

int WalFile::fail(const Status& status) {
  const int result = failed(status, path());
  return status.code() == Code::kInvalidArgument ? SQLITE_IOERR_WRITE : result;
}

// What is kept at the end of a turn to write was not committed: others may have written to its place since.
void WalFile::drop_of_earlier_turn() {
  if (write_turn_ != database_.write_turn()) pending_.clear();
}

// Only where SQLite rolls back if it fails: nothing is kept then.
int WalFile::flush() {
  drop_of_earlier_turn();
  int result = SQLITE_OK;
  const auto seal = [&](SqliteSealing& sealing, uint64_t offset, MutableBytes part) -> Status {
    const auto index = static_cast<uint32_t>(offset / stride());
    const bool has_header = offset % stride() == 0;
    if (has_header) {
      COFFER_TRY(seal_wal_frame_header(sealing, *life_, index, part.first<kWalFrameHeaderSize>(), part.data()));
    }
    const MutableBytes page = part.subspan(has_header ? kWalSealedHeaderSize : 0);
    return page.empty() ? Status::ok() : seal_wal_page(sealing, *life_, index, page, page.data());
  };
  const Status status = pending_.write(head_, *this, kFramesOffset, &result, seal);
  pending_.clear();
  return status.is_ok() ? result : fail(status);
}

int WalFile::sync(int flags) {
  const int result = flush();
  return result == SQLITE_OK ? File::sync(flags) : result;
}

// Of whole frames: what is behind the last was torn off.
int WalFile::size(uint64_t* size) {
  int result = flush();
  if (result == SQLITE_OK) result = File::size(size);
  if (result != SQLITE_OK || *size <= kFramesOffset) {
    *size = *size > kEnvelopeSize ? kWalHeaderSize : 0;
    return result;
  }
  const Status status = head_.look();
  if (!status.is_ok()) return fail(status);
  if (!life_ && head_.has_key() && (result = read_header()) != SQLITE_OK) return result;
  *size = kWalHeaderSize + (life_ ? (*size - kFramesOffset) / stride() * frame_size() : 0);
  return SQLITE_OK;
}

int WalFile::truncate(uint64_t size) {
  const int flushed = flush();
  if (flushed != SQLITE_OK) return flushed;
  piece_.clear();
  written_end_ = 0;
  const Status status = head_.look();
  if (!status.is_ok()) return fail(status);
  if (!head_.has_key()) return File::truncate(0);
  if (size == 0 || !life_) {
    life_.reset();
    return File::truncate(kEnvelopeSize);
  }
  const uint64_t frames = (std::max<uint64_t>(size, kWalHeaderSize) - kWalHeaderSize + frame_size() - 1) / frame_size();
  return File::truncate(physical(static_cast<uint32_t>(frames)));
}

int WalFile::follow_writers() {
  if (life_ && write_turn_ == database_.write_turn()) return SQLITE_OK;
  drop_of_earlier_turn();
  committed_.reset();
  write_turn_ = database_.write_turn();
  written_end_ = 0;
  const Status status = head_.look();
  if (!status.is_ok()) return fail(status);
  growth().doubt();
  const int result = head_.has_key() ? read_header() : SQLITE_OK;
  return result == SQLITE_OK && !life_ ? SQLITE_IOERR_WRITE : result;
}

int WalFile::write(ByteView bytes, uint64_t offset) {
  if (offset == 0 && bytes.size() == kWalHeaderSize) return write_header(bytes);
  const int followed = follow_writers();
  if (followed != SQLITE_OK) return followed;
  if (offset < kWalHeaderSize) return fail({Code::kInternal, "SQLite writes what is no header of a log"});
  const auto index = static_cast<uint32_t>((offset - kWalHeaderSize) / frame_size());
  const size_t skipped = (offset - kWalHeaderSize) % frame_size();
  const bool goes_on = !piece_.empty() && index == piece_index_ && skipped == piece_.size();
  if (goes_on) return write_piece(bytes, index);
  piece_.clear();
  if (skipped == 0 && index >= written_end_) return write_piece(bytes, index);
  return change(index, bytes, skipped);
}

int WalFile::write_header(ByteView bytes) {
  pending_.clear();
  Status status = head_.look();
  if (status.is_ok() && !head_.has_key()) status = head_.make();
  const auto database_id = database_.file_id();
  if (status.is_ok()) status = database_id.status();
  if (!status.is_ok()) return fail(status);
  WalHeader header;
  std::ranges::copy(bytes, header.bytes.begin());
  if (!is_sqlite_page_size(header.page_size())) {
    return fail({Code::kInvalidArgument, "a log of pages that a database of Coffer's does not have"});
  }
  Sector sector;
  status = head_.with_key([&](const SqliteKey& key) -> Status {
    COFFER_ASSIGN(SqliteSealing sealing, SqliteSealing::begin(key));
    return seal_wal_header(sealing, *database_id, header, sector);
  });
  if (!status.is_ok()) return fail(status);
  head_.count(sector.size());
  growth().forget();
  const int result = File::write(sector, kEnvelopeSize);
  header_ = header;
  page_size_ = header.page_size();
  life_ = WalLife{*database_id, header.salts()};
  written_end_ = 0;
  write_turn_ = database_.write_turn();
  salts_seen_ = database_.wal_salts();
  piece_.clear();
  return result;
}

int WalFile::write_piece(ByteView bytes, uint32_t index) {
  piece_index_ = index;
  const size_t size = piece_.size() + bytes.size();
  if (size > frame_size()) return fail({Code::kInternal, "SQLite writes what is no frame of a log"});
  if (size < frame_size()) {
    piece_.insert(piece_.end(), bytes.begin(), bytes.end());
    return SQLITE_OK;
  }
  if (piece_.size() < kWalFrameHeaderSize) {
    const size_t missing = kWalFrameHeaderSize - piece_.size();
    piece_.insert(piece_.end(), bytes.begin(), bytes.begin() + static_cast<ptrdiff_t>(missing));
    bytes = bytes.subspan(missing);
  }
  const ByteView first = piece_;
  MutableBytes frame;
  const int result = keep(uint64_t{index} * stride(), stride(), &frame);
  if (result != SQLITE_OK) return result;
  std::ranges::copy(first.first(kWalFrameHeaderSize), frame.begin());
  const MutableBytes page = frame.subspan(kWalSealedHeaderSize);
  const auto behind = std::ranges::copy(first.subspan(kWalFrameHeaderSize), page.begin()).out;
  std::ranges::copy(bytes, behind);
  piece_.clear();
  written_end_ = std::max(written_end_, index + 1);
  return flush_if_committed(index, frame);
}

// SQLite writes a page anew that is in the log already since this transaction began, and then the headers of all frames
// from there on, since each has a checksum of all before it.
int WalFile::change(uint32_t index, ByteView bytes, size_t skipped) {
  const bool is_header = skipped == 0 && bytes.size() == kWalFrameHeaderSize;
  if (!is_header && (skipped != kWalFrameHeaderSize || bytes.size() != page_size_)) {
    return fail({Code::kInternal, "SQLite writes what is no frame of a log"});
  }
  const uint64_t offset = uint64_t{index} * stride();
  const size_t from = is_header ? 0 : kWalSealedHeaderSize;
  MutableBytes part = pending_.find(offset, stride());
  if (!part.empty()) {
    part = part.subspan(from);
  } else {
    const int result = keep(offset + from, is_header ? kWalSealedHeaderSize : page_size_, &part);
    if (result != SQLITE_OK) return result;
  }
  std::ranges::copy(bytes, part.begin());
  if (is_header) return flush_if_committed(index, part);
  return committed_ == index ? flush() : SQLITE_OK;
}

int WalFile::keep(uint64_t offset, size_t size, MutableBytes* part) {
  *part = pending_.find(offset, size);
  if (!part->empty()) return SQLITE_OK;
  const int result = pending_.takes(offset, size) ? SQLITE_OK : flush();
  if (result == SQLITE_OK) *part = pending_.add(offset, size);
  return result;
}

// After the frame that commits a transaction, and after its header if that is written anew, SQLite tells other
// processes of it, and asks nobody before: so that does not wait.
int WalFile::flush_if_committed(uint32_t index, ByteView header) {
  committed_.reset();
  if (is_all_zero(header.subspan(kCommitOffset, kCommitSize))) return SQLITE_OK;
  committed_ = index;
  return flush();
}

}  // namespace coffer::sqlite
