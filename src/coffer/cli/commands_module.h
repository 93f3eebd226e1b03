// The one function of libcoffer_commands.so, the module that has the commands: `coffer` loads it unless it can do
// without.
#pragma once

#include <string>
#include <vector>

inline constexpr const char* kCommandsModule = "libcoffer_commands.so";

// Runs the command of these words, without the program's name. Returns the exit status.
extern "C" int coffer_commands(const std::vector<std::string>& words);
