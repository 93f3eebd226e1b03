// What a RocksDB without Coffer leaves behind: a CURRENT file in clear, which it writes each time it opens a database
// to write to it.
#pragma once

#include "coffer/store/coffer.h"

namespace coffer::cli {

// Directories in which a program that was given these words may have opened a database: those that the words name,
// those that a script among them names, and the coffer's stores. Some words name directories that are not there yet.
std::vector<std::string> places_of_program(const Coffer& coffer, const std::vector<std::string>& words);
// Those of them where a CURRENT in clear was written since.
std::vector<std::string> written_in_clear(Disk& disk, const std::vector<std::string>& places, int64_t since_ns);
// Now, by the clock that files get their times from.
int64_t file_clock_ns();

}  // namespace coffer::cli
