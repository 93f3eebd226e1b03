#include "coffer/engines/sqlite/vfs.h"

#include "coffer/base/path.h"
#include "coffer/engines/sqlite/coffers.h"
#include "coffer/engines/sqlite/failure.h"
#include "coffer/engines/sqlite/journal_file.h"
#include "coffer/engines/sqlite/temp_file.h"
#include "coffer/engines/sqlite/wal_file.h"

namespace coffer::sqlite {
namespace {

using MadeFile = Result<std::unique_ptr<File>>;

constexpr int kTemporary =
    SQLITE_OPEN_TEMP_DB | SQLITE_OPEN_TRANSIENT_DB | SQLITE_OPEN_TEMP_JOURNAL | SQLITE_OPEN_SUBJOURNAL;

sqlite3_vfs* base_of(sqlite3_vfs* vfs) { return static_cast<sqlite3_vfs*>(vfs->pAppData); }

MadeFile make_database(sqlite3_file* base, const char* name) {
  const char* const place = sqlite3_uri_parameter(name, "coffer");
  if (place == nullptr || *place == '\0') {
    return {Code::kInvalidArgument, std::string(name) + ": which coffer is it in? open it as file:" + name +
                                        "?vfs=coffer&coffer=DIRECTORY, of a coffer or its coffer.yaml"};
  }
  COFFER_ASSIGN(auto coffer, coffer_at(place));
  std::string domain = coffer->places().domain_of(name);
  auto file = std::make_unique<DatabaseFile>(base, Identity{std::move(coffer), name, std::move(domain), Kind::kSqlite});
  COFFER_TRY(file->open());
  return std::unique_ptr<File>(std::move(file));
}

// Of the database that SQLite has open for this name.
template <class F>
MadeFile make_beside(sqlite3_file* base, const char* name, Kind kind) {
  Handle* const handle = Handle::of(sqlite3_database_file_object(name));
  auto* const database = handle == nullptr ? nullptr : dynamic_cast<DatabaseFile*>(handle->object);
  if (database == nullptr) {
    return {Code::kUnsupported, std::string(name) + ": no database of vfs=coffer is open for it"};
  }
  return std::unique_ptr<File>(std::make_unique<F>(base, *database, database->identity_of(name, kind)));
}

// A super-journal holds names of journals and nothing of what is in them. It stays in clear, as do the names in
// journals: databases without Coffer that take part in a transaction have to read both (docs/format.md, J5).
MadeFile make_file(sqlite3_file* base, const char* name, int flags) {
  if ((flags & kTemporary) != 0 || name == nullptr) return TempFile::create(base);
  if ((flags & SQLITE_OPEN_MAIN_DB) != 0) return make_database(base, name);
  if ((flags & SQLITE_OPEN_MAIN_JOURNAL) != 0) return make_beside<JournalFile>(base, name, Kind::kSqliteJournal);
  if ((flags & SQLITE_OPEN_WAL) != 0) return make_beside<WalFile>(base, name, Kind::kSqliteWal);
  if ((flags & SQLITE_OPEN_SUPER_JOURNAL) != 0) return std::unique_ptr<File>(std::make_unique<File>(base));
  return {Code::kUnsupported, std::string(name) + ": SQLite opens it as a kind of file that Coffer does not know"};
}

int open_guarded(sqlite3_file* base, const char* name, int flags, Handle& handle) noexcept {
  try {
    settle_closed();
    auto made = make_file(base, name, flags);
    if (!made.is_ok()) return failed(made.status(), name == nullptr ? "a temporary file" : name);
    set_methods(handle, std::move(*made));
    return SQLITE_OK;
  } catch (const std::bad_alloc&) {
    return SQLITE_NOMEM;
  } catch (...) {
    return SQLITE_CANTOPEN;
  }
}

int open_file(sqlite3_vfs* vfs, const char* name, sqlite3_file* file, int flags, int* out_flags) {
  auto& handle = *reinterpret_cast<Handle*>(file);
  handle = {};
  sqlite3_vfs* const below = base_of(vfs);
  sqlite3_file* const base = handle.base();
  base->pMethods = nullptr;
  int result = below->xOpen(below, name, base, flags, out_flags);
  if (result == SQLITE_OK) result = open_guarded(base, name, flags, handle);
  if (result != SQLITE_OK && base->pMethods != nullptr) base->pMethods->xClose(base);
  return result;
}

int delete_file(sqlite3_vfs* vfs, const char* name, int sync) noexcept {
  const auto remove = [&] { return base_of(vfs)->xDelete(base_of(vfs), name, sync); };
  try {
    return remove_counted(name, remove);
  } catch (...) {
    return SQLITE_IOERR_DELETE;
  }
}

int access_file(sqlite3_vfs* vfs, const char* name, int flags, int* out) {
  return base_of(vfs)->xAccess(base_of(vfs), name, flags, out);
}

int full_name(sqlite3_vfs* vfs, const char* name, int size, char* out) {
  return base_of(vfs)->xFullPathname(base_of(vfs), name, size, out);
}

void* open_library(sqlite3_vfs* vfs, const char* name) { return base_of(vfs)->xDlOpen(base_of(vfs), name); }

void library_error(sqlite3_vfs* vfs, int size, char* out) { base_of(vfs)->xDlError(base_of(vfs), size, out); }

auto library_symbol(sqlite3_vfs* vfs, void* library, const char* name) -> void (*)() {
  return base_of(vfs)->xDlSym(base_of(vfs), library, name);
}

void close_library(sqlite3_vfs* vfs, void* library) { base_of(vfs)->xDlClose(base_of(vfs), library); }

int randomness(sqlite3_vfs* vfs, int size, char* out) { return base_of(vfs)->xRandomness(base_of(vfs), size, out); }

int wait_for(sqlite3_vfs* vfs, int microseconds) { return base_of(vfs)->xSleep(base_of(vfs), microseconds); }

int current_time(sqlite3_vfs* vfs, double* out) { return base_of(vfs)->xCurrentTime(base_of(vfs), out); }

int system_error(sqlite3_vfs* vfs, int size, char* out) {
  return base_of(vfs)->xGetLastError(base_of(vfs), size, out);
}

int current_time_int64(sqlite3_vfs* vfs, sqlite3_int64* out) {
  sqlite3_vfs* const below = base_of(vfs);
  if (below->iVersion >= 2 && below->xCurrentTimeInt64 != nullptr) return below->xCurrentTimeInt64(below, out);
  double days = 0;
  const int result = below->xCurrentTime(below, &days);
  *out = static_cast<sqlite3_int64>(days * 86400000.0);
  return result;
}

sqlite3_vfs make_vfs(sqlite3_vfs* below) {
  sqlite3_vfs vfs{};
  vfs.iVersion = 2;
  vfs.szOsFile = static_cast<int>(sizeof(Handle)) + below->szOsFile;
  vfs.mxPathname = below->mxPathname;
  vfs.zName = "coffer";
  vfs.pAppData = below;
  vfs.xOpen = open_file;
  vfs.xDelete = delete_file;
  vfs.xAccess = access_file;
  vfs.xFullPathname = full_name;
  vfs.xDlOpen = open_library;
  vfs.xDlError = library_error;
  vfs.xDlSym = library_symbol;
  vfs.xDlClose = close_library;
  vfs.xRandomness = randomness;
  vfs.xSleep = wait_for;
  vfs.xCurrentTime = current_time;
  vfs.xGetLastError = system_error;
  vfs.xCurrentTimeInt64 = current_time_int64;
  return vfs;
}

}  // namespace

int register_vfs() {
  sqlite3_vfs* const below = sqlite3_vfs_find(nullptr);
  if (below == nullptr) return SQLITE_ERROR;
  static sqlite3_vfs vfs = make_vfs(below);
  return sqlite3_vfs_register(&vfs, 0);
}

}  // namespace coffer::sqlite
