// SQLite, as a loaded extension calls it: by the table that the program's own library hands over.
#pragma once

#include <sqlite3ext.h>

SQLITE_EXTENSION_INIT3
