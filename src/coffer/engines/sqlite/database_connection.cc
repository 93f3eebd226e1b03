// What a database's file asks of the connection that has it, and is asked by its pragmas.
#include <cstdlib>

#include "coffer/engines/sqlite/database_file.h"
#include "coffer/engines/sqlite/failure.h"

namespace coffer::sqlite {

const char* DatabaseFile::schema_name() const {
  if (connection_ == nullptr || *connection_ == nullptr) return nullptr;
  for (int i = 0; const char* name = sqlite3_db_name(*connection_, i); ++i) {
    sqlite3_file* file = nullptr;
    const int found = sqlite3_file_control(*connection_, name, SQLITE_FCNTL_FILE_POINTER, &file);
    const Handle* const handle = found == SQLITE_OK ? Handle::of(file) : nullptr;
    if (handle != nullptr && handle->object == this) return name;
  }
  return nullptr;
}

// SQLite makes temporary files of any of its databases by the VFS of the first. VACUUM INTO makes none.
bool DatabaseFile::may_be_attached(const char* name) const {
  sqlite3_vfs* vfs = nullptr;
  sqlite3_file_control(*connection_, "main", SQLITE_FCNTL_VFS_POINTER, &vfs);
  return sqlite3_stricmp(name, "vacuum_db") == 0 || (vfs != nullptr && std::string_view(vfs->zName) == "coffer");
}

// When SQLite begins to look at the database: whether the connection may have it, and what becomes of an empty one.
int DatabaseFile::begin() {
  sqlite3* const connection = connection_ == nullptr ? nullptr : *connection_;
  if (connection != user_) {  // the first one, or, of a shared cache, another
    const char* const name = schema_name();
    if (name != nullptr && !may_be_attached(name)) {
      return failed({Code::kPermissionDenied,
                     "is attached to a connection whose temporary files are not encrypted: open an encrypted database, "
                     "or :memory:, with vfs=coffer first, and attach this one and others to it"},
                    path());
    }
    if (name != nullptr) user_ = connection;
  }
  if (page_size_ == 0) reserve_bytes(schema_name());
  return SQLITE_OK;
}

// Of a database that has no page yet SQLite is told what to leave free in each, at the last moment before it looks
// for the first: whatever the program had to say of its pages, it has said.
void DatabaseFile::reserve_bytes(const char* name) {
  uint64_t size = 0;
  if (name == nullptr || measure(&size) != SQLITE_OK || size != 0) return;
  int reserve = kSqliteReserve;
  sqlite3_file_control(*connection_, name, SQLITE_FCNTL_RESERVE_BYTES, &reserve);
}

int DatabaseFile::pragma(char** words) {
  const char* const name = words[1];
  const char* const value = words[2];
  if (value == nullptr || sqlite3_stricmp(name, "page_size") != 0) return SQLITE_NOTFOUND;
  uint64_t size = 0;
  const int result = measure(&size);
  if (result != SQLITE_OK) return result;
  const auto wanted = std::strtoul(value, nullptr, 10);
  if (size != 0 && page_size_ == 0) find_page_size();
  if (size != 0 && wanted != page_size_) {
    words[0] = sqlite3_mprintf(
        "the page size of an encrypted database cannot be changed in place: VACUUM INTO 'file:NEW?vfs=coffer&coffer=…' "
        "writes another one");
    return SQLITE_ERROR;
  }
  if (wanted != 0 && wanted < kSqlitePageSizeMin) {
    words[0] = sqlite3_mprintf("pages of an encrypted database have %d to %d bytes", int{kSqlitePageSizeMin},
                               int{kSqlitePageSizeMax});
    return SQLITE_ERROR;
  }
  return SQLITE_NOTFOUND;
}

}  // namespace coffer::sqlite
