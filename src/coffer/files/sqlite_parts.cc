#include "coffer/files/sqlite_parts.h"

#include <algorithm>

#include "coffer/files/read_exactly.h"
#include "coffer/format/sqlite_wal.h"

namespace coffer {
namespace {

using Sector = std::array<uint8_t, kSqliteSectorSize>;
using Part = SqliteParts::Part;

// What opens is known by the time the list is made; it is opened again when it is read.
class ListedParts : public SqliteParts {
 public:
  uint64_t logical_size() const override { return parts_.empty() ? 0 : parts_.back().offset + parts_.back().size; }
  uint64_t torn_bytes() const override { return torn_bytes_; }
  Part part_at(uint64_t offset) const override {
    return *std::prev(std::ranges::upper_bound(parts_, offset, {}, &Part::offset));
  }

 protected:
  // Between two that are not beside one another nothing is stored.
  void add(const Part& part) {
    const uint64_t end = logical_size();
    if (end < part.offset) parts_.push_back({end, static_cast<uint32_t>(part.offset - end), part.sealed_offset, 0});
    parts_.push_back(part);
  }
  void end_at(uint64_t physical_size) {
    const uint64_t end = parts_.empty() ? kEnvelopeSize : parts_.back().sealed_offset + parts_.back().sealed_size;
    torn_bytes_ = physical_size - std::min(end, physical_size);
  }

 private:
  std::vector<Part> parts_;
  uint64_t torn_bytes_ = 0;
};

// As SQLite has it.
bool is_journal_sector_size(uint32_t size) {
  constexpr uint32_t kMost = 65536;
  return size >= kSqliteSectorSize && size <= kMost && (size & (size - 1)) == 0;
}

Status header_is_tampered() {
  return {Code::kTampered, "its first header is not as it was written: damaged, altered, or of another database"};
}

class WalParts final : public ListedParts {
 public:
  Status find(const SqliteKey& key, const ReadableFile& file, uint64_t physical_size) {
    Sector sector;
    COFFER_ASSIGN(const size_t count, file.read_at(kEnvelopeSize, sector));
    if (count < sector.size() || is_all_zero(sector)) return end_at(physical_size), Status::ok();
    life_.database_id = wal_database_id(sector);
    const auto header = open_wal_header(key, life_.database_id, sector);
    if (!header || !is_sqlite_page_size(header->page_size())) return header_is_tampered();
    life_.salts = header->salts();
    add({0, kWalHeaderSize, kEnvelopeSize, kSqliteSectorSize});
    Bytes frame(kWalSealedHeaderSize + header->page_size());
    Bytes plain(kWalFrameHeaderSize + header->page_size());
    const auto size = static_cast<uint32_t>(frame.size());
    const auto plain_size = static_cast<uint32_t>(plain.size());
    for (uint64_t at = kEnvelopeSize + kSqliteSectorSize; at + size <= physical_size; at += size) {
      COFFER_TRY(read_exactly(file, at, frame));
      if (!open_wal_frame(key, life_, index_of(at, size), frame, plain.data())) break;
      add({kWalHeaderSize + uint64_t{index_of(at, size)} * plain_size, plain_size, at, size});
    }
    end_at(physical_size);
    return Status::ok();
  }

  Status open(const SqliteKey& key, const Part& part, ByteView sealed, uint8_t* out) const override {
    if (part.offset == 0) {
      const auto header = open_wal_header(key, life_.database_id, sealed.first<kSqliteSectorSize>());
      if (!header) return header_is_tampered();
      std::ranges::copy(header->bytes, out);
      return Status::ok();
    }
    if (open_wal_frame(key, life_, index_of(part.sealed_offset, part.sealed_size), sealed, out)) return Status::ok();
    return {Code::kTampered, "a frame is not what it was a moment ago"};
  }

