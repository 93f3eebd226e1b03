// What SQLite reads of a write-ahead log: W2 and W3.
#include <algorithm>

#include "coffer/engines/sqlite/failure.h"
#include "coffer/engines/sqlite/wal_file.h"

namespace coffer::sqlite {
namespace {

Status not_as_written(uint32_t index) {
  return {Code::kTampered, "frame " + std::to_string(index) + " is not as it was written: damaged or altered"};
}

}  // namespace

// Zeros are no header: a log that nobody has begun, or never synced.
int WalFile::read_header() {
  const auto before = std::exchange(life_, std::nullopt);
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
  // Who begins a log anew may make its file smaller, and nobody else does.
  if (!before || before->salts != life_->salts) growth().forget();
  return SQLITE_OK;
}

// The life that frames are of is known to all processes by the memory they share, from its first commit on.
int WalFile::follow_readers() {
  const auto salts = database_.wal_salts();
  if (!salts || salts == salts_seen_) return SQLITE_OK;
  salts_seen_ = salts;
  return life_ && life_->salts == *salts ? SQLITE_OK : read_header();
}

int WalFile::read(MutableBytes out, uint64_t offset) {
  drop_of_earlier_turn();
  const Status status = head_.look();
  if (!status.is_ok()) return fail(status);
  int result = SQLITE_OK;
  if (head_.has_key() && (offset == 0 || !life_)) result = read_beginning(offset);
  if (result == SQLITE_OK) result = read_known(out, offset);
  if (result != SQLITE_OK) std::ranges::fill(out, uint8_t{0});
  return result;
}

int WalFile::read_beginning(uint64_t offset) {
  const int flushed = flush();
  if (flushed != SQLITE_OK) return flushed;
  if (offset == 0) written_end_ = 0;  // SQLite looks anew for what is in the log, after a crash of somebody
  return read_header();
}

int WalFile::read_known(MutableBytes out, uint64_t offset) {
  if (!head_.has_key()) return SQLITE_IOERR_SHORT_READ;
  if (offset < kWalHeaderSize) {
    const size_t count = std::min(out.size(), header_.bytes.size() - offset);
    std::copy_n(header_.bytes.begin() + static_cast<ptrdiff_t>(offset), count, out.begin());
    std::ranges::fill(out.subspan(count), uint8_t{0});
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
  ByteView kept;
  int result = find_pending(index, 0, stride(), &kept);
  if (!kept.empty()) {
    std::ranges::copy(kept.first<kWalFrameHeaderSize>(), out.begin());
    std::ranges::copy(kept.subspan(kWalSealedHeaderSize), out.begin() + kWalFrameHeaderSize);
  }
  if (result != SQLITE_OK || !kept.empty()) return result;
  sealed_.resize(stride());
  result = File::read(sealed_, physical(index));
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
  if (!life_) return fail(not_as_written(index));
  const bool is_page = skipped >= kWalFrameHeaderSize;
  const size_t size = is_page ? page_size_ : kWalFrameHeaderSize;
  const size_t from = skipped - (is_page ? kWalFrameHeaderSize : 0);
  if (is_page && from == 0 && out.size() == size) return read_page(index, out);
  whole_.resize(size);
  result = is_page ? read_page(index, whole_) : read_frame_header(index, whole_);
  if (result != SQLITE_OK) return result;
  const size_t count = std::min(out.size(), size - from);
  std::copy_n(whole_.begin() + static_cast<ptrdiff_t>(from), count, out.begin());
  std::ranges::fill(out.subspan(count), uint8_t{0});
  return SQLITE_OK;
}

int WalFile::read_page(uint32_t index, MutableBytes out) {
  ByteView kept;
  int result = find_pending(index, kWalSealedHeaderSize, page_size_, &kept);
  if (!kept.empty()) std::ranges::copy(kept, out.begin());
  if (result != SQLITE_OK || !kept.empty()) return result;
  result = File::read(out, physical(index) + kWalSealedHeaderSize);
  if (result != SQLITE_OK) return result;
  bool good = false;
  const auto open = [&](const SqliteKey& key) { return open_wal_page(key, *life_, index, out, out.data()); };
  result = open_with(open, &good);
  return result != SQLITE_OK || good ? result : fail(not_as_written(index));
}

int WalFile::read_frame_header(uint32_t index, MutableBytes out) {
  ByteView kept;
  int result = find_pending(index, 0, kWalSealedHeaderSize, &kept);
  if (!kept.empty()) std::ranges::copy(kept.first<kWalFrameHeaderSize>(), out.begin());
  if (result != SQLITE_OK || !kept.empty()) return result;
  std::array<uint8_t, kWalSealedHeaderSize> sealed{};
  result = File::read(sealed, physical(index));
  if (result != SQLITE_OK) return result;
  bool good = false;
  const auto open = [&](const SqliteKey& key) {
    return open_wal_frame_header(key, *life_, index, sealed, out.data());
  };
  result = open_with(open, &good);
  return result != SQLITE_OK || good ? result : fail(not_as_written(index));
}

int WalFile::find_pending(uint32_t index, size_t from, size_t size, ByteView* found) {
  const uint64_t offset = uint64_t{index} * stride();
  if (const ByteView frame = pending_.find(offset, stride()); !frame.empty()) {
    *found = frame.subspan(from, size);
    return SQLITE_OK;
  }
  *found = pending_.find(offset + from, size);
  return found->empty() && pending_.touches(offset + from, size) ? flush() : SQLITE_OK;
}

}  // namespace coffer::sqlite
