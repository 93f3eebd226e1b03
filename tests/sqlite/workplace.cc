#include "sqlite/workplace.h"

#include <coffer_test_paths.h>
#include <sys/stat.h>

#include "coffer/config/key_file.h"
#include "coffer/providers/registry.h"
#include "sqlite/recorder.h"

namespace coffer::sqlite {
namespace {

// As a program loads it: once, for all connections.
void load_extension() {
  static const bool loaded = [] {
    Recorder::get();
    Connection any(":memory:", SQLITE_OPEN_READWRITE);
    sqlite3_db_config(any.get(), SQLITE_DBCONFIG_ENABLE_LOAD_EXTENSION, 1, nullptr);
    char* error = nullptr;
    const int result = sqlite3_load_extension(any.get(), COFFER_BINARY_DIR "/coffer_sqlite", nullptr, &error);
    EXPECT_EQ(result, SQLITE_OK) << (error == nullptr ? "" : error);
    sqlite3_free(error);
    return true;
  }();
  (void)loaded;
}

}  // namespace

Connection::Connection(const std::string& uri, int flags, const char* vfs) {
  sqlite3* db = nullptr;
  opening = sqlite3_open_v2(uri.c_str(), &db, flags, vfs);
  if (db != nullptr) {
    if (opening != SQLITE_OK) opening = sqlite3_extended_errcode(db);
    sqlite3_extended_result_codes(db, 1);
    sqlite3_busy_timeout(db, 10000);
  }
  db_.reset(db);
}

int Connection::run(const std::string& sql) const {
  return sqlite3_exec(get(), sql.c_str(), nullptr, nullptr, nullptr);
}

std::string Connection::ask(const std::string& sql) const {
  std::string out;
  const auto add_row = [](void* text, int, char** values, char**) {
    auto& rows = *static_cast<std::string*>(text);
    if (!rows.empty()) rows += "\n";
    rows += values[0] == nullptr ? "NULL" : values[0];
    return 0;
  };
  const int result = sqlite3_exec(get(), sql.c_str(), add_row, &out, nullptr);
  if (result != SQLITE_OK) return "error " + std::to_string(result) + ": " + why();
  return out;
}

Workplace::Workplace() {
  load_extension();
  write_bytes(path("root.key"), std::string(64, '\xEB'));
  chmod(path("root.key").c_str(), 0600);
  std::filesystem::create_directory(path("db"));
  const Status made = Coffer::create(Disk::posix(), coffer_directory(),
                                     {.root_uri = "file://" + path("root.key"), .config = {}}, open_provider);
  EXPECT_TRUE(made.is_ok()) << made.to_string();
}

std::shared_ptr<Coffer> Workplace::coffer() const {
  auto opened = Coffer::open(Disk::posix(), coffer_directory(), {}, open_provider);
  EXPECT_TRUE(opened.is_ok()) << opened.status().to_string();
  return opened.is_ok() ? *opened : nullptr;
}

std::vector<std::string> Workplace::in_clear() const {
  std::vector<std::string> out;
  for (const auto& entry : std::filesystem::directory_iterator(path("db"))) {
    if (read_bytes(entry.path()).find(kCanary) != std::string::npos) out.push_back(entry.path());
  }
  return out;
}

std::string read_bytes(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

void write_bytes(const std::string& path, const std::string& bytes) {
  std::ofstream out(path, std::ios::binary | std::ios::trunc);
  out.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
}

void flip_byte(const std::string& path, uint64_t offset) {
  std::fstream file(path, std::ios::binary | std::ios::in | std::ios::out);
  file.seekg(static_cast<std::streamoff>(offset));
  const int byte = file.get();
  file.seekp(static_cast<std::streamoff>(offset));
  file.put(static_cast<char>(byte ^ 1));
}

std::string fill(int rows, int first) {
  return "WITH RECURSIVE n(i) AS (SELECT " + std::to_string(first) + " UNION ALL SELECT i + 1 FROM n WHERE i + 1 < " +
         std::to_string(first + rows) + ") INSERT INTO t SELECT i, '" + kCanary +
         "' || i || hex(randomblob(60)) FROM n";
}

}  // namespace coffer::sqlite
