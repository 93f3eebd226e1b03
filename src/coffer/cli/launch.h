// Running a program with Coffer's RocksDB plug-in in it. What stands here and in program.h is in the `coffer`
// executable itself, which needs no library but C's; so it is soon out of the program's way.
#pragma once

#include <string>
#include <vector>

#include "coffer/cli/program.h"

namespace coffer::cli {

// Absolute, without trailing slash or symbolic links; kNotFound if it does not exist.
Result<std::string> canonical_path(const std::string& path);
// A shared library of Coffer's: beside this executable (a build tree), or in the library directory it was installed
// with.
Result<std::string> find_library(const std::string& name);
// $COFFER_PRELOAD, or where libraries are.
Result<std::string> find_plug_in();
// Every byte that could mean something in a URI as %XX.
std::string percent_encoded(const std::string& text);
// Programs that this process becomes or starts from now on get the plug-in, for files that the coffer of this URI
// protects.
Status preload_plug_in(const std::string& plug_in, const std::string& uri);
// Becomes the program. Returns only if that fails.
Status become(const Program& program, std::vector<std::string> words);

// The usual case of `coffer exec COFFER -- PROGRAM …`, where the program is one that begins with the plug-in in it: the
// coffer is then opened once, by the plug-in, before the program's first step. Returns if something is unusual or
// wrong: the command does it then, and says what is wrong.
void launch(const std::vector<std::string>& words);

}  // namespace coffer::cli
