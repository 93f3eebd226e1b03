// The program that `coffer exec` is to run: found as the shell finds it, and refused if preloading could not reach it.
#pragma once

#include <string>

#include "coffer/base/status.h"

namespace coffer::cli {

// Its path. kNotFound, kPermissionDenied; kUnsupported for a program into which the dynamic linker would silently load
// nothing, so that it would write plaintext: statically linked, of another word size, or setuid.
Result<std::string> find_preloadable_program(const std::string& name);

}  // namespace coffer::cli
