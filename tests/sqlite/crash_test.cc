// The power fails at some moment, and of what was not synced each sector is old or new. What was acknowledged is there
// afterwards, the rest is there whole or not at all, and SQLite finds nothing wrong: as without Coffer.
#include "sqlite/recorder.h"
#include "sqlite/workplace.h"
#include "support/seed.h"

namespace coffer::sqlite {
namespace {

struct Story {
  std::string mode;
  std::string synchronous;
  int cache_pages;
  int failures;
};

void PrintTo(const Story& story, std::ostream* out) {
  *out << story.mode << " " << story.synchronous << " cache " << story.cache_pages;
}

class PowerFailure : public testing::TestWithParam<Story> {
 protected:
  // Each transaction changes every row, and says in all of them which it was: a mixture shows.
  void work() {
    const Story& story = GetParam();
    Connection db = place_.open("x.db");
    ASSERT_SQL(db, "PRAGMA page_size = 1024; PRAGMA cache_size = " + std::to_string(story.cache_pages));
    ASSERT_EQ(db.ask("PRAGMA journal_mode = " + story.mode), story.mode);
    ASSERT_SQL(db, "PRAGMA synchronous = " + story.synchronous + "; PRAGMA wal_autocheckpoint = 40");
    ASSERT_SQL(db, "CREATE TABLE t(a INTEGER PRIMARY KEY, turn, b); CREATE TABLE n(turn); INSERT INTO n VALUES(0)");
    ASSERT_SQL(db, "WITH RECURSIVE i(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM i WHERE x < 60) "
                   "INSERT INTO t SELECT x, 0, randomblob(200) FROM i");
    ASSERT_SQL(db, "PRAGMA wal_checkpoint(TRUNCATE)");
    before_ = Recorder::get().now();
    for (int turn = 1; turn <= 12; ++turn) {
      const std::string number = std::to_string(turn);
      ASSERT_SQL(db, "BEGIN; UPDATE n SET turn = " + number + "; UPDATE t SET turn = " + number +
                         ", b = randomblob(150 + a % 100 + " + std::to_string(turn * 20) + ")");
      if (turn % 4 == 0) {
        ASSERT_SQL(db, "ROLLBACK; BEGIN; UPDATE n SET turn = " + number + "; UPDATE t SET turn = " + number);
      }
      if (turn % 5 == 0) {
        ASSERT_SQL(db, "INSERT INTO t SELECT a + 1000 * " + number + ", turn, b FROM t WHERE a <= 60");
      }
      ASSERT_SQL(db, "COMMIT");
      acknowledged_.push_back(Recorder::get().now());
    }
  }

  int acknowledged_at(size_t instant) const {
    return static_cast<int>(std::ranges::upper_bound(acknowledged_, instant) - acknowledged_.begin());
  }

  void restore(const std::map<std::string, std::string>& files) {
    std::filesystem::remove_all(place_.path("db"));
    std::filesystem::create_directory(place_.path("db"));
    for (const auto& [path, bytes] : files) write_bytes(path, bytes);
  }

