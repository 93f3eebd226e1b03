// Mounting, in a module of its own: no other command is to load libfuse, nor to fail where it is missing.
#pragma once

#include "coffer/cli/command.h"

namespace coffer::cli {

// Calls a function of the module, which is loaded for that.
Result<Outcome> call_mount_module(const char* function, const Arguments& arguments, Console& console);

}  // namespace coffer::cli

extern "C" {
// coffer mount.
coffer::Result<coffer::cli::Outcome> coffer_mount(const coffer::cli::Arguments& arguments,
                                                  coffer::cli::Console& console);
// coffer exec --mount.
coffer::Result<coffer::cli::Outcome> coffer_exec_mounted(const coffer::cli::Arguments& arguments,
                                                         coffer::cli::Console& console);
}
