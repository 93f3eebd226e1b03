// The disk is full at one change of it after the other, for a moment or for long: what was committed before is there,
// what was refused is not, and the connection goes on. What a file of Coffer's holds back, to write it at once, must
// not get lost when that fails later.
#include <set>

#include "sqlite/recorder.h"
#include "sqlite/workplace.h"

namespace coffer::sqlite {
namespace {

struct Shortage {
  std::string mode;
  int cache_pages;
  uint64_t for_changes;  // it stays full for so many
  uint64_t step;         // of the changes at which it gets full
};

void PrintTo(const Shortage& disk, std::ostream* out) {
  *out << disk.mode << " cache " << disk.cache_pages << " full for " << disk.for_changes;
}

class FullDisk : public testing::TestWithParam<Shortage> {
 protected:
  void begin_anew() {
    std::filesystem::remove_all(place_.path("db"));
    std::filesystem::create_directory(place_.path("db"));
    db_ = place_.open("x.db");
    ASSERT_SQL(db_, "PRAGMA wal_autocheckpoint = 30");
    ASSERT_EQ(db_.ask("PRAGMA journal_mode = " + GetParam().mode), GetParam().mode);
    ASSERT_SQL(db_, "PRAGMA cache_size = " + std::to_string(GetParam().cache_pages));
    ASSERT_SQL(db_, "CREATE TABLE t(a INTEGER PRIMARY KEY, turn, b); CREATE INDEX by_b ON t(b)");
    ASSERT_SQL(db_, "WITH RECURSIVE i(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM i WHERE x < 50) "
                    "INSERT INTO t SELECT x, 0, randomblob(1000) FROM i");
    possible_ = {0};
  }

  // Every row says of which turn it is, so a mixture shows.
  int change(int turn) const {
    return db_.run("UPDATE t SET turn = " + std::to_string(turn) + ", b = randomblob(900 + a % 100)");
  }

  void change_alone(int turn) {
    if (change(turn) == SQLITE_OK) possible_.clear();
    possible_.insert(turn);
  }

  // What SQLite has left of it after some part failed is committed.
  void change_in_a_transaction(int turn) {
    if (db_.run("BEGIN") != SQLITE_OK) return;
    int latest = 0;
    for (const int part : {turn, turn + 1, turn + 2}) {
      if (sqlite3_get_autocommit(db_.get()) != 0) return;
      if (change(part) == SQLITE_OK) latest = part;
    }
    if (sqlite3_get_autocommit(db_.get()) != 0) return;
    const bool is_committed = turn % 20 == 0 && db_.run("COMMIT") == SQLITE_OK;
    if (is_committed && latest != 0) possible_.clear();
    if (turn % 20 == 0 && latest != 0) possible_.insert(latest);
    if (!is_committed) db_.run("ROLLBACK");
  }

  void look(const Connection& db) {
    const std::string found = db.ask("SELECT count(*) || ' ' || min(turn) || ' ' || max(turn) FROM t");
    if (found.starts_with("error")) return;  // a journal cannot be played back as long as the disk is full
    const int turn = std::stoi(found.substr(3));
    EXPECT_EQ(found, "50 " + std::to_string(turn) + " " + std::to_string(turn));
    EXPECT_TRUE(possible_.contains(turn)) << turn;
    possible_ = {turn};
  }

  void check(const Connection& db) {
    EXPECT_EQ(db.ask("PRAGMA integrity_check"), "ok") << db.coffer_error();
    look(db);
    EXPECT_EQ(possible_.size(), 1U) << db.ask("SELECT * FROM t") << db.coffer_error();
  }

