// What SQLite does with a database of Coffer's is what it does with any: every journal mode, page size and command.
#include "coffer/format/envelope.h"
#include "sqlite/workplace.h"

namespace coffer::sqlite {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;

constexpr char kTable[] = "CREATE TABLE t(a INTEGER PRIMARY KEY, b TEXT); CREATE INDEX by_b ON t(b)";

struct Way {
  std::string mode;
  int page_size;
};

void PrintTo(const Way& way, std::ostream* out) { *out << way.mode << " " << way.page_size; }

class EveryWay : public testing::TestWithParam<Way> {};

// Changes that spill out of the cache, are rolled back, savepoints, and a second connection, in each of them.
TEST_P(EveryWay, ReadsWhatWasWrittenAndLeavesNothingInClear) {
  const auto& [mode, page_size] = GetParam();
  const Workplace place;
  Connection db = place.open("x.db");
  ASSERT_EQ(db.opening, SQLITE_OK) << db.why();
  ASSERT_SQL(db, "PRAGMA page_size = " + std::to_string(page_size) + "; PRAGMA cache_size = 12");
  ASSERT_EQ(db.ask("PRAGMA journal_mode = " + mode), mode);
  ASSERT_SQL(db, kTable);
  ASSERT_SQL(db, fill(800));
  ASSERT_SQL(db, "BEGIN; UPDATE t SET b = b || 'changed' WHERE a % 3 = 0");
  EXPECT_THAT(place.in_clear(), IsEmpty());
  if (mode != "off") {
    ASSERT_SQL(db, "SAVEPOINT s; DELETE FROM t WHERE a > 100; ROLLBACK TO s; ROLLBACK");
  } else {
    ASSERT_SQL(db, "COMMIT; UPDATE t SET b = replace(b, 'changed', '')");
  }
  EXPECT_EQ(db.ask("SELECT count(*) || ' ' || sum(b LIKE '%changed') FROM t"), "800 0");
  ASSERT_SQL(db, "BEGIN; DELETE FROM t WHERE a % 2 = 0; " + fill(300, 2000) + "; COMMIT");
  EXPECT_EQ(db.ask("PRAGMA integrity_check"), "ok");
  EXPECT_THAT(place.in_clear(), IsEmpty());

  Connection other = place.open("x.db");
  EXPECT_EQ(other.ask("SELECT count(*) FROM t"), "700");
  EXPECT_EQ(other.ask("PRAGMA page_size"), std::to_string(page_size));
  ASSERT_SQL(other, "DELETE FROM t WHERE a > 2100");
  EXPECT_EQ(db.ask("SELECT count(*) FROM t"), "501");
  ASSERT_SQL(db, "VACUUM");
  EXPECT_EQ(other.ask("PRAGMA integrity_check"), "ok");
  other.close();
  db.close();
  EXPECT_THAT(place.in_clear(), IsEmpty());
  EXPECT_EQ(place.open("x.db").ask("SELECT count(*) FROM t"), "501");
}

INSTANTIATE_TEST_SUITE_P(Sqlite, EveryWay,
                         testing::Values(Way{"delete", 4096}, Way{"delete", 1024}, Way{"truncate", 4096},
                                         Way{"persist", 8192}, Way{"memory", 2048}, Way{"off", 4096},
                                         Way{"wal", 4096}, Way{"wal", 1024}, Way{"wal", 65536},
                                         Way{"delete", 65536}));

TEST(SqliteDatabase, AnEmptyOneIsMadeWithReservedBytesWhateverIsSaidOfItsPages) {
  const Workplace place;
  Connection db = place.open("x.db");
  ASSERT_SQL(db, "PRAGMA page_size = 16384; PRAGMA auto_vacuum = FULL; CREATE TABLE t(a, b)");
  ASSERT_SQL(db, fill(2000));
  ASSERT_SQL(db, "DELETE FROM t");
  EXPECT_EQ(db.ask("PRAGMA integrity_check"), "ok");
  EXPECT_EQ(db.ask("PRAGMA page_size"), "16384");
  EXPECT_EQ(static_cast<uint8_t>(read_bytes(place.file("x.db"))[kEnvelopeSize + 20]), 48);
}

TEST(SqliteDatabase, PagesOf512BytesAreRefused) {
  const Workplace place;
  Connection db = place.open("x.db");
  EXPECT_EQ(db.run("PRAGMA page_size = 512"), SQLITE_ERROR);
  EXPECT_THAT(db.why(), HasSubstr("1024 to 65536"));
}

TEST(SqliteDatabase, ThePageSizeIsNotChangedInPlaceButByACopy) {
  const Workplace place;
  Connection db = place.open("x.db");
  ASSERT_SQL(db, kTable);
  ASSERT_SQL(db, fill(500));
  EXPECT_EQ(db.run("PRAGMA page_size = 8192"), SQLITE_ERROR);
  EXPECT_THAT(db.why(), HasSubstr("VACUUM INTO"));
  ASSERT_SQL(db, "VACUUM INTO '" + place.uri("y.db") + "'");
  EXPECT_EQ(place.open("y.db").ask("SELECT count(*) FROM t"), "500");
  EXPECT_THAT(place.in_clear(), IsEmpty());
}

TEST(SqliteDatabase, IsConvertedFromPlaintextAndBackByVacuumInto) {
  const Workplace place;
  Connection plain = place.open_plain("plain.db");
  ASSERT_SQL(plain, std::string("PRAGMA page_size = 512;") + kTable);
  ASSERT_SQL(plain, fill(500));
  ASSERT_SQL(plain, "VACUUM INTO '" + place.uri("x.db") + "'");
  std::filesystem::remove(place.file("plain.db"));
  Connection db = place.open("x.db");
  EXPECT_EQ(db.ask("PRAGMA integrity_check"), "ok");
  EXPECT_EQ(db.ask("SELECT count(*) FROM t"), "500");
  EXPECT_THAT(place.in_clear(), IsEmpty());
  ASSERT_SQL(db, "VACUUM INTO 'file:" + place.file("back.db") + "?vfs=unix'");
  Connection back = place.open_plain("back.db");
  EXPECT_EQ(back.ask("SELECT count(*) FROM t"), "500");
  EXPECT_EQ(back.ask("PRAGMA integrity_check"), "ok");
}

TEST(SqliteDatabase, PlaintextIsRefusedAndSaidHowToConvert) {
  const Workplace place;
  Connection plain = place.open_plain("x.db");
  ASSERT_SQL(plain, kTable);
  plain.close();
  Connection db = place.open("x.db");
  EXPECT_EQ(db.opening, SQLITE_NOTADB);
  EXPECT_THAT(place.open("other.db").coffer_error(), HasSubstr("VACUUM INTO"));
}

TEST(SqliteDatabase, WithoutACofferItIsNotOpened) {
  const Workplace place;
  const Connection db("file:" + place.file("x.db") + "?vfs=coffer",
                      SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_URI);
  EXPECT_EQ(db.opening & 0xFF, SQLITE_CANTOPEN);
  EXPECT_THAT(place.open("other.db").coffer_error(), HasSubstr("coffer=DIRECTORY"));
}

TEST(SqliteDatabase, OthersAreAttachedToIt) {
  const Workplace place;
  Connection db = place.open("x.db");
  ASSERT_SQL(db, kTable);
  ASSERT_SQL(db, "ATTACH '" + place.uri("y.db") + "' AS y; ATTACH 'file:" + place.file("p.db") + "?vfs=unix' AS p");
  ASSERT_SQL(db, "BEGIN; CREATE TABLE y.u(a); CREATE TABLE p.v(a); INSERT INTO u VALUES(1); INSERT INTO v VALUES(2)");
  ASSERT_SQL(db, fill(10));
  ASSERT_SQL(db, "COMMIT");
  EXPECT_EQ(db.ask("SELECT (SELECT count(*) FROM t) || (SELECT a FROM u) || (SELECT a FROM v)"), "1012");
  EXPECT_EQ(place.open("y.db").ask("SELECT a FROM u"), "1");
  EXPECT_EQ(place.open_plain("p.db").ask("SELECT a FROM v"), "2");
}

TEST(SqliteDatabase, IsNotAttachedWhereTemporaryFilesWouldBeInClear) {
  const Workplace place;
  ASSERT_SQL(place.open("x.db"), kTable);
  Connection plain = place.open_plain("p.db");
  EXPECT_EQ(plain.run("ATTACH '" + place.uri("x.db") + "' AS x"), SQLITE_CANTOPEN) << plain.why();
  EXPECT_THAT(plain.coffer_error(), HasSubstr("temporary files"));
  Connection memory(":memory:", SQLITE_OPEN_READWRITE | SQLITE_OPEN_URI, "coffer");
  ASSERT_SQL(memory, "ATTACH '" + place.uri("x.db") + "' AS x");
  EXPECT_EQ(memory.ask("SELECT count(*) FROM t"), "0");
}

TEST(SqliteDatabase, IsCopiedByTheBackupInterfaceAndToPlaintext) {
  const Workplace place;
  Connection db = place.open("x.db");
  ASSERT_SQL(db, kTable);
  ASSERT_SQL(db, fill(900));
  for (Connection& target : std::array{place.open("y.db"), place.open_plain("p.db")}) {
    sqlite3_backup* const backup = sqlite3_backup_init(target.get(), "main", db.get(), "main");
    ASSERT_NE(backup, nullptr) << target.why();
    while (sqlite3_backup_step(backup, 5) == SQLITE_OK) continue;
    ASSERT_EQ(sqlite3_backup_finish(backup), SQLITE_OK) << target.why();
    EXPECT_EQ(target.ask("SELECT count(*) FROM t"), "900");
    EXPECT_EQ(target.ask("PRAGMA integrity_check"), "ok");
  }
}

TEST(SqliteDatabase, APlainOneIsNotCopiedIntoItPageByPage) {
  const Workplace place;
  Connection plain = place.open_plain("p.db");
  ASSERT_SQL(plain, kTable);
  ASSERT_SQL(plain, fill(900));
  Connection db = place.open("x.db");
  sqlite3_backup* const backup = sqlite3_backup_init(db.get(), "main", plain.get(), "main");
  ASSERT_NE(backup, nullptr);
  EXPECT_NE(sqlite3_backup_step(backup, -1), SQLITE_DONE);
  sqlite3_backup_finish(backup);
  EXPECT_THAT(db.coffer_error(), HasSubstr("VACUUM INTO"));
  std::filesystem::remove(place.file("p.db"));
  EXPECT_THAT(place.in_clear(), IsEmpty());
}

TEST(SqliteDatabase, WhatIsSpilledIntoTemporaryFilesIsNotInClear) {
  const Workplace place;
  std::filesystem::create_directory(place.path("tmp"));
  setenv("SQLITE_TMPDIR", place.path("tmp").c_str(), 1);
  Connection db = place.open("x.db");
  ASSERT_SQL(db, "PRAGMA temp_store = FILE; PRAGMA cache_size = 10; CREATE TABLE t(a, b); CREATE TEMP TABLE s(a, b)");
  ASSERT_SQL(db, "BEGIN; " + fill(6000));
  ASSERT_SQL(db, "INSERT INTO s SELECT * FROM t; UPDATE s SET b = b || a");
  EXPECT_EQ(db.ask("SELECT count(*) FROM (SELECT b FROM s ORDER BY b DESC)"), "6000");
  ASSERT_SQL(db, "CREATE INDEX x ON t(b, a); SAVEPOINT p; UPDATE t SET b = b || 'x'; ROLLBACK TO p; COMMIT; VACUUM");
  EXPECT_EQ(db.ask("SELECT group_concat(b) = (SELECT group_concat(b) FROM (SELECT b FROM t ORDER BY b)) FROM "
                   "(SELECT b FROM t ORDER BY b)"), "1");
  EXPECT_EQ(db.ask("PRAGMA integrity_check"), "ok");
  EXPECT_EQ(db.ask("SELECT count(*) FROM s WHERE b LIKE '%' || a"), "6000");
  unsetenv("SQLITE_TMPDIR");
}

TEST(SqliteDatabase, AMappingIsNotMade) {
  const Workplace place;
  Connection db = place.open("x.db");
  EXPECT_EQ(db.ask("PRAGMA mmap_size = 100000000"), "0");
}

TEST(SqliteDatabase, ABlobIsReadAndWrittenInPieces) {
  const Workplace place;
  Connection db = place.open("x.db");
  ASSERT_SQL(db, "CREATE TABLE t(a INTEGER PRIMARY KEY, b BLOB); INSERT INTO t VALUES(1, zeroblob(100000))");
  sqlite3_blob* blob = nullptr;
  ASSERT_EQ(sqlite3_blob_open(db.get(), "main", "t", "b", 1, 1, &blob), SQLITE_OK);
  ASSERT_EQ(sqlite3_blob_write(blob, kCanary, sizeof kCanary, 77777), SQLITE_OK);
  std::string read(sizeof kCanary, '\0');
  ASSERT_EQ(sqlite3_blob_read(blob, read.data(), static_cast<int>(read.size()), 77777), SQLITE_OK);
  EXPECT_STREQ(read.c_str(), kCanary);
  sqlite3_blob_close(blob);
  EXPECT_EQ(db.ask("PRAGMA integrity_check"), "ok");
}

TEST(SqliteDatabase, IsReadWithoutBeingWritten) {
  const Workplace place;
  Connection db = place.open("x.db");
  ASSERT_SQL(db, std::string("PRAGMA journal_mode = wal;") + kTable);
  ASSERT_SQL(db, fill(100));
  Connection reader(place.uri("x.db"), SQLITE_OPEN_READONLY | SQLITE_OPEN_URI);
  EXPECT_EQ(reader.ask("SELECT count(*) FROM t"), "100");
  EXPECT_EQ(reader.run("DELETE FROM t"), SQLITE_READONLY);
  reader.close();
  ASSERT_SQL(db, "PRAGMA journal_mode = delete");
  db.close();
  const Connection immutable(place.uri("x.db", "&immutable=1"), SQLITE_OPEN_READONLY | SQLITE_OPEN_URI);
  EXPECT_EQ(immutable.ask("SELECT count(*) FROM t"), "100");
}

// A transaction that was rolled back leaves frames behind that nobody had to see: others write to their place.
TEST(SqliteDatabase, WhatWasRolledBackIsNotWrittenOverTheFramesOfOthers) {
  const Workplace place;
  Connection one = place.open("x.db");
  ASSERT_SQL(one, std::string("PRAGMA journal_mode = wal; PRAGMA wal_autocheckpoint = 0;") + kTable);
  ASSERT_SQL(one, fill(200));
  Connection two = place.open("x.db");
  ASSERT_EQ(two.ask("SELECT count(*) FROM t"), "200");
  for (int round = 0; round < 5; ++round) {
    ASSERT_SQL(one, "PRAGMA cache_size = 3; BEGIN; UPDATE t SET b = b || 'one'; ROLLBACK");
    ASSERT_SQL(two, "UPDATE t SET b = 'two" + std::to_string(round) + "'");
    const std::string all = "200:two" + std::to_string(round);
    EXPECT_EQ(one.ask("SELECT count(*) || ':' || max(b) FROM t"), all);
    EXPECT_EQ(place.open("x.db").ask("SELECT count(*) || ':' || min(b) FROM t"), all);
    EXPECT_EQ(place.open("x.db").ask("PRAGMA integrity_check"), "ok");
  }
}

TEST(SqliteDatabase, ExclusiveLockingTakesALogWithoutSharedMemory) {
  const Workplace place;
  Connection db = place.open("x.db");
  ASSERT_SQL(db, "PRAGMA locking_mode = exclusive; PRAGMA cache_size = 10");
  ASSERT_EQ(db.ask("PRAGMA journal_mode = wal"), "wal");
  ASSERT_SQL(db, kTable);
  ASSERT_SQL(db, fill(1000));
  ASSERT_SQL(db, "BEGIN; UPDATE t SET b = b || 'x'; UPDATE t SET b = b || 'y'; COMMIT; UPDATE t SET b = b || 'z'");
  EXPECT_FALSE(std::filesystem::exists(place.file("x.db-shm")));
  EXPECT_EQ(db.ask("SELECT count(*) FROM t WHERE b LIKE '%xyz'"), "1000");
  EXPECT_EQ(db.ask("PRAGMA integrity_check"), "ok");
  db.close();
  EXPECT_EQ(place.open("x.db").ask("SELECT count(*) FROM t WHERE b LIKE '%xyz'"), "1000");
}

}  // namespace
}  // namespace coffer::sqlite
