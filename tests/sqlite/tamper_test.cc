// Whoever writes to the disk can destroy a database, never change what is read from it.
#include <random>

#include "coffer/format/envelope.h"
#include "coffer/io/disk.h"
#include "coffer/files/file_reader.h"
#include "sqlite/workplace.h"

namespace coffer::sqlite {
namespace {

using testing::HasSubstr;

constexpr uint64_t kPage = 4096;

// A database of some pages, closed.
void make(const Workplace& place, const std::string& name, const std::string& also = {}) {
  const Connection db = place.open(name);
  ASSERT_SQL(db, "CREATE TABLE t(a INTEGER PRIMARY KEY, b TEXT); " + also);
  ASSERT_SQL(db, fill(200));
}

// What a reader of everything sees: "200", or that something is wrong.
std::string read_all(const Workplace& place, const std::string& name) {
  const Connection db = place.open(name);
  if (db.opening != SQLITE_OK) return "error " + std::to_string(db.opening);
  const std::string rows = db.ask("SELECT count(*) || length(group_concat(b)) FROM t");
  if (rows.starts_with("error")) return rows;
  const std::string check = db.ask("PRAGMA integrity_check");
  return check == "ok" ? rows : "error: " + check;
}

TEST(SqliteTamper, EachByteOfAPageIsProved) {
  const Workplace place;
  make(place, "x.db");
  const std::string good = read_bytes(place.file("x.db"));
  const std::string rows = read_all(place, "x.db");
  ASSERT_THAT(rows, testing::StartsWith("200"));
  std::mt19937 chance(1);
  std::vector<uint64_t> offsets;
  for (const uint64_t page : {0, 1, 3}) {
    for (uint64_t at : {uint64_t{0}, uint64_t{15}, uint64_t{16}, uint64_t{17}, uint64_t{18}, uint64_t{20}, uint64_t{23},
                        uint64_t{24}, uint64_t{100}, kPage - 49, kPage - 48, kPage - 25, kPage - 24, kPage - 9,
                        kPage - 8, kPage - 1}) {
      offsets.push_back(kEnvelopeSize + page * kPage + at);
    }
  }
  for (int i = 0; i < 100; ++i) offsets.push_back(kEnvelopeSize + chance() % (good.size() - kEnvelopeSize));
  for (const uint64_t offset : offsets) {
    flip_byte(place.file("x.db"), offset);
    EXPECT_THAT(read_all(place, "x.db"), testing::StartsWith("error")) << offset;
    write_bytes(place.file("x.db"), good);
  }
  EXPECT_EQ(read_all(place, "x.db"), rows);
}

TEST(SqliteTamper, PagesThatChangePlacesAreNoticed) {
  const Workplace place;
  make(place, "x.db");
  std::string bytes = read_bytes(place.file("x.db"));
  std::swap_ranges(bytes.begin() + kEnvelopeSize + 2 * kPage, bytes.begin() + kEnvelopeSize + 3 * kPage,
                   bytes.begin() + kEnvelopeSize + 3 * kPage);
  write_bytes(place.file("x.db"), bytes);
  EXPECT_THAT(read_all(place, "x.db"), testing::StartsWith("error"));
}

TEST(SqliteTamper, APageOfAnotherDatabaseIsNoticed) {
  const Workplace place;
  make(place, "x.db");
  make(place, "y.db");
  std::string bytes = read_bytes(place.file("x.db"));
  bytes.replace(kEnvelopeSize + 2 * kPage, kPage, read_bytes(place.file("y.db")), kEnvelopeSize + 2 * kPage, kPage);
  write_bytes(place.file("x.db"), bytes);
  EXPECT_THAT(read_all(place, "x.db"), testing::StartsWith("error"));
}

TEST(SqliteTamper, ACutAndAHoleAreNoticed) {
  const Workplace place;
  make(place, "x.db");
  const std::string good = read_bytes(place.file("x.db"));
  for (const uint64_t size : {good.size() - 1, good.size() - kPage, good.size() - kPage - 1, kEnvelopeSize + kPage}) {
    std::filesystem::resize_file(place.file("x.db"), size);
    EXPECT_THAT(read_all(place, "x.db"), testing::StartsWith("error")) << size;
    write_bytes(place.file("x.db"), good);
  }
  std::string hole = good;
  hole.replace(kEnvelopeSize + 3 * kPage, kPage, std::string(kPage, '\0'));
  write_bytes(place.file("x.db"), hole);
  EXPECT_THAT(read_all(place, "x.db"), testing::StartsWith("error"));
}

// A process that dies with a transaction half done: its files, copied while it is at it.
struct HalfDone {
  explicit HalfDone(const Workplace& place) {
    make(place, "x.db", "PRAGMA user_version = 7;");
    before = read_all(place, "x.db");
    Connection db = place.open("x.db");
    EXPECT_SQL(db, "PRAGMA cache_size = 3; BEGIN; UPDATE t SET b = b || 'new'");
    database = read_bytes(place.file("x.db"));
    journal = read_bytes(place.file("x.db-journal"));
    EXPECT_SQL(db, "ROLLBACK");
  }
  void restore(const Workplace& place) const {
    write_bytes(place.file("x.db"), database);
    write_bytes(place.file("x.db-journal"), journal);
  }
  std::string before, database, journal;
};

TEST(SqliteTamper, AHotJournalIsPlayedBackAndNoByteOfItMayChange) {
  const Workplace place;
  const HalfDone half(place);
  half.restore(place);
  EXPECT_EQ(read_all(place, "x.db"), half.before);
  EXPECT_FALSE(std::filesystem::exists(place.file("x.db-journal")));
  std::mt19937 chance(1);
  int refused = 0;
  for (int i = 0; i < 60; ++i) {
    const uint64_t offset = i < 30 ? chance() % 600 : chance() % 12000;
    // A header behind the first: a journal may be cut there (docs/format.md, section 18).
    if (offset >= 5120 && offset % 5120 < 512) continue;
    half.restore(place);
    flip_byte(place.file("x.db-journal"), kEnvelopeSize + offset);
    const std::string result = read_all(place, "x.db");
    if (result.starts_with("error")) ++refused;
    // Zeros behind a header, and records that nobody had relied upon, decide nothing.
    EXPECT_TRUE(result == half.before || result.starts_with("error")) << i << ": " << result;
  }
  EXPECT_GT(refused, 10);
}

TEST(SqliteTamper, AJournalOfAnotherDatabaseIsNotPlayedBack) {
  const Workplace place;
  const HalfDone half(place);
  half.restore(place);
  ASSERT_EQ(read_all(place, "x.db"), half.before);
  make(place, "y.db");
  const std::string before = read_bytes(place.file("y.db"));
  write_bytes(place.file("y.db-journal"), half.journal);
  EXPECT_THAT(read_all(place, "y.db"), testing::StartsWith("error"));
  EXPECT_EQ(read_bytes(place.file("y.db")), before);
}

TEST(SqliteTamper, ARecordOfAnEarlierLifeOfAJournalIsNotPlayedBack) {
  const Workplace place;
  make(place, "x.db");
  Connection db = place.open("x.db");
  ASSERT_EQ(db.ask("PRAGMA journal_mode = persist"), "persist");
  ASSERT_SQL(db, "PRAGMA cache_size = 3; BEGIN; UPDATE t SET b = b || 'one'");
  const std::string earlier = read_bytes(place.file("x.db-journal"));
  ASSERT_SQL(db, "COMMIT; BEGIN; UPDATE t SET b = b || 'two'");
  const std::string database = read_bytes(place.file("x.db"));
  std::string journal = read_bytes(place.file("x.db-journal"));
  ASSERT_SQL(db, "ROLLBACK");
  db.close();
  // All records of the first transaction, behind the header of the second.
  const size_t head = kEnvelopeSize + 512;
  journal.replace(head, std::min(journal.size(), earlier.size()) - head, earlier, head);
  write_bytes(place.file("x.db"), database);
  write_bytes(place.file("x.db-journal"), journal);
  EXPECT_THAT(read_all(place, "x.db"), testing::StartsWith("error"));
}

TEST(SqliteTamper, AJournalInClearIsRefused) {
  const Workplace place;
  make(place, "x.db");
  const Connection plain = place.open_plain("p.db");
  ASSERT_SQL(plain, "CREATE TABLE t(a, b); BEGIN; INSERT INTO t VALUES(1, 2)");
  std::filesystem::copy_file(place.file("p.db-journal"), place.file("x.db-journal"));
  EXPECT_THAT(read_all(place, "x.db"), testing::StartsWith("error"));
}

TEST(SqliteTamper, AFrameOfALogThatIsReliedUponIsProved) {
  const Workplace place;
  Connection db = place.open("x.db");
  ASSERT_EQ(db.ask("PRAGMA journal_mode = wal"), "wal");
  ASSERT_SQL(db, "CREATE TABLE t(a INTEGER PRIMARY KEY, b TEXT)");
  ASSERT_SQL(db, fill(200));
  Connection reader = place.open("x.db");
  ASSERT_THAT(reader.ask("SELECT count(*) FROM t"), "200");
  const std::string wal = read_bytes(place.file("x.db-wal"));
  for (uint64_t at = kEnvelopeSize + 512 + 700; at < wal.size(); at += kPage + 64) {
    flip_byte(place.file("x.db-wal"), at);
  }
  Connection late = place.open("x.db");
  EXPECT_THAT(late.ask("SELECT count(*) FROM t"), testing::StartsWith("error 8202"));
  EXPECT_THAT(late.coffer_error(), HasSubstr("frame"));
  write_bytes(place.file("x.db-wal"), wal);
  EXPECT_EQ(place.open("x.db").ask("SELECT count(*) FROM t"), "200");
}

TEST(SqliteTamper, AFrameOfAnEarlierLifeOfALogIsNotRead) {
  const Workplace place;
  Connection db = place.open("x.db");
  ASSERT_EQ(db.ask("PRAGMA journal_mode = wal"), "wal");
  ASSERT_SQL(db, "CREATE TABLE t(a INTEGER PRIMARY KEY, b TEXT)");
  ASSERT_SQL(db, fill(200));
  const std::string earlier = read_bytes(place.file("x.db-wal"));
  ASSERT_SQL(db, "PRAGMA wal_checkpoint(RESTART); UPDATE t SET b = b || 'new'");
  const std::string wal = read_bytes(place.file("x.db-wal"));
  const size_t head = kEnvelopeSize + 512;
  write_bytes(place.file("x.db-wal"), wal.substr(0, head) + earlier.substr(head));
  Connection late = place.open("x.db");
  EXPECT_THAT(late.ask("SELECT sum(length(b)) FROM t"), testing::StartsWith("error 8202"));
  write_bytes(place.file("x.db-wal"), wal);
}

TEST(SqliteTamper, WhatIsTornOffALogIsItsEnd) {
  const Workplace place;
  std::string database, wal;
  {
    Connection db = place.open("x.db");
    ASSERT_EQ(db.ask("PRAGMA journal_mode = wal"), "wal");
    ASSERT_SQL(db, "CREATE TABLE t(a INTEGER PRIMARY KEY, b TEXT)");
    ASSERT_SQL(db, fill(20));
    ASSERT_SQL(db, fill(20, 21));
    database = read_bytes(place.file("x.db"));
    wal = read_bytes(place.file("x.db-wal"));
  }
  for (const size_t torn : {1, 100, 5000}) {
    write_bytes(place.file("x.db"), database);
    write_bytes(place.file("x.db-wal"), wal.substr(0, wal.size() - torn));
    const std::string rows = place.open("x.db").ask("SELECT count(*) FROM t");
    EXPECT_EQ(rows, "20") << torn;
  }
}

TEST(SqliteTamper, ToolsReadTheThreeKinds) {
  const Workplace place;
  const HalfDone half(place);
  half.restore(place);
  std::filesystem::copy_file(place.file("x.db-journal"), place.file("y.db-journal"));
  ASSERT_EQ(read_all(place, "x.db"), half.before);
  Connection db = place.open("x.db");
  ASSERT_SQL(db, "PRAGMA journal_mode = wal; UPDATE t SET b = b || 'x'");
  const auto coffer = place.coffer();
  const auto cat = [&](const std::string& name) {
    std::string out;
    auto reader = FileReader::open(*coffer, place.file(name));
    if (!reader.is_ok()) return reader.status().to_string();
    for (;;) {
      const auto piece = (*reader)->next();
      if (!piece.is_ok()) return piece.status().to_string();
      if (piece->empty()) return out;
      out += as_text(*piece);
    }
  };
  EXPECT_THAT(cat("x.db-wal"), HasSubstr(kCanary));
  EXPECT_THAT(cat("y.db-journal"), HasSubstr(kCanary));
  ASSERT_SQL(db, "PRAGMA journal_mode = delete");
  write_bytes(place.file("plain.db"), cat("x.db"));
  const Connection plain = place.open_plain("plain.db");
  EXPECT_EQ(plain.ask("SELECT count(*) FROM t WHERE b LIKE '%x'"), "200");
  EXPECT_EQ(plain.ask("PRAGMA integrity_check"), "ok");
}

}  // namespace
}  // namespace coffer::sqlite
