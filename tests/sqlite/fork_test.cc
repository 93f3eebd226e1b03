// A child of fork() has its parent's connections, and may not use them: it is refused whatever it tries, and the parent
// goes on as if nothing had been.
#include <sys/wait.h>
#include <unistd.h>

#include "sqlite/workplace.h"

namespace coffer::sqlite {
namespace {

// What the child says: a line of text.
std::string in_child(const std::function<std::string()>& act) {
  int ends[2];
  EXPECT_EQ(pipe(ends), 0);
  const pid_t child = fork();
  if (child == 0) {
    const std::string said = act();
    const ssize_t written = write(ends[1], said.data(), said.size());
    _exit(written == static_cast<ssize_t>(said.size()) ? 0 : 1);
  }
  close(ends[1]);
  std::string out;
  char byte = 0;
  while (read(ends[0], &byte, 1) == 1) out += byte;
  close(ends[0]);
  int status = 0;
  EXPECT_EQ(waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0) << status;
  return out;
}

class Fork : public testing::TestWithParam<std::string> {
 protected:
  Fork() : db_(place_.open("x.db")) {
    EXPECT_EQ(db_.ask("PRAGMA journal_mode = " + GetParam()), GetParam());
    EXPECT_SQL(db_, "PRAGMA cache_size = 5; CREATE TABLE t(a INTEGER PRIMARY KEY, b)");
    EXPECT_SQL(db_, fill(400));
  }

  void expect_rows(const std::string& rows) {
    EXPECT_EQ(db_.ask("SELECT count(*) FROM t"), rows) << db_.coffer_error();
    EXPECT_EQ(db_.ask("PRAGMA integrity_check"), "ok");
    EXPECT_EQ(place_.open("x.db").ask("SELECT count(*) FROM t"), rows);
  }

  const Workplace place_;
  Connection db_;
};

TEST_P(Fork, AChildReadsAndWritesNothingByItsParentsConnection) {
  for (const std::string sql : {"SELECT count(*) FROM t", "INSERT INTO t VALUES(9999, 'of the child')", "VACUUM"}) {
    const std::string said = in_child([&] {
      const std::string answer = db_.ask(sql);
      return answer + "; " + db_.coffer_error();
    });
    EXPECT_THAT(said, testing::StartsWith("error " + std::to_string(SQLITE_IOERR_AUTH))) << sql;
    EXPECT_THAT(said, testing::HasSubstr("forked")) << sql;
  }
  expect_rows("400");
  const std::string rows = in_child([&] { return place_.open("x.db").ask("SELECT count(*) FROM t"); });
  EXPECT_EQ(rows, "400") << "a connection of its own";
}

// Some of its pages are in the file or the log, the rest in memory that parent and child have both.
TEST_P(Fork, AParentsTransactionGoesOnWhateverTheChildDoesWithIt) {
  for (const std::string sql : {"COMMIT", "ROLLBACK", "UPDATE t SET b = 'of the child'", "close"}) {
    ASSERT_SQL(db_, "BEGIN; UPDATE t SET b = b || 'x'; " + fill(100, 1000));
    in_child([&] {
      sql == "close" ? db_.close() : static_cast<void>(db_.run(sql));
      return std::string("done");
    });
    ASSERT_SQL(db_, "UPDATE t SET b = b || 'y'; COMMIT");
    EXPECT_EQ(db_.ask("SELECT count(*) FROM t WHERE b LIKE '%xy'"), "400") << sql;
    expect_rows("500");
    ASSERT_SQL(db_, "DELETE FROM t; " + fill(400));
    if (HasFailure()) return;
  }
}

INSTANTIATE_TEST_SUITE_P(Sqlite, Fork, testing::Values("delete", "persist", "wal"));

}  // namespace
}  // namespace coffer::sqlite
