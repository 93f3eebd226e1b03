// One run of a workload on one library of SQLite's interface, for bench/sqlite/run: prints the CPU seconds it took.
//
//   coffer_sqlite_workload LIBRARY DATABASE SETUP SIZE [EXTENSION]
//
// What it does is what SQLite's own speedtest1 does most of: rows in order and not, with and without an index, read by
// key, by range and whole, changed, sorted, deleted, copied and vacuumed. SETUP is SQL for a connection.
#include <dlfcn.h>
#include <sys/resource.h>

#include <charconv>
#include <cstdio>
#include <cstdlib>
#include <string>

namespace {

struct Api {
  int (*open)(const char*, void**, int, const char*);
  int (*exec)(void*, const char*, int (*)(void*, int, char**, char**), void*, char**);
  int (*close)(void*);
  int (*load)(void*, const char*, const char*, char**);
  int (*configure)(void*, int, ...);
};

constexpr int kOpenFlags = 0x2 | 0x4 | 0x40;  // read and write, create, URI
constexpr int kEnableLoadExtension = 1005;

[[noreturn]] void fail(const char* doing, const char* text) {
  std::fprintf(stderr, "coffer_sqlite_workload: %s: %s\n", doing, text == nullptr ? "failed" : text);
  std::exit(2);
}

template <class F>
void find(void* library, const char* name, F& out) {
  out = reinterpret_cast<F>(dlsym(library, name));
  if (out == nullptr) fail(name, dlerror());
}

Api open_library(const char* path) {
  void* const library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr) fail(path, dlerror());
  Api api{};
  find(library, "sqlite3_open_v2", api.open);
  find(library, "sqlite3_exec", api.exec);
  find(library, "sqlite3_close", api.close);
  find(library, "sqlite3_load_extension", api.load);
  find(library, "sqlite3_db_config", api.configure);
  return api;
}

class Database {
 public:
  Database(const Api& api, const char* path) : api_(api) {
    if (api_.open(path, &db_, kOpenFlags, nullptr) != 0) fail("opening", path);
  }
  ~Database() { api_.close(db_); }

  void run(const std::string& sql) {
    char* error = nullptr;
    if (api_.exec(db_, sql.c_str(), nullptr, nullptr, &error) != 0) fail(sql.c_str(), error);
  }
  void load(const char* extension) {
    char* error = nullptr;
    api_.configure(db_, kEnableLoadExtension, 1, nullptr);
    if (api_.load(db_, extension, nullptr, &error) != 0) fail(extension, error);
  }

 private:
  const Api& api_;
  void* db_ = nullptr;
};

std::string rows(int count, const std::string& columns) {
  return "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < " + std::to_string(count) +
         ") SELECT " + columns + " FROM n";
}

constexpr char kRow[] = "(i * 7919) % 1000003, (i * 104729) % 1000003, 'some text of row ' || i || ' that is long "
                        "enough to fill pages ' || (i * 31337)";

void work(Database& db, int size) {
  db.run("CREATE TABLE a(x INTEGER, y INTEGER, z TEXT); CREATE TABLE b(k INTEGER PRIMARY KEY, y INTEGER, z TEXT)");
  db.run("BEGIN; INSERT INTO a " + rows(size, kRow) + "; COMMIT");
  db.run("BEGIN; INSERT OR REPLACE INTO b " + rows(size, kRow) + "; COMMIT");
  db.run("CREATE INDEX by_x ON a(x); CREATE INDEX by_y ON b(y, z)");
  db.run(rows(size / 2, "(SELECT z FROM b WHERE k >= (i * 6151) % 1000003 LIMIT 1)"));
  db.run(rows(200, "(SELECT sum(length(z)) FROM a WHERE x BETWEEN i * 4999 AND i * 4999 + 3000)"));
  for (int i = 0; i < 100; ++i) {
    const std::string from = std::to_string(i * 10000);
    const std::string to = std::to_string(i * 10000 + 1000);
    db.run("UPDATE a SET z = z || 'x' WHERE x BETWEEN " + from + " AND " + to);
    db.run("DELETE FROM b WHERE k BETWEEN " + from + " AND " + to);
    db.run("INSERT INTO b SELECT k + 1000003, y, z FROM b WHERE k BETWEEN 1000 + " + from + " AND 1000 + " + to);
  }
  db.run("SELECT count(*) FROM (SELECT z FROM a ORDER BY z DESC); SELECT sum(length(z)) FROM b");
  db.run("SELECT count(*) FROM a JOIN b ON a.x = b.k WHERE b.z LIKE '%7%'");
  db.run("BEGIN; UPDATE b SET y = y + 1; COMMIT; PRAGMA integrity_check; VACUUM");
}

int rows_asked_for(const std::string& text) {
  int rows = 0;
  const auto end = std::from_chars(text.data(), text.data() + text.size(), rows).ptr;
  if (rows <= 0 || end != text.data() + text.size()) fail("SIZE", "is a number of rows");
  return rows;
}

double cpu_seconds() {
  rusage used{};
  getrusage(RUSAGE_SELF, &used);
  return static_cast<double>(used.ru_utime.tv_sec + used.ru_stime.tv_sec) +
         static_cast<double>(used.ru_utime.tv_usec + used.ru_stime.tv_usec) / 1e6;
}

}  // namespace

int main(int count, char** words) {
  if (count < 5) fail("usage", "LIBRARY DATABASE SETUP SIZE [EXTENSION]");
  const Api api = open_library(words[1]);
  if (count > 5) Database(api, ":memory:").load(words[5]);
  double before = 0;
  {
    Database db(api, words[2]);
    db.run(words[3]);
    before = cpu_seconds();  // without opening a coffer, which a process does once
    work(db, rows_asked_for(words[4]));
  }
  std::printf("%.6f\n", cpu_seconds() - before);
  return 0;
}
