// A file that SQLite deletes when it closes it: what sorting, statements and temporary tables spill. Its key is drawn
// when it is opened and is in this process alone: it has no envelope, and nobody can read it once it is closed.
#pragma once

#include <optional>

#include "coffer/engines/sqlite/file.h"
#include "coffer/format/sqlite_key.h"

namespace coffer::sqlite {

class TempFile final : public File {
 public:
  static Result<std::unique_ptr<File>> create(sqlite3_file* base);

  int read(MutableBytes out, uint64_t offset) override;
  int write(ByteView bytes, uint64_t offset) override;
  int truncate(uint64_t size) override;
  int sync(int) override { return SQLITE_OK; }  // no crash leaves it to anybody
  int size(uint64_t* size) override;
  int control(int operation, void* argument) override;

 private:
  // SQLite writes pieces of any size anywhere; they are kept in blocks of this size, each with its seal behind it.
  static constexpr size_t kBlockSize = 4096;
  static constexpr size_t kStride = kBlockSize + XaesSeal::kSize;
  using Block = std::array<uint8_t, kBlockSize>;

  TempFile(sqlite3_file* base, SqliteKey key) : File(base), key_(std::move(key)) {}

  struct Held {
    std::optional<uint64_t> index;
    Block block{};
  };
  // Has the block in written_; what is there may have to be written first.
  int load(uint64_t index, bool is_replaced);
  // The same in read_, if it is not in written_: a read never has to write, which on a full disk would fail. SQLite
  // brings back from here what a statement has changed when it finds the disk full.
  int look(uint64_t index);
  int read_block(uint64_t index, Block& out);
  int flush();

  const SqliteKey key_;
  uint64_t size_ = 0;
  uint64_t sealed_end_ = 0;  // blocks before it may be in the file; what is not there is zeros
  Held written_, read_;      // never the same block
  bool changed_ = false;     // written_, since it was written
  std::array<uint8_t, kStride> sealed_{};
};

}  // namespace coffer::sqlite
