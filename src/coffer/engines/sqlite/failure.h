// How Coffer's errors are told to SQLite: a return code for the program, a line for SQLite's error log, and the text
// for coffer_error(), since SQLite itself hands on no text of a VFS.
#pragma once

#include <string>

#include "coffer/base/status.h"

namespace coffer::sqlite {

// Logs it, remembers it for this thread, and returns SQLite's code for it. REQUIRES: it is not ok.
//   SQLITE_IOERR_DATA  damaged, altered, cut or of another place: docs/format.md says what of a file is proved
//   SQLITE_IOERR_AUTH  there is no key for it now: destroyed, locked, taken back, or its provider does not answer
//   SQLITE_NOTADB      in clear, or no database
//   SQLITE_FULL, SQLITE_IOERR_…, SQLITE_CANTOPEN  as SQLite has them
int failed(const Status& status, const std::string& path);

// The latest of this thread, in one line; empty: there was none.
const std::string& last_failure();

}  // namespace coffer::sqlite
