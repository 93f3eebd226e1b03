// Files of SQLite, as tools read them: the database, its rollback journal and its write-ahead log, with the offsets
// that SQLite itself has in them. SQLite reads and writes them through its own adapter. docs/format.md, sections 17 to
// 19.
#pragma once

#include "coffer/files/blocks_body.h"
#include "coffer/files/held_form.h"
#include "coffer/format/sqlite_page.h"

namespace coffer {

class Body;

// Where the parts of a file stand that are sealed one by one.
class SqliteParts {
 public:
  struct Part {
    uint64_t offset = 0;  // of the plaintext
    uint32_t size = 0;
    uint64_t sealed_offset = 0;  // from the file's beginning
    uint32_t sealed_size = 0;
  };

  virtual ~SqliteParts() = default;
  virtual uint64_t logical_size() const = 0;
  // Bytes behind what SQLite would read, which a crash or an earlier life has left.
  virtual uint64_t torn_bytes() const { return 0; }
  // That the byte at `offset` is in. REQUIRES: offset < logical_size()
  virtual Part part_at(uint64_t offset) const = 0;
  // `sealed` is what stands there; `out` gets part.size bytes.
  virtual Status open(const SqliteKey& key, const Part& part, ByteView sealed, uint8_t* out) const = 0;
};

// For reading; thread-safe.
class OpenSqlite {
 public:
  static constexpr bool kInPlace = false;
  static constexpr bool kMayBeShort = false;

  static Result<OpenSqlite> open(const OpenedFile& opened, std::shared_ptr<const ReadableFile> file,
                                 uint64_t physical_size);

  uint64_t logical_size() const { return parts_->logical_size(); }
  uint64_t torn_bytes() const { return parts_->torn_bytes(); }
  bool size_is_final() const { return true; }
  uint64_t readable(uint64_t offset, uint64_t size) const {
    return offset >= logical_size() ? 0 : std::min(size, logical_size() - offset);
  }
  BlocksOpener::Range range(uint64_t offset, uint64_t size) const;
  Status open(uint64_t offset, uint64_t size, MutableBytes sealed, uint8_t* out) const;
  Status usable() const { return held_->usable(); }
  bool authenticated() const { return true; }
  Status prove(const ReadableFile&, const OpenedFile&) const { return Status::ok(); }
  using Proof = BlocksProof;

 private:
  using Held = HeldForm<SqliteKey>;
  OpenSqlite(std::unique_ptr<Held> held, std::unique_ptr<const SqliteParts> parts)
      : held_(std::move(held)), parts_(std::move(parts)) {}

  std::unique_ptr<Held> held_;
  std::unique_ptr<const SqliteParts> parts_;
};

const Body& sqlite_body();

}  // namespace coffer
