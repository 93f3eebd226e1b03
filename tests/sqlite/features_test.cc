// Parts of SQLite that ask its VFS for something out of the way: shared caches, the page that locks are in, vacuuming
// by pieces, other databases' coffers, files that nobody may lock or write, tables of its extensions.
#include "coffer/format/envelope.h"
#include "sqlite/workplace.h"

namespace coffer::sqlite {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;

constexpr char kRows[] = "CREATE TABLE t(a INTEGER PRIMARY KEY, b TEXT)";

TEST(SqliteSharedCache, ConnectionsReadAndWriteOneCacheInEveryJournalMode) {
  const Workplace place;
  const Connection one = place.open("x.db", "&cache=shared");
  const Connection two = place.open("x.db", "&cache=shared");
  ASSERT_SQL(one, kRows);
  for (const std::string mode : {"delete", "wal", "persist"}) {
    ASSERT_EQ(one.ask("PRAGMA journal_mode = " + mode), mode);
    ASSERT_SQL(one, "BEGIN; DELETE FROM t; " + fill(300));
    ASSERT_SQL(two, "PRAGMA read_uncommitted = 0");
    EXPECT_EQ(two.run("SELECT count(*) FROM t"), SQLITE_LOCKED_SHAREDCACHE);
    ASSERT_SQL(two, "PRAGMA read_uncommitted = 1");
    EXPECT_EQ(two.ask("SELECT count(*) FROM t"), "300");
    ASSERT_SQL(one, "COMMIT");
    ASSERT_SQL(two, "UPDATE t SET b = b || 'two'");
    EXPECT_EQ(one.ask("SELECT count(*) FROM t WHERE b LIKE '%two'"), "300");
    // A cache of its own.
    EXPECT_EQ(place.open("x.db").ask("SELECT count(*) FROM t WHERE b LIKE '%two'"), "300");
    EXPECT_THAT(place.in_clear(), IsEmpty());
  }
}

TEST(SqliteSharedCache, IsNotAttachedWhereTemporaryFilesWouldBeInClear) {
  for (const std::string mode : {"delete", "wal"}) {
    const Workplace place;
    const Connection db = place.open("x.db", "&cache=shared");
    ASSERT_EQ(db.ask("PRAGMA journal_mode = " + mode), mode);
    ASSERT_SQL(db, kRows);
    const Connection plain = place.open_plain("p.db");
    EXPECT_NE(plain.run("ATTACH '" + place.uri("x.db", "&cache=shared") + "' AS x; SELECT * FROM x.t"), SQLITE_OK);
    EXPECT_THAT(plain.coffer_error(), HasSubstr("temporary files"));
    ASSERT_SQL(db, fill(10));
    EXPECT_EQ(db.ask("SELECT count(*) FROM t"), "10");
  }
}

TEST(SqliteSharedCache, ADatabaseInMemoryIsSharedAndSpillsNothingInClear) {
  const Workplace place;
  const std::string uri = "file:shared?mode=memory&cache=shared&vfs=coffer";
  const Connection one(uri, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_URI);
  const Connection two(uri, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_URI);
  ASSERT_SQL(one, std::string("PRAGMA temp_store = FILE; PRAGMA cache_size = 5;") + kRows);
  ASSERT_SQL(one, fill(2000));
  EXPECT_EQ(two.ask("SELECT count(*) FROM (SELECT b FROM t ORDER BY b)"), "2000");
}

// SQLite leaves one page of a database alone, the one at 2^30, for its locks. Moved to where a small database has it.
TEST(SqliteDatabase, ThePageThatLocksAreInIsPassedOver) {
  constexpr unsigned kPlace = 0x10000;
  for (const int page_size : {1024, 4096, 65536}) {
    const Workplace place;
    sqlite3_test_control(SQLITE_TESTCTRL_PENDING_BYTE, kPlace);
    {
      const Connection db = place.open("x.db");
      ASSERT_SQL(db, "PRAGMA page_size = " + std::to_string(page_size) + "; PRAGMA auto_vacuum = FULL;" + kRows);
      for (const std::string mode : {"delete", "wal"}) {
        ASSERT_EQ(db.ask("PRAGMA journal_mode = " + mode), mode);
        ASSERT_SQL(db, "PRAGMA cache_size = 5; " + fill(3000));
        EXPECT_EQ(db.ask("PRAGMA integrity_check"), "ok");
        EXPECT_EQ(place.open("x.db").ask("SELECT count(*) || max(b LIKE 'Plain%') FROM t"), "30001");
        ASSERT_SQL(db, "VACUUM");
        EXPECT_EQ(place.open("x.db").ask("PRAGMA integrity_check"), "ok");
        ASSERT_SQL(db, "DELETE FROM t");
      }
    }
    sqlite3_test_control(SQLITE_TESTCTRL_PENDING_BYTE, 0x40000000);
    EXPECT_THAT(place.in_clear(), IsEmpty());
  }
}

TEST(SqliteDatabase, IsVacuumedByPiecesAndTurnedFromOneKindOfVacuumToAnother) {
  const Workplace place;
  const Connection db = place.open("x.db");
  ASSERT_SQL(db, std::string("PRAGMA auto_vacuum = INCREMENTAL;") + kRows);
  for (const std::string mode : {"delete", "wal"}) {
    ASSERT_EQ(db.ask("PRAGMA journal_mode = " + mode), mode);
    ASSERT_SQL(db, fill(2000));
    ASSERT_SQL(db, "DELETE FROM t WHERE a % 4 <> 0");
    const int freed = std::stoi(db.ask("PRAGMA freelist_count"));
    ASSERT_GT(freed, 20);
    ASSERT_SQL(db, "PRAGMA incremental_vacuum(10)");
    EXPECT_EQ(db.ask("PRAGMA freelist_count"), std::to_string(freed - 10));
    ASSERT_SQL(db, "PRAGMA incremental_vacuum; PRAGMA wal_checkpoint(TRUNCATE)");
    EXPECT_EQ(db.ask("PRAGMA freelist_count"), "0");
    EXPECT_EQ(std::filesystem::file_size(place.file("x.db")),
              kEnvelopeSize + 4096U * std::stoul(db.ask("PRAGMA page_count")));
    EXPECT_EQ(place.open("x.db").ask("PRAGMA integrity_check"), "ok");
    ASSERT_SQL(db, "DELETE FROM t");
  }
  ASSERT_SQL(db, "PRAGMA journal_mode = delete; PRAGMA auto_vacuum = NONE; VACUUM");
  EXPECT_EQ(place.open("x.db").ask("PRAGMA auto_vacuum"), "0");
  EXPECT_EQ(place.open("x.db").ask("PRAGMA integrity_check"), "ok");
}

TEST(SqliteDatabase, OfAnotherCofferIsAttachedByThatOnesName) {
  const Workplace place;
  const Workplace elsewhere;
  const Connection db = place.open("x.db");
  ASSERT_SQL(db, kRows);
  ASSERT_SQL(db, "ATTACH '" + elsewhere.uri("y.db") + "' AS y; CREATE TABLE y.u(a)");
  ASSERT_SQL(db, "BEGIN; INSERT INTO u VALUES(7);" + fill(5) + "; COMMIT");
  EXPECT_EQ(elsewhere.open("y.db").ask("SELECT a FROM u"), "7");
  EXPECT_EQ(place.open("x.db").ask("SELECT count(*) FROM t"), "5");
  ASSERT_SQL(db, "DETACH y");
  const std::string wrong = "file:" + elsewhere.file("y.db") + "?vfs=coffer&coffer=" + place.coffer_directory();
  EXPECT_NE(db.run("ATTACH '" + wrong + "' AS y"), SQLITE_OK);
  EXPECT_THAT(db.coffer_error(), HasSubstr("another coffer"));
}

TEST(SqliteDatabase, TheJournalModeIsChangedUnderReadersWhereSqliteAllowsIt) {
  const Workplace place;
  const Connection db = place.open("x.db");
  ASSERT_SQL(db, std::string("PRAGMA busy_timeout = 10; PRAGMA journal_mode = wal;") + kRows);
  ASSERT_SQL(db, fill(50));
  Connection reader = place.open("x.db");
  ASSERT_SQL(reader, "BEGIN; SELECT * FROM t");
  EXPECT_EQ(db.run("PRAGMA journal_mode = delete") & 0xFF, SQLITE_BUSY);
  ASSERT_SQL(db, "DELETE FROM t WHERE a > 40");
  EXPECT_EQ(reader.ask("SELECT count(*) FROM t"), "50");
  reader.close();
  EXPECT_EQ(db.ask("PRAGMA journal_mode = delete"), "delete");

  reader = place.open("x.db");
  ASSERT_SQL(reader, "BEGIN; SELECT * FROM t");
  for (const std::string mode : {"persist", "truncate", "memory", "delete"}) {
    EXPECT_EQ(db.ask("PRAGMA journal_mode = " + mode), mode);
    EXPECT_EQ(reader.ask("SELECT count(*) FROM t"), "40");
  }
  EXPECT_EQ(db.run("PRAGMA journal_mode = wal") & 0xFF, SQLITE_BUSY);
  ASSERT_SQL(reader, "COMMIT");
  EXPECT_EQ(db.ask("PRAGMA journal_mode = wal"), "wal");
  ASSERT_SQL(db, "DELETE FROM t WHERE a > 30");
  EXPECT_EQ(reader.ask("SELECT count(*) FROM t"), "30");
  EXPECT_EQ(reader.ask("PRAGMA integrity_check"), "ok");
}

TEST(SqliteDatabase, WithoutLocksItIsReadAndWrittenButHasNoLog) {
  const Workplace place;
  const Connection db = place.open("x.db", "&nolock=1");
  ASSERT_SQL(db, kRows);
  ASSERT_SQL(db, fill(100));
  EXPECT_EQ(db.ask("PRAGMA journal_mode = wal"), "delete");
  EXPECT_EQ(db.ask("PRAGMA integrity_check"), "ok");
  EXPECT_EQ(place.open("x.db").ask("SELECT count(*) FROM t"), "100");
}

TEST(SqliteDatabase, IsNotAttachedWithoutLocksEitherWhereTemporaryFilesWouldBeInClear) {
  const Workplace place;
  ASSERT_SQL(place.open("x.db"), kRows);
  for (const std::string more : {"&nolock=1", "&immutable=1"}) {
    const Connection plain = place.open_plain("p.db");
    EXPECT_NE(plain.run("ATTACH '" + place.uri("x.db", more) + "' AS x; SELECT * FROM x.t"), SQLITE_OK) << more;
    EXPECT_THAT(plain.coffer_error(), HasSubstr("temporary files"));
  }
}

TEST(SqliteDatabase, TablesOfExtensionsAreEncryptedAsOthers) {
  const Workplace place;
  const Connection db = place.open("x.db");
  ASSERT_SQL(db, "CREATE VIRTUAL TABLE words USING fts5(text); CREATE VIRTUAL TABLE boxes USING rtree(id, x0, x1);"
                 "CREATE TABLE t(a, b)");
  ASSERT_SQL(db, fill(500));
  ASSERT_SQL(db, "INSERT INTO words SELECT b || ' ' || a || ' plaintextcanary' FROM t; DROP TABLE t");
  ASSERT_SQL(db, "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 500) "
                 "INSERT INTO boxes SELECT i, i, i + 2 FROM n");
  ASSERT_SQL(db, "INSERT INTO words(words) VALUES('optimize'); INSERT INTO words(words) VALUES('integrity-check')");
  const Connection other = place.open("x.db");
  EXPECT_EQ(other.ask("SELECT count(*) FROM words WHERE words MATCH 'plaintextcanary'"), "500");
  EXPECT_EQ(other.ask("SELECT count(*) FROM boxes WHERE x0 <= 100 AND x1 >= 100"), "3");
  EXPECT_EQ(other.ask("SELECT rtreecheck('boxes')"), "ok");
  EXPECT_EQ(other.ask("PRAGMA integrity_check"), "ok");
  EXPECT_THAT(place.in_clear(), IsEmpty());
  EXPECT_EQ(read_bytes(place.file("x.db")).find("plaintextcanary"), std::string::npos);
}

}  // namespace
}  // namespace coffer::sqlite
