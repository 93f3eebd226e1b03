// What SQLite finds in coffer_sqlite.so when it loads it: `SELECT load_extension('coffer_sqlite')`, or `.load`. One
// loading makes the VFS known to all connections of the process, for as long as that lives. docs/sqlite.md.
#include "coffer/engines/sqlite/failure.h"
#include "coffer/engines/sqlite/vfs.h"

#include <sqlite3ext.h>

SQLITE_EXTENSION_INIT1

namespace {

constexpr int kOldestSqlite = 3040000;  // what Debian 12 has, and the tests run on

void tell_last_failure(sqlite3_context* context, int, sqlite3_value**) {
  const std::string& text = coffer::sqlite::last_failure();
  if (text.empty()) return sqlite3_result_null(context);
  sqlite3_result_text(context, text.c_str(), static_cast<int>(text.size()), SQLITE_TRANSIENT);
}

int add_functions(sqlite3* connection) {
  return sqlite3_create_function(connection, "coffer_error", 0, SQLITE_UTF8 | SQLITE_DIRECTONLY, nullptr,
                                 tell_last_failure, nullptr, nullptr);
}

// Of every connection that is opened from now on.
int add_to_new(sqlite3* connection, char**, const sqlite3_api_routines*) { return add_functions(connection); }

}  // namespace

extern "C" [[gnu::visibility("default")]] int sqlite3_extension_init(sqlite3* connection, char** message,
                                                                     const sqlite3_api_routines* routines) {
  SQLITE_EXTENSION_INIT2(routines);
  if (sqlite3_libversion_number() < kOldestSqlite) {
    *message = sqlite3_mprintf("coffer_sqlite needs SQLite 3.40 or newer, and this is %s", sqlite3_libversion());
    return SQLITE_ERROR;
  }
  int result = coffer::sqlite::register_vfs();
  if (result == SQLITE_OK) result = add_functions(connection);
  if (result == SQLITE_OK) result = sqlite3_auto_extension(reinterpret_cast<void (*)()>(add_to_new));
  return result == SQLITE_OK ? SQLITE_OK_LOAD_PERMANENTLY : result;
}
