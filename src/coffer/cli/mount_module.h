// Mounting, in a module of its own: no other command is to load libfuse, nor to fail where it is missing.
#pragma once

#include "coffer/cli/command.h"

namespace coffer::cli {

inline constexpr const char* kMountModule = "libcoffer_mount.so";

}  // namespace coffer::cli

extern "C" {
// coffer mount.
coffer::Result<coffer::cli::Outcome> coffer_mount(const coffer::cli::Arguments& arguments,
                                                  coffer::cli::Console& console);
}
