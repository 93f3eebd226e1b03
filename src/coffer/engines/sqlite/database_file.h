// A database: its pages sealed in place, behind the envelope. docs/format.md, section 17; docs/sqlite.md.
#pragma once

#include <optional>

#include "coffer/engines/sqlite/pending.h"
#include "coffer/engines/sqlite/shared_memory.h"

namespace coffer::sqlite {

// A rollback journal that holds back what it is given to write.
class HoldsBack {
 public:
  virtual ~HoldsBack() = default;
  virtual int flush() = 0;
};

class DatabaseFile final : public File {
 public:
  // `identity` is of kind kSqlite.
  DatabaseFile(sqlite3_file* base, Identity identity)
      : File(base), head_(*this, std::move(identity)), shared_memory_(head_.path()) {}

  // An existing database is unlocked; an empty one gets its envelope with its first page.
  Status open() { return head_.look(); }

  int read(MutableBytes out, uint64_t offset) override;
  int write(ByteView bytes, uint64_t offset) override;
  int truncate(uint64_t size) override;
  int sync(int flags) override;
  int size(uint64_t* size) override;
  int lock(int level) override;
  int unlock(int level) override;
  int control(int operation, void* argument) override;
  int shm_map(int region, int size, int extend, void volatile** out) override;
  int shm_lock(int offset, int count, int flags) override;
  int shm_unmap(int remove) override;

  // Of the envelope: what journals and logs of this database are bound to. Makes one where there is none yet.
  Result<Id> file_id();
  // What a journal or log of this database is.
  Identity identity_of(std::string path, Kind kind) const;
  // That no page is written before; null: there is none.
  void set_journal(HoldsBack* journal) { journal_ = journal; }
  const HoldsBack* journal() const { return journal_; }
  // The salts of the write-ahead log that is in use, from the memory that all processes share; nothing without one.
  std::optional<std::array<uint8_t, 8>> wal_salts() const;
  // Another one each time that this connection may write to the log, and when it no longer may.
  uint64_t write_turn() const { return write_turn_; }

 private:
  const std::string& path() const { return head_.path(); }
  int begin();
  int measure(uint64_t* size);  // with what is not written yet
  int read_page(uint32_t number, MutableBytes out, Bytes* seal = nullptr);
  int read_sealed(uint32_t number, MutableBytes out, Bytes* seal);
  int read_start(MutableBytes out, uint64_t offset);
  int read_first();
  bool is_first_unchanged();
  int find_page_size();
  int fill_gap(uint64_t offset);
  int write_page(uint64_t offset, ByteView page);
  int flush();
  int make_head();
  // The name that the connection has for this database; null: it does not have it yet.
  const char* schema_name() const;
  bool may_be_attached(const char* name) const;
  void reserve_bytes(const char* name);
  int pragma(char** words);

  Head head_;
  SharedMemory shared_memory_;
  sqlite3** connection_ = nullptr;
  const sqlite3* user_ = nullptr;  // the connection that used it last, and may
  bool is_locked_ = false;
  uint32_t page_size_ = 0;  // 0: not known, or there is no page
  uint64_t end_ = 0;        // the file is known to have this size at least
  bool in_checkpoint_ = false;
  Bytes page_;
  // Page 1 as it was opened last, and the seal that stood in the file; empty: not known.
  Bytes first_page_;
  Bytes first_seal_;
  Pending pending_;
  HoldsBack* journal_ = nullptr;
  void volatile* wal_index_ = nullptr;
  uint64_t write_turn_ = 1;
};

}  // namespace coffer::sqlite