 private:
  static uint32_t index_of(uint64_t at, uint32_t size) {
    return static_cast<uint32_t>((at - kEnvelopeSize - kSqliteSectorSize) / size);
  }

  WalLife life_;
};

class JournalParts final : public ListedParts {
 public:
  Status find(const SqliteKey& key, const ReadableFile& file, uint64_t physical_size) {
    Sector sector;
    COFFER_ASSIGN(const size_t count, file.read_at(kEnvelopeSize, sector));
    if (count < sector.size() || is_all_zero(sector)) return end_at(physical_size), Status::ok();
    life_ = journal_life(sector);
    auto header = open_journal_header(key, life_, 0, sector);
    if (!header) return header_is_tampered();
    const uint64_t size = physical_size - kEnvelopeSize;
    uint64_t offset = 0;
    while (header && header->is_valid()) {
      const uint32_t sector_size = header->sector_size();
      if (!is_sqlite_page_size(header->page_size()) || !is_journal_sector_size(sector_size)) {
        return header_is_tampered();
      }
      add({offset, sector_size, kEnvelopeSize + offset, sector_size});
      offset += sector_size;
      COFFER_TRY(find_records(key, file, size, *header, offset));
      offset = (offset + sector_size - 1) / sector_size * sector_size;
      if (offset + sector_size > size) break;
      COFFER_TRY(read_exactly(file, kEnvelopeSize + offset, sector));
      header = open_journal_header(key, life_, offset, sector);
    }
    end_at(physical_size);
    return Status::ok();
  }

  Status open(const SqliteKey& key, const Part& part, ByteView sealed, uint8_t* out) const override {
    const uint64_t offset = part.offset;
    if (part.sealed_size == 0) return std::fill_n(out, part.size, uint8_t{0}), Status::ok();
    if (part.size == record_size_) {
      if (open_journal_record(key, life_, offset, sealed, out)) return Status::ok();
    } else if (const auto header = open_journal_header(key, life_, offset, sealed.first<kSqliteSectorSize>())) {
      std::fill_n(out, part.size, uint8_t{0});
      std::ranges::copy(header->bytes, out);
      return Status::ok();
    }
    return {Code::kTampered, "a record is not what it was a moment ago"};
  }

 private:
  // The records of one header, until one does not open.
  Status find_records(const SqliteKey& key, const ReadableFile& file, uint64_t size, const JournalHeader& header,
                      uint64_t& offset) {
    record_size_ = header.page_size() + static_cast<uint32_t>(kJournalRecordExtra);
    Bytes record(record_size_);
    Bytes plain(record_size_);
    for (uint32_t index = 0; offset + record_size_ <= size; ++index, offset += record_size_) {
      COFFER_TRY(read_exactly(file, kEnvelopeSize + offset, record));
      if (!open_journal_record(key, life_, offset, record, plain.data())) {
        if (index >= header.durable_count) break;
        return {Code::kTampered, "a record that was synced is not as it was written"};  // J4
      }
      add({offset, record_size_, kEnvelopeSize + offset, record_size_});
    }
    return Status::ok();
  }

  JournalLife life_;
  uint32_t record_size_ = 0;
};

template <class P>
Result<std::unique_ptr<const SqliteParts>> found(const SqliteKey& key, const ReadableFile& file,
                                                 uint64_t physical_size) {
  auto parts = std::make_unique<P>();
  COFFER_TRY(parts->find(key, file, physical_size));
  return std::unique_ptr<const SqliteParts>(std::move(parts));
}

}  // namespace

Result<std::unique_ptr<const SqliteParts>> journal_parts(const SqliteKey& key, const ReadableFile& file,
                                                         uint64_t physical_size) {
  return found<JournalParts>(key, file, physical_size);
}

Result<std::unique_ptr<const SqliteParts>> wal_parts(const SqliteKey& key, const ReadableFile& file,
                                                     uint64_t physical_size) {
  return found<WalParts>(key, file, physical_size);
}

}  // namespace coffer
