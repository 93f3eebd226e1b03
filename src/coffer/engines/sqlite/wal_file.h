// A write-ahead log: a header, and frames that are kept until one commits, sealed, and written at once. docs/format.md,
// section 19: W1 to W4.
#pragma once

#include "coffer/engines/sqlite/database_file.h"
#include "coffer/format/sqlite_wal.h"

namespace coffer::sqlite {

class WalFile final : public File {
 public:
  // `database` outlives it.
  WalFile(sqlite3_file* base, DatabaseFile& database, Identity identity)
      : File(base), database_(database), head_(*this, std::move(identity)) {}

  // Others may have written to it since this one did.
  ~WalFile() override { growth().doubt(); }

  int read(MutableBytes out, uint64_t offset) override;
  int write(ByteView bytes, uint64_t offset) override;
  int truncate(uint64_t size) override;
  int sync(int flags) override;
  int size(uint64_t* size) override;

 private:
  using Sector = std::array<uint8_t, kSqliteSectorSize>;
  static constexpr uint64_t kFramesOffset = kEnvelopeSize + kSqliteSectorSize;

  const std::string& path() const { return head_.path(); }
  // As SQLite counts, and as it stands in the file.
  uint32_t frame_size() const { return static_cast<uint32_t>(kWalFrameHeaderSize) + page_size_; }
  uint32_t stride() const { return static_cast<uint32_t>(kWalSealedHeaderSize) + page_size_; }
  uint64_t physical(uint32_t index) const { return kFramesOffset + uint64_t{index} * stride(); }

  int read_header();
  // The same if another process may have begun the log anew since.
  int follow_readers();
  int follow_writers();
  int write_header(ByteView bytes);
  int read_beginning(uint64_t offset);
  int read_known(MutableBytes out, uint64_t offset);
  int read_page(uint32_t index, MutableBytes out);
  int read_frame_header(uint32_t index, MutableBytes out);
  int read_part(uint32_t index, MutableBytes out, size_t skipped);
  int read_whole(uint32_t index, MutableBytes out);
  // `open` is given the key, and says whether what was read opens.
  template <class Open>
  int open_with(const Open& open, bool* good);
  int write_piece(ByteView bytes, uint32_t index);
  // Room for what is to stand at `offset`, or what is kept for that place.
  int keep(uint64_t offset, size_t size, MutableBytes* part);
  int flush_if_committed(uint32_t index, ByteView header);
  // What is kept of a frame, from `from` on as it stands in the file. Empty: it stands in the file, all of it.
  int find_pending(uint32_t index, size_t from, size_t size, ByteView* found);
  int change(uint32_t index, ByteView bytes, size_t skipped);
  void drop_of_earlier_turn();
  int flush();
  int fail(const Status& status);

  DatabaseFile& database_;
  Head head_;
  WalHeader header_;
  std::optional<WalLife> life_;
  uint32_t page_size_ = 0;
  uint32_t written_end_ = 0;  // frames before it were written by this object since it may write
  uint64_t write_turn_ = 0;   // of the database, in which it looked at the header
  std::optional<std::array<uint8_t, 8>> salts_seen_;
  Bytes sealed_;
  Bytes whole_;  // of what SQLite reads a part
  Bytes piece_;  // of a frame that SQLite is writing
  uint32_t piece_index_ = 0;
  std::optional<uint32_t> committed_;  // the frame whose header was written last, if that commits
  Pending pending_;  // frames, headers and pages; headers have room for their seal
};

}  // namespace coffer::sqlite