  const Workplace place_;
  size_t before_ = 0;
  std::vector<size_t> acknowledged_;
};

TEST_P(PowerFailure, LeavesWhatWasAcknowledgedAndNothingHalf) {
  const Story& story = GetParam();
  Recorder& recorder = Recorder::get();
  recorder.start();
  work();
  recorder.stop();
  if (HasFatalFailure()) return;
  const size_t end = recorder.now();
  const uint64_t seed = seeds(1).front();
  SCOPED_TRACE("COFFER_SEED=" + std::to_string(seed));
  std::mt19937 chance(static_cast<uint32_t>(seed));
  const bool loses_latest = story.synchronous == "normal" && story.mode == "wal";
  for (int i = 0; i < story.failures; ++i) {
    const size_t instant = before_ + chance() % (end - before_);
    restore(recorder.after_failure(instant, chance));
    Connection db = place_.open("x.db");
    ASSERT_EQ(db.opening, SQLITE_OK) << "at " << instant << " of " << end << ": " << db.why() << db.coffer_error();
    ASSERT_EQ(db.ask("PRAGMA integrity_check"), "ok") << "at " << instant << ": " << db.coffer_error();
    const std::string turn = db.ask("SELECT turn FROM n");
    EXPECT_EQ(db.ask("SELECT count(*) FROM t WHERE turn <> " + turn), "0") << "at " << instant;
    const int acknowledged = acknowledged_at(instant);
    EXPECT_LE(std::stoi(turn), acknowledged + 1) << "at " << instant;
    if (!loses_latest) {
      EXPECT_GE(std::stoi(turn), acknowledged) << "at " << instant;
    }
    EXPECT_SQL(db, "UPDATE t SET turn = 99; DELETE FROM t WHERE a % 2");
    EXPECT_EQ(db.ask("PRAGMA integrity_check"), "ok");
    if (HasFailure()) return;
  }
}

// One transaction changes two encrypted databases and one that is not, and a super-journal makes one commit of it.
TEST(SqlitePowerFailure, LeavesDatabasesThatWereChangedTogetherTogether) {
  const Workplace place;
  const std::string attach = "ATTACH '" + place.uri("y.db") + "' AS y; ATTACH 'file:" + place.file("p.db") +
                             "?vfs=recorder' AS p;";
  const auto turns = [](const Connection& db) {
    return db.ask("SELECT (SELECT turn FROM main.n) || ' ' || (SELECT turn FROM y.n) || ' ' || (SELECT turn FROM p.n)");
  };
  Recorder& recorder = Recorder::get();
  recorder.start();
  Connection db = place.open("x.db");
  ASSERT_SQL(db, attach);
  for (const std::string name : {"main", "y", "p"}) {
    ASSERT_SQL(db, "CREATE TABLE " + name + ".n(turn, b); INSERT INTO " + name + ".n VALUES(0, zeroblob(9000))");
  }
  const size_t before = recorder.now();
  std::vector<size_t> acknowledged;
  for (int turn = 1; turn <= 4; ++turn) {
    const std::string change = ".n SET b = randomblob(9000), turn = " + std::to_string(turn) + ";";
    ASSERT_SQL(db, "BEGIN; UPDATE main" + change + "UPDATE y" + change + "UPDATE p" + change + "COMMIT");
    acknowledged.push_back(recorder.now());
  }
  recorder.stop();
  db.close();
  std::mt19937 chance(static_cast<uint32_t>(seeds(1).front()));
  for (size_t instant = before; instant < recorder.now(); ++instant) {
    std::filesystem::remove_all(place.path("db"));
    std::filesystem::create_directory(place.path("db"));
    for (const auto& [path, bytes] : recorder.after_failure(instant, chance)) write_bytes(path, bytes);
    const Connection after = place.open("x.db");
    ASSERT_SQL(after, attach);
    const std::string turn = after.ask("SELECT turn FROM main.n");
    EXPECT_EQ(turns(after), turn + " " + turn + " " + turn) << "at " << instant;
    const auto done = std::ranges::upper_bound(acknowledged, instant) - acknowledged.begin();
    EXPECT_GE(std::stoi(turn), done) << "at " << instant;
    EXPECT_EQ(after.ask("PRAGMA integrity_check"), "ok") << "at " << instant;
    if (HasFailure()) return;
  }
}

INSTANTIATE_TEST_SUITE_P(Sqlite, PowerFailure,
                         testing::Values(Story{"delete", "full", 200, 60}, Story{"delete", "full", 10, 60},
                                         Story{"delete", "normal", 10, 60}, Story{"truncate", "full", 10, 60},
                                         Story{"persist", "full", 10, 60}, Story{"persist", "normal", 200, 60},
                                         Story{"wal", "full", 200, 60}, Story{"wal", "full", 10, 60},
                                         Story{"wal", "normal", 10, 60}));
INSTANTIATE_TEST_SUITE_P(Long, PowerFailure,
                         testing::Values(Story{"delete", "full", 200, 600}, Story{"delete", "full", 10, 600},
                                         Story{"delete", "normal", 10, 600}, Story{"truncate", "full", 10, 600},
                                         Story{"persist", "full", 10, 600}, Story{"persist", "normal", 10, 600},
                                         Story{"wal", "full", 200, 600}, Story{"wal", "full", 10, 600},
                                         Story{"wal", "normal", 10, 600}));

}  // namespace
}  // namespace coffer::sqlite
