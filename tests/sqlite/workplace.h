// A directory of its own with a coffer and databases, and SQLite with the extension loaded: what tests of the SQLite
// door begin with.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sqlite3.h>

#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <vector>

#include "coffer/store/coffer.h"
#include "io/temporary_directory.h"

namespace coffer::sqlite {

// Stands in everything that tests write, so that a search of the files finds what was not encrypted.
inline constexpr char kCanary[] = "PlaintextCanary";

// One connection. What fails unexpectedly fails the test.
class Connection {
 public:
  Connection() = default;
  Connection(const std::string& uri, int flags, const char* vfs = nullptr);

  sqlite3* get() const { return db_.get(); }
  // SQLite's extended code.
  int run(const std::string& sql) const;
  // The first column of all rows, one a line; "error N: text" where it fails.
  std::string ask(const std::string& sql) const;
  std::string why() const { return sqlite3_errmsg(get()); }
  // What Coffer said of the latest failure of this thread.
  std::string coffer_error() const { return ask("SELECT coffer_error()"); }
  void close() { db_.reset(); }
  int opening = SQLITE_OK;

 private:
  std::unique_ptr<sqlite3, int (*)(sqlite3*)> db_{nullptr, sqlite3_close};
};

#define ASSERT_SQL(connection, sql) ASSERT_EQ((connection).run(sql), SQLITE_OK) << (connection).why() << "\n" << (sql)
#define EXPECT_SQL(connection, sql) EXPECT_EQ((connection).run(sql), SQLITE_OK) << (connection).why() << "\n" << (sql)

class Workplace {
 public:
  Workplace();

  std::string path(const std::string& name) const { return directory_.path() + "/" + name; }
  std::string coffer_directory() const { return path("c.coffer"); }
  std::string uri(const std::string& name, const std::string& more = {}) const {
    return "file:" + path("db/" + name) + "?vfs=coffer&coffer=" + coffer_directory() + more;
  }
  // An encrypted database.
  Connection open(const std::string& name, const std::string& more = {}) const {
    return Connection(uri(name, more), SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_URI);
  }
  Connection open_plain(const std::string& name) const {
    return Connection(path("db/" + name), SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_URI);
  }
  std::string file(const std::string& name) const { return path("db/" + name); }
  // The same coffer, as a tool opens it.
  std::shared_ptr<Coffer> coffer() const;
  // Of files in which kCanary stands.
  std::vector<std::string> in_clear() const;

 private:
  TemporaryDirectory directory_;
};

std::string read_bytes(const std::string& path);
void write_bytes(const std::string& path, const std::string& bytes);
void flip_byte(const std::string& path, uint64_t offset);
// SQL that fills a table `t` with `rows` rows of which each has the canary.
std::string fill(int rows, int first = 1);

}  // namespace coffer::sqlite
