// What stands at the head of a file of SQLite's that Coffer seals: its envelope, and the key that it has.
#pragma once

#include "coffer/engines/sqlite/file.h"
#include "coffer/files/file_head.h"
#include "coffer/files/held_form.h"
#include "coffer/format/sqlite_key.h"

namespace coffer::sqlite {

// What a file is, and where.
struct Identity {
  std::shared_ptr<Coffer> coffer;
  std::string path;    // absolute
  std::string domain;  // of the database
  Kind kind = Kind::kSqlite;
};

class Head {
 public:
  // Of this file, whose growth it begins when it has its header.
  Head(File& file, Identity identity)
      : base_(file.base()), growth_(file.growth()), identity_(std::move(identity)) {}

  // Takes the key of an envelope that is there, unless it has it. Ok and no key: nothing was ever written, or, of a
  // journal, never synced, so that nobody relies upon it.
  Status look();
  bool has_key() const { return held_ != nullptr; }
  // A new envelope, in place of whatever is there. REQUIRES: !has_key()
  Status make();

  // REQUIRES: has_key()
  const Id& file_id() const { return file_id_; }
  template <class Use>
  Status with_key(const Use& use) const {
    return held_->with_form(use);
  }
  // `bytes` are about to be written under the key.
  void count(uint64_t bytes) const { counter_->wrote(bytes); }

  const Identity& identity() const { return identity_; }
  const std::string& path() const { return identity_.path; }

 private:
  using Held = HeldForm<SqliteKey>;
  Status take(const OpenedFile& opened, bool is_new);

  sqlite3_file* const base_;
  Growth& growth_;
  const Identity identity_;
  Id file_id_;
  std::unique_ptr<Held> held_;
  std::shared_ptr<KeyCounter> counter_;
};

}  // namespace coffer::sqlite