  const Workplace place_;
  Connection db_;
  std::set<int> possible_;  // turns of which the rows may be
};

TEST_P(FullDisk, HarmsNothingThatWasCommitted) {
  Recorder& disk = Recorder::get();
  bool was_full = true;
  for (uint64_t first = 1; was_full; first += GetParam().step) {
    begin_anew();
    disk.fill_disk(first, first + GetParam().for_changes - 1);
    for (int turn = 10; turn <= 40; turn += 10) {
      if (turn % 30 == 0) {
        change_alone(turn);
      } else {
        change_in_a_transaction(turn);
      }
      look(db_);
    }
    was_full = disk.make_room();
    check(db_);
    check(place_.open("x.db"));
    change_alone(1000);
    EXPECT_EQ(possible_, std::set<int>{1000}) << db_.why();
    check(place_.open("x.db"));
    db_.close();
    ASSERT_FALSE(HasFailure()) << "full from change " << first << " on";
  }
}

// What a statement has changed is brought back from a temporary file, part of which waits to be written.
TEST(SqliteFullDisk, AStatementThatFindsNoRoomLeavesNothingInTheConnectionsCache) {
  Recorder& disk = Recorder::get();
  const Workplace place;
  const Connection db = place.open("x.db");
  ASSERT_EQ(db.ask("PRAGMA journal_mode = wal"), "wal");
  ASSERT_SQL(db, "PRAGMA cache_size = 12; CREATE TABLE t(a INTEGER PRIMARY KEY, turn, b); CREATE INDEX by_b ON t(b)");
  ASSERT_SQL(db, "WITH RECURSIVE i(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM i WHERE x < 50) "
                 "INSERT INTO t SELECT x, 0, randomblob(1000) FROM i");
  bool was_full = true;
  // Three times over: which pages are written in between depends on what they hold.
  for (uint64_t first = 1, times = 0; times < 3 && !HasFailure(); first = was_full ? first + 1 : 1) {
    ASSERT_SQL(db, "BEGIN");
    disk.fill_disk(first, UINT64_MAX);
    db.run("UPDATE t SET turn = turn + 1, b = randomblob(900 + a % 100)");
    const std::string found = db.ask("SELECT count(DISTINCT turn) FROM t");
    EXPECT_TRUE(found == "1" || found.starts_with("error 13")) << found << ", full from change " << first << " on";
    was_full = disk.make_room();
    times += was_full ? 0 : 1;
    if (sqlite3_get_autocommit(db.get()) == 0) db.run("ROLLBACK");
  }
  EXPECT_EQ(db.ask("PRAGMA integrity_check"), "ok");
}

// Frames of a transaction that was rolled back are held back still when its place in the log is another connection's.
TEST(SqliteLog, WhatWasRolledBackIsNotWrittenOverWhatAnotherConnectionCommitted) {
  const Workplace place;
  const Connection one = place.open("x.db");
  ASSERT_EQ(one.ask("PRAGMA journal_mode = wal"), "wal");
  ASSERT_SQL(one, "CREATE TABLE t(a INTEGER PRIMARY KEY, b); CREATE TABLE u(b); INSERT INTO u VALUES('old')");
  ASSERT_SQL(one, fill(300));
  ASSERT_EQ(one.ask("PRAGMA wal_checkpoint(TRUNCATE)"), "0");
  const Connection other = place.open("x.db");
  ASSERT_SQL(other, "UPDATE u SET b = 'before'");
  for (int turn = 1; turn < 20; ++turn) {
    const std::string number = std::to_string(turn);
    ASSERT_SQL(one, "PRAGMA cache_size = " + number);
    ASSERT_SQL(one, "BEGIN; UPDATE t SET b = 'rolled back' || b WHERE a < " + std::to_string(turn * 10) + "; ROLLBACK");
    ASSERT_SQL(other, "UPDATE t SET b = '" + number + "'; UPDATE u SET b = '" + number + "'");
    EXPECT_EQ(one.ask("SELECT DISTINCT b FROM t"), number);
    EXPECT_EQ(one.ask("SELECT b FROM u"), number);
    EXPECT_EQ(place.open("x.db").ask("SELECT DISTINCT b FROM t"), number);
    ASSERT_SQL(other, "DELETE FROM t; " + fill(300));
    if (HasFailure()) return;
  }
  EXPECT_EQ(one.ask("PRAGMA integrity_check"), "ok");
}

INSTANTIATE_TEST_SUITE_P(Sqlite, FullDisk,
                         testing::Values(Shortage{"delete", 200, 1, 13}, Shortage{"delete", 12, 20, 71},
                                         Shortage{"truncate", 12, 3, 71}, Shortage{"wal", 200, 1, 13},
                                         Shortage{"wal", 12, 1, 171}, Shortage{"wal", 12, 30, 171}));
INSTANTIATE_TEST_SUITE_P(Long, FullDisk,
                         testing::Values(Shortage{"delete", 200, 1, 1}, Shortage{"delete", 12, 1, 17},
                                         Shortage{"delete", 12, 50, 17}, Shortage{"truncate", 12, 3, 17},
                                         Shortage{"persist", 12, 3, 17}, Shortage{"wal", 200, 2, 1},
                                         Shortage{"wal", 12, 1, 19}, Shortage{"wal", 12, 30, 19}));

}  // namespace
}  // namespace coffer::sqlite
