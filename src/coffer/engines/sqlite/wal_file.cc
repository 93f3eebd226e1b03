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

int WalFile::flush() {
  int result = SQLITE_OK;
  const Status status = run_.write(
      head_, *this, kFramesOffset, &result, [&](SqliteSealing& sealing, uint64_t offset, MutableBytes frame) -> Status {
        const auto index = static_cast<uint32_t>(offset / frame.size());
        COFFER_TRY(seal_wal_frame_header(sealing, *life_, index, frame.first<kWalFrameHeaderSize>(), frame.data()));
        const MutableBytes page = frame.subspan(kWalSealedHeaderSize);
        return seal_wal_page(sealing, *life_, index, page, page.data());
      });
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

// --- reading

// Zeros are no header: a log that nobody has begun, or never synced.
int WalFile::read_header() {
  life_.reset();
  header_ = {};
  Sector sector{};
  const int result = File::read(sector, kEnvelopeSize);
  if (result != SQLITE_OK || is_all_zero(sector)) return result;
  const auto database_id = database_.file_id();
  if (!database_id.is_ok()) return fail(database_id.status());
  std::optional<WalHeader> header;
  const Status status = head_.with_key([&](const SqliteKey& key) {
    header = open_wal_header(key, *database_id, sector);
    return Status::ok();
  });
  if (!status.is_ok()) return fail(status);
  if (!header || !is_sqlite_page_size(header->page_size())) {
    return fail({Code::kTampered, "its header is not as it was written: damaged, altered, or of another database"});
  }
  header_ = *header;
  page_size_ = header_.page_size();
  life_ = WalLife{*database_id, header_.salts()};
  return SQLITE_OK;
}

// The life that frames are of is known to all processes by the memory they share, from its first commit on.
int WalFile::follow_readers() {
  const auto salts = database_.wal_salts();
  if (!salts || salts == salts_seen_) return SQLITE_OK;
  salts_seen_ = salts;
  return life_ && life_->salts == *salts ? SQLITE_OK : read_header();
}

int WalFile::follow_writers() {
  if (life_ && write_turn_ == database_.write_turn()) return SQLITE_OK;
  write_turn_ = database_.write_turn();
  written_end_ = 0;
  const Status status = head_.look();
  if (!status.is_ok()) return fail(status);
  const int result = head_.has_key() ? read_header() : SQLITE_OK;
  return result == SQLITE_OK && !life_ ? SQLITE_IOERR_WRITE : result;
}

int WalFile::read(MutableBytes out, uint64_t offset) {
  std::ranges::fill(out, uint8_t{0});
  const int flushed = flush();
  if (flushed != SQLITE_OK) return flushed;
  const Status status = head_.look();
  if (!status.is_ok()) return fail(status);
  if (!head_.has_key()) return SQLITE_IOERR_SHORT_READ;
  if (offset == 0) written_end_ = 0;  // SQLite looks anew for what is in the log, after a crash of somebody
  if (offset == 0 || !life_) {
    const int result = read_header();
    if (result != SQLITE_OK) return result;
  }
  if (offset < kWalHeaderSize) {
    std::copy_n(header_.bytes.begin() + static_cast<ptrdiff_t>(offset),
                std::min(out.size(), header_.bytes.size() - offset), out.begin());
    return SQLITE_OK;
  }
  if (!life_) return SQLITE_IOERR_SHORT_READ;
  const auto index = static_cast<uint32_t>((offset - kWalHeaderSize) / frame_size());
  const size_t skipped = (offset - kWalHeaderSize) % frame_size();
  return out.size() == frame_size() && skipped == 0 ? read_whole(index, out) : read_part(index, out, skipped);
}

template <class Open>
int WalFile::open_with(const Open& open, bool* good) {
  const Status status = head_.with_key([&](const SqliteKey& key) {
    *good = open(key);
    return Status::ok();
  });
  return status.is_ok() ? SQLITE_OK : fail(status);
}

// A frame as SQLite reads one to see whether it belongs to the log: what does not open reads as zeros, which is the
// log's end (W3).
int WalFile::read_whole(uint32_t index, MutableBytes out) {
  sealed_.resize(stride());
  int result = File::read(sealed_, physical(index));
  if (result != SQLITE_OK) return result;
  bool good = false;
  const auto open = [&](const SqliteKey& key) { return open_wal_frame(key, *life_, index, sealed_, out.data()); };
  if ((result = open_with(open, &good)) != SQLITE_OK || good || index >= written_end_) return result;
  return fail({Code::kTampered, "frame " + std::to_string(index) + " is not as this process wrote it"});
}

// A page, or a part of a frame's header, that SQLite relies upon. One of an earlier life is never taken for one of this
// (W2).
int WalFile::read_part(uint32_t index, MutableBytes out, size_t skipped) {
  int result = follow_readers();
  if (result != SQLITE_OK) return result;
  const bool is_page = skipped >= kWalFrameHeaderSize;
  sealed_.resize(is_page ? page_size_ : kWalSealedHeaderSize);
  result = File::read(sealed_, physical(index) + (is_page ? kWalSealedHeaderSize : 0));
  if (result != SQLITE_OK) return result;
  bool good = false;
  const auto open = [&](const SqliteKey& key) {
    if (!life_) return false;
    if (is_page) return open_wal_page(key, *life_, index, sealed_, sealed_.data());
    return open_wal_frame_header(key, *life_, index, std::span(sealed_).first<kWalSealedHeaderSize>(), sealed_.data());
  };
  if ((result = open_with(open, &good)) != SQLITE_OK) return result;
  if (!good) {
    return fail({Code::kTampered, "frame " + std::to_string(index) + " is not as it was written: damaged or altered"});
  }
  const size_t from = skipped - (is_page ? kWalFrameHeaderSize : 0);
  const size_t size = is_page ? page_size_ : kWalFrameHeaderSize;
  std::copy_n(sealed_.begin() + static_cast<ptrdiff_t>(from), std::min(out.size(), size - from), out.begin());
  return SQLITE_OK;
}

// --- writing

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
  run_.clear();
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

// After the frame that commits a transaction SQLite tells other processes of it, and asks nobody before: so that does
// not wait.
int WalFile::write_piece(ByteView bytes, uint32_t index) {
  piece_index_ = index;
  piece_.insert(piece_.end(), bytes.begin(), bytes.end());
  if (piece_.size() < frame_size()) return SQLITE_OK;
  if (piece_.size() > frame_size()) return fail({Code::kInternal, "SQLite writes what is no frame of a log"});
  const uint64_t offset = uint64_t{index} * stride();
  const int result = run_.takes(offset, stride()) ? SQLITE_OK : flush();
  if (result != SQLITE_OK) return result;
  const bool commits = !is_all_zero(ByteView(piece_).subspan(kCommitOffset, kCommitSize));
  piece_.insert(piece_.begin() + kWalFrameHeaderSize, kSqliteSealSize, uint8_t{0});
  run_.add(offset, piece_);
  piece_.clear();
  written_end_ = std::max(written_end_, index + 1);
  return commits ? flush() : SQLITE_OK;
}

// SQLite writes a page anew that is in the log already since this transaction began, and then the headers of all frames
// from there on, since each has a checksum of all before it.
int WalFile::change(uint32_t index, ByteView bytes, size_t skipped) {
  int result = flush();
  if (result != SQLITE_OK) return result;
  const bool is_header = skipped == 0 && bytes.size() == kWalFrameHeaderSize;
  if (!is_header && (skipped != kWalFrameHeaderSize || bytes.size() != page_size_)) {
    return fail({Code::kInternal, "SQLite writes what is no frame of a log"});
  }
  sealed_.resize(is_header ? kWalSealedHeaderSize : page_size_);
  const Status status = head_.with_key([&](const SqliteKey& key) -> Status {
    COFFER_ASSIGN(SqliteSealing sealing, SqliteSealing::begin(key));
    if (!is_header) return seal_wal_page(sealing, *life_, index, bytes, sealed_.data());
    return seal_wal_frame_header(sealing, *life_, index, bytes.first<kWalFrameHeaderSize>(), sealed_.data());
  });
  if (!status.is_ok()) return fail(status);
  head_.count(sealed_.size());
  return File::write(sealed_, physical(index) + (is_header ? 0 : kWalSealedHeaderSize));
}

}  // namespace coffer::sqlite
